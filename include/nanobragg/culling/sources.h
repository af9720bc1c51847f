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

/* One sub-pixel's chord d - s, and what counts there. */
struct Target {
    double x, y, z;
    double limit;     /* d_min squared: no q beyond 1/d_min */
    int h, k, l;      /* for one reflection: only where it is the nearest one, */
    double reach_sqr; /* and the squared radius is at most this */
};

/* Sum of weight F_cell^2 F_latt^2 over the sources from `first` to `end`, all with one table. */
template <class Real, class Shape, class Lookup, bool one_reflection>
static double sum_with_table(const Scene &s, const Plan &plan, const double *vertices, const Target t, int first,
                             int end)
{
    constexpr int lanes = (int)(VECTOR * sizeof(float) / sizeof(Real));
    const auto table = table_of<typename Lookup::Entry>(s, plan.sources[first].table);
    const double *kappas = plan.kappa, *weights = plan.weights;
    const Crystal &crystal = s.crystal;
    double sum = 0.0, cell[9];
    memcpy(cell, vertices, sizeof cell);
    for (int begin = first; begin < end; begin += lanes)
        _Pragma("omp simd reduction(+:sum)") for (int i = begin; i < begin + lanes; ++i)
        {
            const double kappa = kappas[i], qx = t.x * kappa, qy = t.y * kappa, qz = t.z * kappa;
            Term<Real> term;
            evaluate<Shape, Lookup>(crystal, table, cell, qx, qy, qz, term);
            bool counts = (i < end) & !(t.limit * (qx * qx + qy * qy + qz * qz) > 1.0);
            if constexpr (one_reflection)
                counts &= (term.nearest[0] == t.h) & (term.nearest[1] == t.k) & (term.nearest[2] == t.l)
                        & (term.radius_sqr <= t.reach_sqr);
            sum += counts ? weights[i] * (double)intensity(term) : 0.0;
        }
    return sum;
}

/* The same with any tables. */
template <class Real, class Shape, class Lookup, bool one_reflection>
static double sum_sources(const Scene &s, const Plan &plan, const double *vertices, const Target t, int first, int end)
{
    double sum = 0.0;
    for (int begin = first, stop; begin < end; begin = stop) {
        for (stop = begin + 1; stop < end && plan.sources[stop].table == plan.sources[begin].table; ++stop)
            ;
        sum += sum_with_table<Real, Shape, Lookup, one_reflection>(s, plan, vertices, t, begin, stop);
    }
    return sum;
}

using SumSources = double(const Scene &s, const Plan &plan, const double *vertices, const Target t, int first, int end);

/* The functions of one precision and type of table, by shape and lookup; NULL where there is none. For one reflection:
 * of compact shapes; else without tricubic interpolation, which does not vectorise. */
template <class Real, class Entry, bool one_reflection> struct SumTable {
    SumSources *function[Shapes::size][LOOKUPS];

    constexpr SumTable() : function{} { fill(Shapes{}); }

    template <class... Shape> constexpr void fill(List<Shape...>)
    {
        int shape = 0;
        (fill_shape<Shape>(shape++), ...);
    }

    template <class Shape> constexpr void fill_shape(int shape)
    {
        if constexpr (one_reflection ? Shape::compact : sizeof(Real) == sizeof(double) || Shape::single_precision) {
            function[shape][CONSTANT] = sum_sources<Real, Shape, Constant<Entry>, one_reflection>;
            function[shape][NEAREST] = sum_sources<Real, Shape, Nearest<Entry>, one_reflection>;
            if constexpr (one_reflection)
                function[shape][TRICUBIC] = sum_sources<Real, Shape, Tricubic<Entry>, one_reflection>;
        }
    }
};

} // namespace nb::NB_ISA

#endif
