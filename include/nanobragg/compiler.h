/* Compiler settings: functions that are always inlined, loops over vector lanes, what differs on a GPU (NB_DEVICE), and
 * the namespace of the instruction set that a translation unit is compiled for. Code lives in nb::NB_ISA, so that the
 * linker never mixes the functions of two instruction sets; plain data that crosses between them lives in nb. */
#ifndef NANOBRAGG_COMPILER_H
#define NANOBRAGG_COMPILER_H

#if defined(__CUDACC_RTC__) /* has the mathematical functions built in, and no headers */
using int32_t = int;
using uint32_t = unsigned int;
using int64_t = long long;
using uint64_t = unsigned long long;
#define INFINITY __int_as_float(0x7f800000)
#define UINT64_C(number) number##ull
#else
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#endif

#if !defined(NB_ISA)
#define NB_ISA portable
#endif

/* For members of objects; NB_INLINE for everything else. */
#if defined(__CUDACC_RTC__)
#define NB_MEMBER __forceinline__
#elif defined(__GNUC__)
#define NB_MEMBER inline __attribute__((always_inline))
#else
#define NB_MEMBER inline
#endif
#define NB_INLINE static NB_MEMBER

/* The iterations of the loop that follows are independent: one a vector lane. On a GPU a lane is a pixel of a thread,
 * kept in registers. NB_SIMD_IF takes a condition without commas. */
#if defined(NB_DEVICE)
#define NB_SIMD _Pragma("unroll")
#define NB_SIMD_IF(condition) NB_SIMD
#define NB_SIMD_SUM(x) NB_SIMD
#else
#define NB_PRAGMA(text) _Pragma(#text)
#define NB_SIMD _Pragma("omp simd")

/* The same, with a sum over all of them. */
#define NB_PRAGMA(text) _Pragma(#text)
#define NB_SIMD_SUM(x) NB_PRAGMA(omp simd reduction(+ : x))
#define NB_SIMD_IF(condition) NB_PRAGMA(omp simd if (condition))
#endif

namespace nb {

#if defined(NB_DEVICE)

/* A kernel on a GPU is not interrupted: it renders a part of the image. */
struct StopFlag {
    NB_MEMBER bool operator*() const { return false; }
};

/* What does not change while the kernel runs. */
template <class Entry> NB_INLINE Entry read_only(const Entry *place)
{
    return __ldg(place);
}

#else

using StopFlag = const volatile int *; /* set by another thread: give up */

template <class Entry> NB_INLINE Entry read_only(const Entry *place)
{
    return *place;
}

#endif

} // namespace nb

#endif
