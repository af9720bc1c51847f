/* The derivatives of one instruction set's kernel: compiled once for each, like kernel.cpp. */
#include "nanobragg/accumulate_slopes.h"
#include "nanobragg/coefficients.h"
#include "nanobragg/consume.h"
#include "nanobragg/culling/primitive_planes.h"
#include "nanobragg/kernel.h"
#include "nanobragg/smeared_slopes.h"
#include "nanobragg/walk.h"

namespace nb::NB_ISA {

static constexpr SlopesTable<double, double> in_double;
static constexpr SlopesTable<double, float> in_double_from_floats;
static constexpr SlopesTable<float, float> in_single;
static constexpr SmearedSlopesTable<double> smeared;
static constexpr SmearedSlopesTable<float> smeared_from_floats;

static constexpr ChangesTable<double> changing;
static constexpr ChangesTable<float> changing_from_floats;

/* How terms are added in double precision. */
static Accumulate<Gradient<double>> *slopes_in_double(const Scene &s, int precision)
{
    const bool doubles = precision == IN_DOUBLE;
    if (s.smear)
        return (doubles ? smeared.function : smeared_from_floats.function)[s.lookup];
    if (s.crystal_slope)
        return (doubles ? changing.function : changing_from_floats.function)[s.shape][s.lookup];
    return (doubles ? in_double.function : in_double_from_floats.function)[s.shape][s.lookup];
}

/* The same with what the crystal scatters besides, which is never in single precision. */
static Adders<Gradient<double>> adders_in_double(const Scene &s, int precision)
{
    return {slopes_in_double(s, precision), s.rest ? slopes_in_double(*s.rest, precision) : nullptr};
}

/* Pixels of one row, of numbers from `first` on in the task's list; at most SPAN_PIXELS. */
static int span_at(const GradientTask &task, int64_t first, int64_t end, int *columns)
{
    const int64_t row = task.pixels[first] / task.fast;
    int n = 0;
    while (n < SPAN_PIXELS && first + n < end && task.pixels[first + n] / task.fast == row) {
        columns[n] = (int)(task.pixels[first + n] - row * task.fast);
        ++n;
    }
    return n;
}

template <class Real>
static void consume_pixels(const Scene &s, const Motions &motions, const GradientTask &task, int64_t first, int64_t end,
                           const Adders<Gradient<Real>> add, Consumer &consumer)
{
    int columns[SPAN_PIXELS];
    while (first < end && !*task.stop) {
        const int64_t row = task.pixels[first] / task.fast;
        const int panel = (int)(row / task.slow), n = span_at(task, first, end, columns);
        Gradient<Real> sink(motions);
        visit_terms(s, s.panels[panel], (int)(row % task.slow), columns, n, all_of(s), add, task.stop, sink);
        sink.store(s.scale, n, consumer.primitives(), SPAN_ROW);
        consumer.take(panel, first, n);
        first += n;
    }
}

static void run(const Scene &s, const Motions &motions, const GradientTask &task, int64_t first, int64_t end,
                char *memory, double *sums)
{
    Consumer consumer(task, memory, sums);
    if (task.precision == IN_SINGLE)
        consume_pixels<float>(s, motions, task, first, end, in_single.function[s.shape][s.lookup], consumer);
    else
        consume_pixels<double>(s, motions, task, first, end, adders_in_double(s, task.precision), consumer);
    consumer.finish();
}

static size_t task_bytes(const GradientTask &task)
{
    return Consumer::bytes(task);
}

static constexpr size_t PLANES_BYTES = PRIMITIVES * REGION_PIXELS * sizeof(double);

static size_t rounded(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static size_t region_task_bytes(const Scene &s, const Plan &plan, const GradientTask &task)
{
    return rounded(Consumer::bytes(task)) + PLANES_BYTES + REGION_PIXELS + region_bytes(s, plan);
}

/* First number from `first` on of the task's pixels at this place in the image, or behind it. */
static int64_t first_behind(const GradientTask &task, int64_t first, int64_t place)
{
    int64_t end = task.n_pixels;
    while (first < end) {
        const int64_t middle = (first + end) / 2;
        if (task.pixels[middle] < place)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

/* Mark a region's pixels that a task wants, and note the number of each row's first; returns whether there are any. */
static bool mark_pixels(const GradientTask &task, int panel, const Region &region, unsigned char *wanted,
                        int64_t *first)
{
    bool any = false;
    int64_t number = 0;
    memset(wanted, 0, REGION_PIXELS);
    for (int y = 0; y < region.n_slow; ++y) {
        const int64_t place = ((int64_t)panel * task.slow + region.slow + y) * task.fast + region.fast;
        first[y] = number = first_behind(task, number, place);
        for (; number < task.n_pixels && task.pixels[number] < place + region.n_fast; ++number, any = true)
            wanted[REGION * y + (task.pixels[number] - place)] = 1;
    }
    return any;
}

static void consume_region(const GradientTask &task, int panel, const Region &region, const int64_t *first,
                           const double *planes, Consumer &consumer)
{
    for (int y = 0; y < region.n_slow && !*task.stop; ++y) {
        int n = 0;
        for (int x = 0; x < region.n_fast; ++x)
            if (region.wanted[REGION * y + x]) {
                for (int k = 0; k < PRIMITIVES; ++k)
                    consumer.primitives()[k * SPAN_ROW + n] = planes[k * REGION_PIXELS + REGION * y + x];
                ++n;
            }
        if (n)
            consumer.take(panel, first[y], n);
    }
}

template <class Real>
static void render_planes(const Scene &s, const Motions *motions, const Plan &plan, double epsilon,
                          const GradientTask &task, int panel, const Region &region, Accumulate<Gradient<Real>> *add,
                          double *planes, char *memory, Tally &tally)
{
    const Panel &p = s.panels[panel];
    PrimitivePlanes<Real> picture(s, p, plan, region, motions, add, task.stop, planes);
    RegionRenderer<PrimitivePlanes<Real>>(s, p, plan, epsilon, region, picture, nullptr, memory, task.stop)
        .render(tally);
}

static void run_region(const Scene &s, const Motions *motions, const Plan &plan, double epsilon,
                       const GradientTask &task, int panel, int fast, int slow, char *memory, double *sums,
                       Tally *tally)
{
    Consumer consumer(task, memory, sums);
    memory += rounded(Consumer::bytes(task));
    double *const planes = (double *)memory;
    unsigned char *const wanted = (unsigned char *)(memory + PLANES_BYTES);
    memory += PLANES_BYTES + REGION_PIXELS;
    int64_t first[REGION];
    const Region region = {fast, slow, smaller(REGION, task.fast - fast), smaller(REGION, task.slow - slow), wanted};
    if (!mark_pixels(task, panel, region, wanted, first))
        return;
    memset(planes, 0, PLANES_BYTES);
    visit_parts(s, plan, epsilon, *tally, [&](const Scene &part, const Plan &of_part, double share, Tally &found) {
        if (task.precision == IN_SINGLE)
            render_planes(part, motions, of_part, share, task, panel, region,
                          in_single.function[part.shape][part.lookup], planes, memory, found);
        else
            render_planes(part, motions, of_part, share, task, panel, region, slopes_in_double(part, task.precision),
                          planes, memory, found);
    });
    consume_region(task, panel, region, first, planes, consumer);
    consumer.finish();
}

static void of_term(const Scene &scene, const Motions &motions, const TermAt &at, int precision, double *primitives)
{
    static const int go_on = 0;
    Scene s = scene;
    s.water = 0.0; /* what surrounds the crystal is no part of a term */
    s.amorphous = nullptr;
    const Panel &p = s.panels[at.panel];
    const int m = whole_vectors(1);
    double rows[LANES], columns[LANES];
    fill(rows, sub_pixel_at(s, p, at.slow, at.sub_slow), m);
    fill(columns, sub_pixel_at(s, p, at.fast, at.sub_fast), m);
    Lanes lanes;
    Gradient<double> sink(motions);
    reset(s, m, lanes);
    find_rays<false, Latest, true>(s, p, at.layer, rows[0], columns, false, false, 0, m, lanes);
    sink.at_place(s, p, at.layer, rows, columns, lanes);
    SmearedSpot spot = {};
    if (s.smear)
        spot = spot_of(*s.smear, at.reflection[0], at.reflection[1], at.reflection[2]);
    add_source<Gradient<double>>(s, at.source, {nullptr, at.orientation, 1, s.smear ? &spot : nullptr}, true,
                                 slopes_in_double(s, precision), &go_on, m, lanes, sink);
    sink.leave_place(s, p, m, lanes);
    sink.store(s.scale, 1, primitives, 1);
}

static constexpr CoefficientsTable<double> of_doubles;
static constexpr CoefficientsTable<float> of_floats;

static void coefficients(const Scene &s, const Panel &p, int slow, const int *fast, int n, int precision,
                         const volatile int *stop, PushCoefficient *push, void *list)
{
    Coefficients sink(push, list, n, s.scale);
    double photons[LANES];
    const bool doubles = precision == IN_DOUBLE;
    Accumulate<Coefficients> *const add = s.smear
                                            ? (doubles ? gather_smeared<double> : gather_smeared<float>)
                                            : (doubles ? of_doubles.function : of_floats.function)[s.shape][s.lookup];
    walk<Coefficients>(s, p, slow, fast, n, all_of(s), add, stop, sink, photons);
    sink.finish_lanes();
}

extern const GradientKernel gradient_kernel = {run, task_bytes, run_region, region_task_bytes, of_term, coefficients};

} // namespace nb::NB_ISA
