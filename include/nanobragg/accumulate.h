/* The terms of a span of pixels, one a lane, for a set of orientations: added to a sink. */
#ifndef NANOBRAGG_ACCUMULATE_H
#define NANOBRAGG_ACCUMULATE_H

#include "amplitude.h"
#include "halos.h"
#include "lanes.h"
#include "shapes/shapes.h"

namespace nb::NB_ISA {

/* F_latt and F_cell of one orientation (a, b, c in m) along q (1/m). */
template <class Shape, class Lookup, class Real>
NB_INLINE void evaluate(const Crystal &crystal, const Table<typename Lookup::Entry> &table, const double *cell,
                        double qx, double qy, double qz, Term<Real> &term)
{
    find_index(cell, qx, qy, qz, term);
    Shape::evaluate(crystal, term);
    Lookup::find(table, term);
}

struct SmearedSpot;

/* Some of a list of orientations: consecutive ones, or those that `which` names. */
struct Orientations {
    const int *which; /* NULL: consecutive */
    int first, count;
    const SmearedSpot *spot; /* the only one whose terms are wanted; NULL: all */

    NB_MEMBER size_t number(int i) const { return (size_t)(which ? which[first + i] : first + i); }
};

NB_INLINE double share_of(const Scene &s, size_t orientation)
{
    return s.shares ? s.shares[orientation] : 1.0;
}

/* The crystal while terms are added. A copy stays in registers, where a shape leaves some, because the sink cannot
 * change it. */
template <bool copied> struct CrystalOf {
    using type = const Crystal &;
};
template <> struct CrystalOf<true> {
    using type = const Crystal;
};

/* Add the terms of some orientations out of `cells`, seen along one source's scattering vectors, for n lanes. */
template <class Real, class Shape, class Lookup, class Sink>
static void accumulate(const Scene &s, int table_number, const double *cells, const Orientations list,
                       const Lanes &lanes, int n, Sink &sink)
{
    const auto table = table_of<typename Lookup::Entry>(s, table_number);
    typename CrystalOf<Shape::few_constants>::type crystal = s.crystal;
    for (int c = 0; c < list.count; ++c) {
        const double *vertices = cells + 9 * list.number(c);
        alignas(64) double cell[9];
        memcpy(cell, vertices, sizeof cell);
        /* Where steps are kept, there is one lane. */
        NB_SIMD_IF(!Sink::needs_steps) for (int i = 0; i < n; ++i)
        {
            Term<Real> term;
            if constexpr (Sink::needs_steps)
                term = {};
            evaluate<Shape, Lookup>(crystal, table, cell, lanes.q[0][i], lanes.q[1][i], lanes.q[2][i], term);
            sink.add(i, vertices, term);
        }
    }
}

/* The same for diffuse halos, of which every one around a point is a term. */
template <class Shape, class Lookup, class Sink>
static void accumulate_halos(const Scene &s, int table_number, const double *cells, const Orientations list,
                             const Lanes &lanes, int n, Sink &sink)
{
    const auto table = table_of<typename Lookup::Entry>(s, table_number);
    const Crystal crystal = s.crystal;
    for (int c = 0; c < list.count; ++c) {
        const double *vertices = cells + 9 * list.number(c);
        double cell[9];
        memcpy(cell, vertices, sizeof cell);
        visit_halos(crystal, [&](int h, int k, int l) {
            NB_SIMD_IF(!Sink::needs_steps) for (int i = 0; i < n; ++i)
            {
                Term<double> term;
                if constexpr (Sink::needs_steps)
                    term = {};
                find_index(cell, lanes.q[0][i], lanes.q[1][i], lanes.q[2][i], term);
                step_aside(term, h, k, l);
                Shape::evaluate(crystal, term);
                Lookup::find(table, term);
                sink.add(i, vertices, term);
            }
        });
    }
}

/* Neighbours of every lane. */
template <class Entry> struct Neighbourhoods {
    int inside[LANES], place[LANES];
    Entry h[4][LANES], k[4][LANES], l[4][LANES];
};

template <class Entry> NB_INLINE void keep_weights(Entry (*weights)[LANES], const Cubic<Entry> c, int i)
{
    weights[0][i] = c.w0;
    weights[1][i] = c.w1;
    weights[2][i] = c.w2;
    weights[3][i] = c.w3;
}

template <class Entry> NB_INLINE Cubic<Entry> kept_weights(const Entry (*weights)[LANES], int i)
{
    return {weights[0][i], weights[1][i], weights[2][i], weights[3][i]};
}

/* The same with interpolation, in two passes: 64 look-ups a term keep the amplitude out of the lanes. */
template <class Real, class Shape, class Lookup, class Sink>
static void accumulate_interpolated(const Scene &s, int table_number, const double *cells, const Orientations list,
                                    const Lanes &lanes, int n, Sink &sink)
{
    using Entry = typename Lookup::Entry;
    const auto table = table_of<Entry>(s, table_number);
    Real lattice_sqr[LANES];
    Neighbourhoods<Entry> around;
    for (int c = 0; c < list.count; ++c) {
        const double *vertices = cells + 9 * list.number(c);
        alignas(64) double cell[9];
        memcpy(cell, vertices, sizeof cell);
        NB_SIMD for (int i = 0; i < n; ++i)
        {
            Term<Real> term;
            find_index(cell, lanes.q[0][i], lanes.q[1][i], lanes.q[2][i], term);
            Shape::evaluate(s.crystal, term);
            lattice_sqr[i] = term.lattice_sqr;
            const Neighbours<Entry> near = find_neighbours(table, term);
            around.inside[i] = near.inside;
            around.place[i] = near.place;
            keep_weights(around.h, near.h, i);
            keep_weights(around.k, near.k, i);
            keep_weights(around.l, near.l, i);
        }
        for (int i = 0; i < n; ++i) {
            Term<Real> term = {};
            if constexpr (Sink::needs_steps)
                evaluate<Shape, Lookup>(s.crystal, table, cell, lanes.q[0][i], lanes.q[1][i], lanes.q[2][i], term);
            term.lattice_sqr = lattice_sqr[i];
            const Neighbours<Entry> near = {around.inside[i], around.place[i], kept_weights(around.h, i),
                                            kept_weights(around.k, i), kept_weights(around.l, i)};
            term.amplitude = amplitude_of(Lookup::sum(table, near));
            sink.add(i, vertices, term);
        }
    }
}

template <class Sink>
using Accumulate = void(const Scene &s, int table_number, const double *cells, const Orientations list,
                        const Lanes &lanes, int n, Sink &sink);

/* The functions of one precision and type of table, by shape and lookup; NULL where a shape has none. Halos have those
 * of the nearest reflection, in double precision. */
template <class Real, class Entry, class Sink> struct AccumulateTable {
    Accumulate<Sink> *function[Shapes::size][LOOKUPS];

    constexpr AccumulateTable() : function{} { Shapes::fill(*this); }

    template <class Shape> constexpr void fill_shape(int shape)
    {
        if constexpr (Shape::is_halo) {
            if constexpr (sizeof(Real) == sizeof(double))
                function[shape][NEAREST] = accumulate_halos<Shape, Nearest<Entry>, Sink>;
        } else if constexpr (sizeof(Real) == sizeof(double) || Shape::single_precision) {
            function[shape][CONSTANT] = accumulate<Real, Shape, Constant<Entry>, Sink>;
            function[shape][NEAREST] = accumulate<Real, Shape, Nearest<Entry>, Sink>;
            function[shape][TRICUBIC] = accumulate_interpolated<Real, Shape, Tricubic<Entry>, Sink>;
            function[shape][PHASED] = accumulate_interpolated<Real, Shape, Phased<Entry>, Sink>;
        }
    }
};

} // namespace nb::NB_ISA

#endif
