/* The terms of a span of pixels with their slopes, for some orientations: added to a gradient. */
#ifndef NANOBRAGG_ACCUMULATE_SLOPES_H
#define NANOBRAGG_ACCUMULATE_SLOPES_H

#include "accumulate.h"
#include "gradient.h"

namespace nb::NB_ISA {

/* Add the terms of one orientation; the first ones of a sum replace what was there. */
template <bool first, bool moved, class Shape, class Lookup, class Real>
NB_INLINE void add_orientation(const Scene &s, const Table<typename Lookup::Entry> &table, const double *vertices,
                               Real share, const Lanes &lanes, int n, Gradient<Real> &sink)
{
    double cell[9];
    memcpy(cell, vertices, sizeof cell);
    NB_SIMD for (int i = 0; i < n; ++i)
    {
        const double qx = lanes.q[0][i], qy = lanes.q[1][i], qz = lanes.q[2][i];
        Term<Real> term;
        find_index(cell, qx, qy, qz, term);
        Lookup::find(table, term);
        const Slopes<Real> slopes = Shape::template slopes<Real>(s.crystal, term,
                                                                 share * term.amplitude * term.amplitude);
        sink.template add_slopes<first, moved>(i, term, slopes, (Real)qx, (Real)qy, (Real)qz);
        if constexpr (Shape::follows_cell)
            sink.follow_cell(i, term, slopes);
    }
}

/* Add the terms of some orientations out of `cells`, seen along one source's scattering vectors, for n lanes. */
template <class Real, class Shape, class Lookup>
static void accumulate_slopes(const Scene &s, int table_number, const double *cells, const Orientations list,
                              const Lanes &lanes, int n, Gradient<Real> &sink)
{
    const auto table = table_of<typename Lookup::Entry>(s, table_number);
    for (int c = 0; c < list.count; ++c) {
        const double *vertices = cells + 9 * list.number(c);
        const Real share = (Real)share_of(s, list.number(c));
        const bool first = sink.from_orientation(vertices, n);
        if (sink.has_moves())
            first ? add_orientation<true, true, Shape, Lookup>(s, table, vertices, share, lanes, n, sink)
                  : add_orientation<false, true, Shape, Lookup>(s, table, vertices, share, lanes, n, sink);
        else
            first ? add_orientation<true, false, Shape, Lookup>(s, table, vertices, share, lanes, n, sink)
                  : add_orientation<false, false, Shape, Lookup>(s, table, vertices, share, lanes, n, sink);
    }
}

/* The same for diffuse halos, or another shape that depends on the radius; `changes`: along the change of the crystal
 * too. */
template <bool changes, class Shape, class Lookup>
static void add_radial(const Scene &s, const Table<typename Lookup::Entry> &table, const double *vertices, double share,
                       const Lanes &lanes, int n, Gradient<double> &sink)
{
    const Crystal crystal = s.crystal;
    Crystal slope = {};
    double cell[9], by_log_peak = 0.0;
    memcpy(cell, vertices, sizeof cell);
    if constexpr (changes) {
        slope = *s.crystal_slope;
        by_log_peak = 2.0 * slope.cells / crystal.cells;
    }
    visit_halos(crystal, [&](int h, int k, int l) {
        NB_SIMD for (int i = 0; i < n; ++i)
        {
            const double qx = lanes.q[0][i], qy = lanes.q[1][i], qz = lanes.q[2][i];
            Term<double> term;
            find_index(cell, qx, qy, qz, term);
            step_aside(term, h, k, l);
            Lookup::find(table, term);
            const double factor = share * term.amplitude * term.amplitude;
            const Slopes<double> slopes = Shape::template slopes<double>(crystal, term, factor);
            sink.template add_slopes<false, !changes>(i, term, slopes, qx, qy, qz);
            if constexpr (changes) {
                const double *d = term.offset;
                const double by_rr = Shape::derivative(Shape::peak(crystal) * factor,
                                                       Shape::radius_sqr(crystal.metric, d[0], d[1], d[2]));
                sink.add_to_spread(i, slopes.value * by_log_peak
                                          + by_rr * Shape::radius_sqr(slope.metric, d[0], d[1], d[2]));
            }
        }
    });
}

template <bool changes, class Shape, class Lookup>
static void accumulate_radial_slopes(const Scene &s, int table_number, const double *cells, const Orientations list,
                                     const Lanes &lanes, int n, Gradient<double> &sink)
{
    const auto table = table_of<typename Lookup::Entry>(s, table_number);
    for (int c = 0; c < list.count; ++c) {
        const double *vertices = cells + 9 * list.number(c);
        if (sink.from_orientation(vertices, n))
            sink.start();
        add_radial<changes, Shape, Lookup>(s, table, vertices, share_of(s, list.number(c)), lanes, n, sink);
    }
}

/* An amplitude and its derivatives by the index. */
template <class Entry> struct SlopedAmplitude {
    Entry value, by_index[3];
};

/* Between reflections the amplitude changes with the index; where only one counts, it does not. */
template <class Lookup, class Entry, class Real>
static SlopedAmplitude<Entry> interpolate_slopes(const Table<Entry> &table, const Term<Real> &term)
{
    Neighbours<Entry> near = find_neighbours(table, term);
    const auto sum = Lookup::sum(table, near);
    SlopedAmplitude<Entry> found = {amplitude_of(sum), {0, 0, 0}};
    if (!near.inside)
        return found;
    Cubic<Entry> *weights[3] = {&near.h, &near.k, &near.l};
    for (int x = 0; x < 3; ++x) {
        const Cubic<Entry> kept = *weights[x];
        const double at = table.steps * term.h[x];
        *weights[x] = cubic_slopes((Entry)(at - branchless_floor(at)));
        found.by_index[x] = (Entry)table.steps * slope_of(sum, Lookup::sum(table, near));
        *weights[x] = kept;
    }
    return found;
}

/* The same with interpolation, one lane after the other: look-ups take most of the time. */
template <class Real, class Shape, class Lookup>
static void accumulate_interpolated_slopes(const Scene &s, int table_number, const double *cells,
                                           const Orientations list, const Lanes &lanes, int n, Gradient<Real> &sink)
{
    using Entry = typename Lookup::Entry;
    const auto table = table_of<Entry>(s, table_number);
    for (int c = 0; c < list.count; ++c) {
        const double *cell = cells + 9 * list.number(c);
        const Real share = (Real)share_of(s, list.number(c));
        const bool first = sink.from_orientation(cell, n);
        for (int i = 0; i < n; ++i) {
            const double qx = lanes.q[0][i], qy = lanes.q[1][i], qz = lanes.q[2][i];
            Term<Real> term;
            find_index(cell, qx, qy, qz, term);
            const SlopedAmplitude<Entry> amplitude = interpolate_slopes<Lookup>(table, term);
            term.amplitude = (Real)amplitude.value;
            Slopes<Real> slopes = Shape::template slopes<Real>(s.crystal, term, 1);
            const Real twice = 2 * share * term.amplitude * slopes.value;
            scale(slopes, share * term.amplitude * term.amplitude);
            const Slopes<Real> lattice = slopes;
            for (int x = 0; x < 3; ++x)
                slopes.offset[x] += twice * (Real)amplitude.by_index[x];
            first ? sink.template add_slopes<true, true>(i, term, slopes, (Real)qx, (Real)qy, (Real)qz)
                  : sink.template add_slopes<false, true>(i, term, slopes, (Real)qx, (Real)qy, (Real)qz);
            if constexpr (Shape::follows_cell)
                sink.follow_cell(i, term, lattice);
        }
    }
}

/* The functions of one precision and type of table, by shape and lookup; NULL where a shape has none. */
template <class Real, class Entry> struct SlopesTable {
    Accumulate<Gradient<Real>> *function[Shapes::size][LOOKUPS];

    constexpr SlopesTable() : function{} { Shapes::fill(*this); }

    template <class Shape> constexpr void fill_shape(int shape)
    {
        if constexpr (Shape::is_halo) {
            if constexpr (sizeof(Real) == sizeof(double))
                function[shape][NEAREST] = accumulate_radial_slopes<false, Shape, Nearest<Entry>>;
        } else if constexpr (sizeof(Real) == sizeof(double) || Shape::single_precision) {
            function[shape][CONSTANT] = accumulate_slopes<Real, Shape, Constant<Entry>>;
            function[shape][NEAREST] = accumulate_slopes<Real, Shape, Nearest<Entry>>;
            function[shape][TRICUBIC] = accumulate_interpolated_slopes<Real, Shape, Tricubic<Entry>>;
            function[shape][PHASED] = accumulate_interpolated_slopes<Real, Shape, Phased<Entry>>;
        }
    }
};

/* The same along a change of the crystal (Scene::crystal_slope), in double precision, for shapes that have one. */
template <class Entry> struct ChangesTable {
    Accumulate<Gradient<double>> *function[Shapes::size][LOOKUPS];

    constexpr ChangesTable() : function{} { Shapes::fill(*this); }

    template <class Shape> constexpr void fill_shape(int shape)
    {
        if constexpr (Shape::is_halo || Shape::general)
            function[shape][NEAREST] = accumulate_radial_slopes<true, Shape, Nearest<Entry>>;
        if constexpr (Shape::general) {
            function[shape][CONSTANT] = accumulate_radial_slopes<true, Shape, Constant<Entry>>;
            function[shape][TRICUBIC] = accumulate_radial_slopes<true, Shape, Tricubic<Entry>>;
            function[shape][PHASED] = accumulate_radial_slopes<true, Shape, Phased<Entry>>;
        }
    }
};

} // namespace nb::NB_ISA

#endif
