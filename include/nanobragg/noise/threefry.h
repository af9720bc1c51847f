/* Random numbers from a counter: those of pixel i depend on i and its stream only, so that they can be drawn in any
 * order, in vector lanes and on any number of threads. Threefry-2x64-20: J. Salmon et al., Parallel random numbers: as
 * easy as 1, 2, 3, Proc. SC11 (2011). It takes no products, of which those with 128 bits are slow in vector lanes. */
#ifndef NANOBRAGG_NOISE_THREEFRY_H
#define NANOBRAGG_NOISE_THREEFRY_H

#include "../compiler.h"

namespace nb::NB_ISA {

struct Stream {
    uint64_t key, purpose;
};

/* Two numbers on (0, 1), odd multiples of 2^-53. */
struct Uniforms {
    double u, v;
};

/* The upper 52 bits as a number on (0, 1): the middle of one of 2^52 equal intervals. */
NB_INLINE double open_unit(uint64_t word)
{
    const uint64_t bits = UINT64_C(0x3ff0000000000000) | word >> 12;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x - (1.0 - 0x1p-53); /* exact */
}

NB_INLINE void mix(uint64_t &a, uint64_t &b, int turn)
{
    a += b;
    b = (b << turn | b >> (64 - turn)) ^ a;
}

NB_INLINE Uniforms uniforms_of(uint64_t pixel, const Stream stream)
{
    const uint64_t keys[3] = {stream.key, stream.purpose, UINT64_C(0x1BD11BDAA9FC1A22) ^ stream.key ^ stream.purpose};
    uint64_t a = pixel + keys[0], b = keys[1];
    for (int group = 1; group <= 5; group++) {
        const bool odd = group % 2;
        mix(a, b, 16);
        mix(a, b, odd ? 42 : 32);
        mix(a, b, odd ? 12 : 24);
        mix(a, b, odd ? 31 : 21);
        a += keys[group % 3];
        b += keys[(group + 1) % 3] + (uint64_t)group;
    }
    return {open_unit(a), open_unit(b)};
}

} // namespace nb::NB_ISA

#endif
