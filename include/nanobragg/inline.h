/* Functions that the compiler must see through before it decides what to vectorise. */
#ifndef NANOBRAGG_INLINE_H
#define NANOBRAGG_INLINE_H

#if defined(__GNUC__)
#define NB_INLINE static inline __attribute__((always_inline))
#else
#define NB_INLINE static inline
#endif

#endif
