/* The kernel of one instruction set: compiled once for each, with another NB_ISA and -march. */
#include "nanobragg/culling/peak.h"
#include "nanobragg/culling/region.h"
#include "nanobragg/intensity.h"
#include "nanobragg/kernel.h"
#include "nanobragg/roofline.h"
#include "nanobragg/trace.h"
#include "nanobragg/walk.h"
#include "nanobragg/walk_c.h"

namespace nb::NB_ISA {

static constexpr AccumulateTable<double, double, Intensity> in_double;
static constexpr AccumulateTable<double, float, Intensity> in_double_from_floats;
static constexpr AccumulateTable<float, float, Intensity> in_single;
static constexpr AccumulateTable<double, double, Trace> traced;
static constexpr SumTable<double> spots;
static constexpr SumTable<float> spots_from_floats;

static constexpr SmearedTable<double, Intensity> smeared;
static constexpr SmearedTable<float, Intensity> smeared_from_floats;
static constexpr SmearedTable<double, Trace> traced_smeared;
static constexpr SmearedSpotTable<double> smeared_spots;
static constexpr SmearedSpotTable<float> smeared_spots_from_floats;

static Accumulate<Intensity> *accumulate_of(const Scene &s, int precision)
{
    if (s.smear)
        return (precision == IN_DOUBLE ? smeared.function : smeared_from_floats.function)[s.lookup];
    switch (precision) {
    case IN_SINGLE:
        return in_single.function[s.shape][s.lookup];
    case IN_DOUBLE_FROM_FLOATS:
        return in_double_from_floats.function[s.shape][s.lookup];
    default:
        return in_double.function[s.shape][s.lookup];
    }
}

/* The same with what the crystal scatters besides, which is never in single precision. */
static Adders<Intensity> adders_of(const Scene &s, int precision)
{
    return {accumulate_of(s, precision), s.rest ? accumulate_of(*s.rest, precision) : nullptr};
}

static void render(const Scene &s, const Panel &p, int slow, const int *fast, int n, int precision,
                   const volatile int *stop, double *photons)
{
    Intensity sink;
    walk(s, p, slow, fast, n, all_of(s), adders_of(s, precision), stop, sink, photons);
}

static void render_c(const CScene &s, const Panel &p, int slow, const int *fast, int n, COrder *order,
                     const volatile int *stop, double *photons)
{
    Intensity sink;
    walk_c(s, p, slow, fast, n, in_double, stop, *order, sink, photons);
}

static void trace(const Scene &s, const Panel &p, int slow, int fast, TraceTotals *totals)
{
    const volatile int never = 0;
    Trace sink(*totals, false);
    double photons;
    const Adders<Trace> add = {s.smear ? traced_smeared.function[s.lookup] : traced.function[s.shape][s.lookup],
                               s.rest ? traced.function[s.rest->shape][s.rest->lookup] : nullptr};
    walk(s, p, slow, &fast, 1, all_of(s), add, &never, sink, &photons);
}

static void trace_c(const CScene &s, const Panel &p, int slow, int fast, COrder *order, TraceTotals *totals)
{
    const volatile int never = 0;
    Trace sink(*totals, true);
    double photons;
    totals->water = s.water;
    walk_c(s, p, slow, &fast, 1, traced, &never, *order, sink, &photons);
}

/* One part of a scene in a region, added to its photons. */
static void render_part(const Scene &s, const Panel &p, const Plan &plan, double epsilon, const Region &region,
                        int precision, char *memory, const volatile int *stop, double *photons, Tally &tally)
{
    const bool doubles = precision == IN_DOUBLE;
    const auto &spot = (doubles ? spots.function : spots_from_floats.function)[s.shape][s.lookup];
    const auto &smeared_spot = (doubles ? smeared_spots.function : smeared_spots_from_floats.function)[s.lookup];
    SumItems *const items = doubles                ? sum_items_of<double, double>(s.shape, s.lookup)
                          : precision == IN_SINGLE ? sum_items_of<float, float>(s.shape, s.lookup)
                                                   : sum_items_of<double, float>(s.shape, s.lookup);
    Photons picture(s, p, plan, region, accumulate_of(s, precision), spot, smeared_spot, photons);
    RegionRenderer<Photons>(s, p, plan, epsilon, region, picture, items, memory, stop).render(tally);
}

static void render_region(const Scene &s, const Panel &p, const Plan &plan, double epsilon, const Region &region,
                          int precision, char *memory, const volatile int *stop, double *photons, Tally *tally)
{
    memset(photons, 0, REGION * REGION * sizeof *photons);
    visit_parts(s, plan, epsilon, *tally, [&](const Scene &part, const Plan &of_part, double share, Tally &found) {
        render_part(part, p, of_part, share, region, precision, memory, stop, photons, found);
    });
}

extern const Kernel kernel = {
    render,        render_c,      trace,          trace_c,      pixel_solid_angle, pixel_solid_angle_c,
    multiply_adds, render_region, find_brightest, region_bytes,
};

} // namespace nb::NB_ISA
