/* Spans of pixels with their primitives, consumed: derivative images, and sums over the pixels (gradient_task.h). */
#ifndef NANOBRAGG_CONSUME_H
#define NANOBRAGG_CONSUME_H

#include "gradient_task.h"
#include "scene.h"

namespace nb::NB_ISA {

constexpr int EIGHT = 8;
typedef double Eight __attribute__((vector_size(EIGHT * sizeof(double))));

NB_INLINE double sum_of(const Eight v)
{
    return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
}

/* Rows of numbers for the pixels of a span, in whole vectors: zero beyond the last one. A vector more than needed: rows
 * of the same pixel must not be a multiple of 4096 bytes apart, which stalls loads. */
constexpr int SPAN_VECTORS = SPAN_PIXELS / EIGHT + 1, SPAN_ROW = SPAN_VECTORS * EIGHT;
constexpr int TILE_ROWS = 4; /* of the matrix that are summed together */

class Consumer {
public:
    /* `memory`: see `bytes`; `sums`: zero, as many as `sums_of` says. */
    Consumer(const GradientTask &task, char *memory, double *sums)
        : task(task), n_rows(PRIMITIVES + task.n_extra), rows((double *)memory),
          tiles((Eight *)(memory + (size_t)n_rows * SPAN_ROW * sizeof(double))), sums(sums)
    {
        if (task.aim == EQUATIONS)
            memset(tiles, 0, tile_count(task.n_used) * TILE_ROWS * TILE_ROWS * sizeof(Eight));
    }

    /* Of memory, at a multiple of 64. */
    static size_t bytes(const GradientTask &task)
    {
        const size_t tiles = tile_count(task.n_used) * TILE_ROWS * TILE_ROWS;
        return (PRIMITIVES + task.n_extra) * SPAN_ROW * sizeof(double) + tiles * sizeof(Eight);
    }

    /* Where the primitives of the next span are to be put, each in a row of SPAN_ROW. */
    double *primitives() { return rows; }

    /* Consume the n pixels from number `first` of the list on. */
    void take(int panel, int64_t first, int n)
    {
        for (int k = 0; k < n_rows; ++k) {
            double *row = rows + k * SPAN_ROW;
            for (int i = 0; i < n && k >= PRIMITIVES; ++i)
                row[i] = task.extra[(k - PRIMITIVES) * task.n_pixels + first + i];
            for (int i = n; i < SPAN_ROW; ++i)
                row[i] = 0.0;
        }
        if (task.aim == IMAGES)
            task.single ? add_images<float>(panel, first, n) : add_images<double>(panel, first, n);
        else if (task.aim == PRODUCTS)
            add_products(padded(task.vector + first, n), vectors_of(n), sums);
        else
            add_likelihood(first, n);
    }

    /* Add what has been collected to the sums. */
    void finish()
    {
        if (task.aim != EQUATIONS)
            return;
        double *matrix = sums + 2 + n_rows;
        const Eight *tile = tiles;
        for (int i = 0; i < task.n_used; i += TILE_ROWS)
            for (int j = 0; j <= i; j += TILE_ROWS, tile += TILE_ROWS * TILE_ROWS)
                for (int x = 0; x < TILE_ROWS && i + x < task.n_used; ++x)
                    for (int y = 0; y < TILE_ROWS && j + y < task.n_used; ++y)
                        matrix[(int64_t)(i + x) * task.n_used + j + y] += sum_of(tile[TILE_ROWS * x + y]);
    }

private:
    struct alignas(64) Span {
        double values[SPAN_ROW];
    };

    static size_t tile_count(int n)
    {
        const size_t edge = (n + TILE_ROWS - 1) / TILE_ROWS;
        return edge * (edge + 1) / 2;
    }

    static int vectors_of(int n) { return (n + EIGHT - 1) / EIGHT; }

    const Eight *row(int k) const { return (const Eight *)(rows + k * SPAN_ROW); }

    static Span padded(const double *values, int n)
    {
        Span span;
        for (int i = 0; i < SPAN_ROW; ++i)
            span.values[i] = i < n ? values[i] : 0.0;
        return span;
    }

