/* The terms of a span of pixels with smeared spots: every reflection that a pixel is within reach of is a term. */
#ifndef NANOBRAGG_ACCUMULATE_SMEARED_H
#define NANOBRAGG_ACCUMULATE_SMEARED_H

#include "accumulate.h"
#include "smear.h"

namespace nb::NB_ISA {

constexpr double PER_METRE_IN_PER_A = 1e-10;

NB_INLINE void set_reflection(const Triple h, Term<double> &term)
{
    term.nearest[0] = (int)h.x;
    term.nearest[1] = (int)h.y;
    term.nearest[2] = (int)h.z;
}

/* F_cell^2 F_latt^2 at a reflection, if its spot were that of a block alone. */
template <class Lookup> NB_INLINE double peak_of(const Scene &s, int table_number, const Triple h)
{
    Term<double> term;
    set_reflection(h, term);
    Lookup::find(table_of<typename Lookup::Entry>(s, table_number), term);
    return term.amplitude * term.amplitude * s.crystal.cells * s.crystal.cells;
}

/* One reflection's term at the index h of a term. */
template <class Lookup>
NB_INLINE void evaluate_smeared(const Scene &s, const Table<typename Lookup::Entry> &table, const SmearedSpot &spot,
                                Term<double> &term)
{
    const SmearedOffset offset = offset_of(form_of(*s.smear), spot, triple(term.h));
    set_reflection(spot.h, term);
    for (int i = 0; i < 3; ++i)
        term.offset[i] = term.h[i] - term.nearest[i];
    term.radius_sqr = offset.radius_sqr;
    term.lattice_sqr = s.crystal.cells * s.crystal.cells * smeared_share(spot, offset);
    Lookup::find(table, term);
}

/* visit(spot) for the reflections around an index. */
template <class Visit>
NB_INLINE void visit_around(const Smear &smear, const SmearBounds &bounds, const double *index, Visit visit)
{
    const double *half = bounds.half;
    for (double h = ceil(index[0] - half[0]); h <= index[0] + half[0]; ++h)
        for (double k = ceil(index[1] - half[1]); k <= index[1] + half[1]; ++k)
            for (double l = ceil(index[2] - half[2]); l <= index[2] + half[2]; ++l)
                visit(spot_of(smear, h, k, l));
}

/* Bounds for n lanes. */
static inline bool bound_lanes(const Smear &smear, const Lanes &lanes, int n, SmearBounds &bounds)
{
    double longest_sqr = 0.0;
    for (int i = 0; i < n; ++i)
        longest_sqr = larger(longest_sqr, lanes.q[0][i] * lanes.q[0][i] + lanes.q[1][i] * lanes.q[1][i]
                                              + lanes.q[2][i] * lanes.q[2][i]);
    return bound_spots(smear, sqrt(longest_sqr) * PER_METRE_IN_PER_A, sqrt(SMEAR_REACH_SQR), bounds);
}

/* Add the terms of some orientations out of `cells`, seen along one source's scattering vectors, for n lanes. */
template <class Lookup, class Sink>
static void accumulate_smeared(const Scene &s, int table_number, const double *cells, const Orientations list,
                               const Lanes &lanes, int n, Sink &sink)
{
    const auto table = table_of<typename Lookup::Entry>(s, table_number);
    SmearBounds bounds;
    if (!bound_lanes(*s.smear, lanes, n, bounds)) /* a scene whose spots are too wide is refused */
        return;
    for (int c = 0; c < list.count; ++c) {
        const double *vertices = cells + 9 * list.number(c);
        for (int i = 0; i < n; ++i) {
            Term<double> term = {};
            find_index(vertices, lanes.q[0][i], lanes.q[1][i], lanes.q[2][i], term);
            visit_around(*s.smear, bounds, term.h, [&](const SmearedSpot &spot) {
                evaluate_smeared<Lookup>(s, table, spot, term);
                sink.add(i, vertices, term);
            });
        }
    }
}

/* The functions of one type of table, by lookup. */
template <class Entry, class Sink> struct SmearedTable {
    Accumulate<Sink> *function[LOOKUPS] = {accumulate_smeared<Constant<Entry>, Sink>,
                                           accumulate_smeared<Nearest<Entry>, Sink>, nullptr};
};

} // namespace nb::NB_ISA

#endif
