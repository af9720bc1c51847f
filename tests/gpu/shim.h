/* Device code on the CPU: included before the text that NVRTC compiles. The threads of a block are coroutines, which
 * take turns at its barriers; blocks follow each other. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <tuple>
#include <ucontext.h>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __launch_bounds__(...)

namespace shim {

struct Index {
    unsigned x, y, z;
};

constexpr size_t STACK = 1 << 18;

struct Thread {
    ucontext_t context;
    bool running;
};

inline std::vector<Thread> threads;
inline std::vector<char> stacks;
inline ucontext_t block;
inline unsigned current;
inline int votes, waiting; /* of the barrier that threads are coming to */
inline int result;         /* of the last one */
inline unsigned ballot;
inline void (*body)(void *);
inline void *arguments;

} // namespace shim

inline shim::Index threadIdx, blockIdx, blockDim, gridDim;

inline int __syncthreads_count(int here)
{
    shim::votes += here != 0;
    ++shim::waiting;
    swapcontext(&shim::threads[shim::current].context, &shim::block);
    return shim::result;
}

inline int __syncthreads_or(int here)
{
    return __syncthreads_count(here) != 0;
}

inline void __syncthreads()
{
    __syncthreads_count(0);
}

template <class Number> Number __ldg(const Number *place)
{
    return *place;
}

inline float __fdividef(float x, float y)
{
    return x / y;
}

/* For blocks of one warp. */
inline unsigned __ballot_sync(unsigned, int here)
{
    const unsigned bit = 1u << threadIdx.x;
    shim::ballot = (shim::ballot & ~bit) | (here ? bit : 0u);
    __syncthreads();
    const unsigned all = shim::ballot;
    __syncthreads();
    return all;
}

inline int __popc(unsigned x)
{
    return __builtin_popcount(x);
}

template <class Number> Number atomicAdd(Number *place, Number number)
{
    const Number before = *place;
    *place += number;
    return before;
}

template <class Number> Number atomicMax(Number *place, Number number)
{
    const Number before = *place;
    *place = number > before ? number : before;
    return before;
}

namespace shim {

inline void enter()
{
    body(arguments);
    threads[current].running = false;
    swapcontext(&threads[current].context, &block);
}

/* Returns whether all threads came to the same barriers. */
inline bool run_block(unsigned size)
{
    threads.resize(size);
    stacks.resize(size * STACK);
    for (unsigned i = 0; i < size; ++i) {
        getcontext(&threads[i].context);
        threads[i].context.uc_stack = {&stacks[i * STACK], 0, STACK};
        threads[i].context.uc_link = nullptr;
        threads[i].running = true;
        makecontext(&threads[i].context, enter, 0);
    }
    for (;;) {
        unsigned running = 0;
        votes = waiting = 0;
        for (current = 0; current < size; ++current)
            if (threads[current].running) {
                threadIdx.x = current;
                swapcontext(&block, &threads[current].context);
                running += threads[current].running;
            }
        result = votes;
        if (running == 0)
            return true;
        if (running != size)
            return false;
    }
}

template <class... Argument, size_t... i>
void call(void (*kernel)(Argument...), void *const *given, std::index_sequence<i...>)
{
    kernel(*(std::remove_const_t<Argument> *)given[i]...);
}

/* A launch with pointers to the arguments; returns 0, or 1 if threads of a block part at a barrier. */
template <class... Argument> int launch(void (*kernel)(Argument...), unsigned grid, unsigned size, void *const *given)
{
    struct Call {
        void (*kernel)(Argument...);
        void *const *given;
    } now = {kernel, given};
    body = [](void *it) { call(((Call *)it)->kernel, ((Call *)it)->given, std::index_sequence_for<Argument...>{}); };
    arguments = &now;
    gridDim = {grid, 1, 1};
    blockDim = {size, 1, 1};
    for (unsigned i = 0; i < grid; ++i) {
        blockIdx = {i, 0, 0};
        if (!run_block(size))
            return 1;
    }
    return 0;
}

} // namespace shim