    template <class Out> void add_images(int panel, int64_t first, int n)
    {
        const int64_t *places = task.pixels + first;
        const bool together = places[n - 1] - places[0] == n - 1;
        for (int image = 0; image < task.n_images; ++image) {
            alignas(64) Eight sum[SPAN_VECTORS] = {};
            const double *factors = task.factors + ((int64_t)panel * task.n_images + image) * n_rows;
            for (int k = 0; k < n_rows; ++k)
                if (factors[k] != 0.0)
                    for (int x = 0; x < SPAN_VECTORS - 1; ++x)
                        sum[x] += factors[k] * row(k)[x];
            const double *sums_here = (const double *)sum;
            Out *out = (Out *)task.images + image * task.image_stride;
            if (together)
                NB_SIMD for (int i = 0; i < n; ++i) out[places[0] + i] = (Out)sums_here[i];
            else
                for (int i = 0; i < n; ++i)
                    out[places[i]] = (Out)sums_here[i];
        }
    }

    void add_products(const Span &span, int vectors, double *products)
    {
        const Eight *vector = (const Eight *)span.values;
        for (int k = 0; k < n_rows; ++k) {
            Eight sum = {};
            for (int x = 0; x < vectors; ++x)
                sum += vector[x] * row(k)[x];
            products[k] += sum_of(sum);
        }
    }

    void add_likelihood(int64_t first, int n)
    {
        Span slopes = {}, weights = {};
        for (int i = 0; i < n; ++i) {
            const double model = rows[TOTAL * SPAN_ROW + i] + (task.background ? task.background[first + i] : 0.0);
            const Likeliness pixel = likeliness(task.noise, task.data[first + i], model,
                                                task.weights ? task.weights[first + i] : 0.0);
            sums[0] += pixel.loss;
            sums[1] += pixel.deviation;
            slopes.values[i] = pixel.slope;
            weights.values[i] = pixel.weight;
            if (task.slopes)
                task.slopes[first + i] = pixel.slope;
        }
        add_products(slopes, vectors_of(n), sums + 2);
        if (task.aim == EQUATIONS)
            add_tiles((const Eight *)weights.values, vectors_of(n));
    }

    /* The lower triangle of the matrix of weighted products, tile by tile. */
    void add_tiles(const Eight *weights, int vectors)
    {
        Eight *tile = tiles;
        for (int i = 0; i < task.n_used; i += TILE_ROWS) {
            Eight left[TILE_ROWS][SPAN_VECTORS];
            for (int a = 0; a < TILE_ROWS; ++a)
                for (int x = 0; x < vectors; ++x)
                    left[a][x] = weights[x] * used_row(i + a)[x];
            for (int j = 0; j <= i; j += TILE_ROWS, tile += TILE_ROWS * TILE_ROWS)
                add_tile(left, j, vectors, tile);
        }
    }

    void add_tile(const Eight (*left)[SPAN_VECTORS], int j, int vectors, Eight *tile) const
    {
        const Eight *b0 = used_row(j), *b1 = used_row(j + 1), *b2 = used_row(j + 2), *b3 = used_row(j + 3);
        Eight sum[TILE_ROWS][TILE_ROWS] = {};
        for (int x = 0; x < vectors; ++x)
            for (int a = 0; a < TILE_ROWS; ++a) {
                sum[a][0] += left[a][x] * b0[x];
                sum[a][1] += left[a][x] * b1[x];
                sum[a][2] += left[a][x] * b2[x];
                sum[a][3] += left[a][x] * b3[x];
            }
        for (int a = 0; a < TILE_ROWS; ++a)
            for (int b = 0; b < TILE_ROWS; ++b)
                tile[TILE_ROWS * a + b] += sum[a][b];
    }

    /* A row of the matrix; beyond the last one, whichever. */
    const Eight *used_row(int i) const { return row(task.used[i < task.n_used ? i : task.n_used - 1]); }

    const GradientTask &task;
    const int n_rows;
    double *const rows;
    Eight *const tiles;
    double *const sums;
};

} // namespace nb::NB_ISA

#endif
