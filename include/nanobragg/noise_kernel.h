/* The entry points of the noise of one instruction set (noise_kernel.cpp). */
#ifndef NANOBRAGG_NOISE_KERNEL_H
#define NANOBRAGG_NOISE_KERNEL_H

#include <stddef.h>
#include <stdint.h>

namespace nb {

/* Deviates of n pixels from `first_pixel` on, of the stream that a purpose and a key name: Poisson numbers of means
 * >= 0, and normal ones of mean 0 and variance 1. */
struct NoiseKernel {
    void (*poisson)(const double *mean, size_t n, uint64_t first_pixel, uint64_t purpose, uint64_t key, double *out);
    void (*normals)(size_t n, uint64_t first_pixel, uint64_t purpose, uint64_t key, double *out);
};

} // namespace nb

#endif
