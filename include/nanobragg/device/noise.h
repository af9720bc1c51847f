/* Random deviates of pixels on a GPU, one pixel a thread: the functions of noise/, bit for bit, if multiplications and
 * additions are not fused (rendering/cuda/deviates.py). */
#ifndef NANOBRAGG_DEVICE_NOISE_H
#define NANOBRAGG_DEVICE_NOISE_H

#include "../noise/poisson.h"

namespace nb::NB_ISA {

NB_INLINE long long number_of_thread()
{
    return (long long)blockIdx.x * blockDim.x + threadIdx.x;
}

/* Poisson deviates of n means. */
extern "C" __global__ void __launch_bounds__(NB_THREADS)
    poisson(const double *mean, long long n, const Stream stream, uint64_t first_pixel, double *out)
{
    const long long i = number_of_thread();
    if (i < n) {
        const Consecutive pixel = {first_pixel + (uint64_t)i};
        if (mean[i] < MANY_PHOTONS)
            draw_few(mean + i, pixel, 1, stream, out + i);
        else
            draw_many(mean + i, pixel, 1, stream, out + i);
    }
}

/* n normal deviates of mean 0 and variance 1. */
extern "C" __global__ void __launch_bounds__(NB_THREADS)
    normals(long long n, const Stream stream, uint64_t first_pixel, double *out)
{
    const long long i = number_of_thread();
    if (i < n)
        out[i] = normal_deviate(uniforms_of(first_pixel + (uint64_t)i, stream));
}

} // namespace nb::NB_ISA

#endif
