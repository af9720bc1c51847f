/* A counter that several threads add to. */
#ifndef NANOBRAGG_COUNT_H
#define NANOBRAGG_COUNT_H

#include <stdint.h>

namespace nb {

static inline void count(int64_t *counter, int64_t n)
{
#if defined(__GNUC__)
    __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
#else
    *counter += n;
#endif
}

} // namespace nb

#endif
