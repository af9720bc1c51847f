/* Random numbers from a counter: those of pixel i depend on i, a purpose, an attempt and a key only, so that they can
 * be drawn in any order, in vector lanes and on any number of threads. Philox4x32-10: J. Salmon et al., Parallel random
 * numbers: as easy as 1, 2, 3, Proc. SC11 (2011). */
#ifndef NANOBRAGG_NOISE_PHILOX_H
#define NANOBRAGG_NOISE_PHILOX_H

#include "../compiler.h"

namespace nb::NB_ISA {

struct Key {
    uint32_t low, high;
};

/* Two numbers on (0, 1), odd multiples of 2^-53. */
struct Uniforms {
    double u, v;
};

/* 52 random bits as a number on (0, 1): the middle of one of 2^52 equal intervals. */
NB_INLINE double open_unit(uint32_t high, uint32_t low)
{
    const uint64_t bits = UINT64_C(0x3ff0000000000000) | (uint64_t)high << 20 | low >> 12;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x - (1.0 - 0x1p-53); /* exact */
}

NB_INLINE Uniforms philox(uint64_t pixel, uint32_t attempt, uint32_t purpose, Key key)
{
    uint32_t a = (uint32_t)pixel, b = (uint32_t)(pixel >> 32), c = attempt, d = purpose;
    uint32_t k = key.low, l = key.high;
    for (int round = 0; round < 10; round++) {
        const uint64_t first = UINT64_C(0xD2511F53) * a, second = UINT64_C(0xCD9E8D57) * c;
        const uint32_t new_a = (uint32_t)(second >> 32) ^ b ^ k, new_c = (uint32_t)(first >> 32) ^ d ^ l;
        b = (uint32_t)second;
        d = (uint32_t)first;
        a = new_a;
        c = new_c;
        k += 0x9E3779B9u;
        l += 0xBB67AE85u;
    }
    return {open_unit(a, b), open_unit(c, d)};
}

} // namespace nb::NB_ISA

#endif
