/* The entry points of the noise of one instruction set (noise_kernel.cpp). */
#ifndef NANOBRAGG_NOISE_KERNEL_H
#define NANOBRAGG_NOISE_KERNEL_H

#include <stddef.h>
#include <stdint.h>

namespace nb {

/* Deviates of n pixels from `first_pixel` on, for a purpose (one stream each) and a key of 64 bits: Poisson numbers of
 * means >= 0, and normal ones of mean 0 and variance 1. */
struct NoiseKernel {
    void (*poisson)(const double *mean, size_t n, uint64_t first_pixel, uint32_t purpose, uint32_t low, uint32_t high,
                    double *out);
    void (*normals)(size_t n, uint64_t first_pixel, uint32_t purpose, uint32_t low, uint32_t high, double *out);
};

} // namespace nb

#endif
