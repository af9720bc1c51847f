/* Compiler settings: functions that are always inlined, loops over vector lanes, and the namespace of the instruction
 * set that a translation unit is compiled for. Code lives in nb::NB_ISA, so that the linker never mixes the functions
 * of two instruction sets; plain data that crosses between them lives in nb. */
#ifndef NANOBRAGG_COMPILER_H
#define NANOBRAGG_COMPILER_H

#if defined(__CUDACC_RTC__) /* has the mathematical functions built in, and no headers */
using int32_t = int;
using uint32_t = unsigned int;
using int64_t = long long;
using uint64_t = unsigned long long;
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
#if defined(__GNUC__)
#define NB_MEMBER inline __attribute__((always_inline))
#else
#define NB_MEMBER inline
#endif
#define NB_INLINE static NB_MEMBER

/* The iterations of the loop that follows are independent: one a vector lane. */
#define NB_SIMD _Pragma("omp simd")

#endif
