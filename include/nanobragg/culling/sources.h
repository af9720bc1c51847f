/* The terms of one sub-pixel and one orientation, with sources of neighbouring wavelengths in the lanes. */
#ifndef NANOBRAGG_CULLING_SOURCES_H
#define NANOBRAGG_CULLING_SOURCES_H

#include "../accumulate.h"
#include "bounds.h"

namespace nb::NB_ISA {

/* First of the sources from `first` to `end` whose 1/wavelength is at least kappa (1/m). */
NB_INLINE int source_from(const double *kappas, int first, int end, double kappa)
{
    while (first < end) {
        const int middle = (first + end) / 2;
        if (kappas[middle] < kappa)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

/* One sub-pixel's chord d - s, and how far from a reflection terms count there. */
struct Target {
    double x, y, z;
    int h, k, l;      /* the reflection that must be the nearest one */
    double reach_sqr; /* largest squared radius */
};

/* Whether |q| is within the scene's resolution limit. */
NB_INLINE bool is_resolved(double d_min_sqr, double qx, double qy, double qz)
{
    return !(d_min_sqr * (qx * qx + qy * qy + qz * qz) > 1.0);
}

/* Whether the target's reflection is the nearest one to an index, and a squared radius within its reach. */
NB_INLINE bool is_target(const Target t, int h, int k, int l, double radius_sqr)
{
    return (h == t.h) & (k == t.k) & (l == t.l) & (radius_sqr <= t.reach_sqr);
}

/* Sum of weight F_cell^2 F_latt^2 over the sources from `first` to `end`, all with one table, for one reflection. */
template <class Shape, class Lookup>
static double sum_with_table(const Scene &s, const Plan &plan, const double *vertices, const Target t, int first,
                             int end)
{
    const auto table = table_of<typename Lookup::Entry>(s, plan.sources[first].table);
    const double *kappas = plan.kappa, *weights = plan.weights, d_min_sqr = s.d_min * s.d_min;
    const Crystal &crystal = s.crystal;
    double sum = 0.0, cell[9];
    memcpy(cell, vertices, sizeof cell);
    if (end - first == 1) { /* a vector of sources would take three times as long */
        const double kappa = kappas[first], qx = t.x * kappa, qy = t.y * kappa, qz = t.z * kappa;
        Term<double> term;
        evaluate<Shape, Lookup>(crystal, table, cell, qx, qy, qz, term);
        const bool matters = is_resolved(d_min_sqr, qx, qy, qz)
                           & is_target(t, term.nearest[0], term.nearest[1], term.nearest[2], term.radius_sqr);
        return matters ? weights[first] * intensity(term) : 0.0;
    }
    for (int begin = first; begin < end; begin += VECTOR)
        _Pragma("omp simd reduction(+:sum)") for (int i = begin; i < begin + VECTOR; ++i)
        {
            const double kappa = kappas[i], qx = t.x * kappa, qy = t.y * kappa, qz = t.z * kappa;
            Term<double> term;
            evaluate<Shape, Lookup>(crystal, table, cell, qx, qy, qz, term);
            const bool matters = (i < end) & is_resolved(d_min_sqr, qx, qy, qz)
                               & is_target(t, term.nearest[0], term.nearest[1], term.nearest[2], term.radius_sqr);
            sum += matters ? weights[i] * intensity(term) : 0.0;
        }
    return sum;
}

/* The same with any tables. */
template <class Shape, class Lookup>
static double sum_sources(const Scene &s, const Plan &plan, const double *vertices, const Target t, int first, int end)
{
    double sum = 0.0;
    for (int begin = first, stop; begin < end; begin = stop) {
        stop = plan.one_table ? end : begin + 1;
        while (stop < end && plan.sources[stop].table == plan.sources[begin].table)
            ++stop;
        sum += sum_with_table<Shape, Lookup>(s, plan, vertices, t, begin, stop);
    }
    return sum;
}

using SumSources = double(const Scene &s, const Plan &plan, const double *vertices, const Target t, int first, int end);

/* The functions of one type of table, by shape and lookup; NULL where a shape is not compact. */
template <class Entry> struct SumTable {
    SumSources *function[Shapes::size][LOOKUPS];

    constexpr SumTable() : function{} { Shapes::fill(*this); }

    template <class Shape> constexpr void fill_shape(int shape)
    {
        if constexpr (Shape::compact) {
            function[shape][CONSTANT] = sum_sources<Shape, Constant<Entry>>;
            function[shape][NEAREST] = sum_sources<Shape, Nearest<Entry>>;
            function[shape][TRICUBIC] = sum_sources<Shape, Tricubic<Entry>>;
            function[shape][PHASED] = sum_sources<Shape, Phased<Entry>>;
        }
    }
};

/* One orientation and a run of at most VECTOR sources. */
struct Item {
    int orientation, first, count, table;
};

/* Sum of weight F_cell^2 F_latt^2 over n items, along a chord (x, y, z). */
template <class Real, class Shape, class Lookup>
static double sum_items(const Scene &s, const Plan &plan, const Item *items, int n, double x, double y, double z)
{
    const double d_min_sqr = s.d_min * s.d_min;
    const Crystal &crystal = s.crystal;
    alignas(64) double sums[VECTOR] = {};
    for (int item = 0; item < n; ++item) {
        const Item now = items[item];
        const auto table = table_of<typename Lookup::Entry>(s, now.table);
        double cell[9];
        memcpy(cell, s.cells + 9 * (size_t)now.orientation, sizeof cell);
        const double *kappas = plan.kappa + now.first, *weights = plan.weights + now.first;
        const double share = share_of(s, now.orientation);
        NB_SIMD for (int i = 0; i < VECTOR; ++i)
        {
            const double kappa = kappas[i], qx = x * kappa, qy = y * kappa, qz = z * kappa;
            Term<Real> term;
            evaluate<Shape, Lookup>(crystal, table, cell, qx, qy, qz, term);
            const double weight = (i < now.count) & is_resolved(d_min_sqr, qx, qy, qz) ? share * weights[i] : 0.0;
            sums[i] += weight * (double)intensity(term);
        }
    }
    double sum = 0.0;
    for (int i = 0; i < VECTOR; ++i)
        sum += sums[i];
    return sum;
}

using SumItems = double(const Scene &s, const Plan &plan, const Item *items, int n, double x, double y, double z);

/* Returns the function of a shape and lookup; NULL where there is none, as for interpolation, which does not vectorise,
 * and for halos. */
template <class Real, class Entry> static SumItems *sum_items_of(int shape, int lookup)
{
    return Shapes::visit<SumItems *>(shape, [=](auto s) -> SumItems * {
        using Shape = decltype(s);
        if constexpr (!Shape::is_halo && (sizeof(Real) == sizeof(double) || Shape::single_precision))
            return lookup == NEAREST  ? sum_items<Real, Shape, Nearest<Entry>>
                 : lookup == CONSTANT ? sum_items<Real, Shape, Constant<Entry>>
                                      : nullptr;
        else
            return nullptr;
    });
}

} // namespace nb::NB_ISA

#endif
