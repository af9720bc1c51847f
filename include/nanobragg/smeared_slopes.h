/* The terms of a span of pixels with smeared spots and their slopes: added to a gradient, or, as shares of structure
 * factors, to coefficients. */
#ifndef NANOBRAGG_SMEARED_SLOPES_H
#define NANOBRAGG_SMEARED_SLOPES_H

#include "accumulate_smeared.h"
#include "coefficients.h"
#include "gradient.h"
#include "smear_slopes.h"

namespace nb::NB_ISA {

/* Add the terms of one spot in the lanes from `begin` to `end`; `changes`: along the change of the smear too. */
template <class Lookup, bool changes>
static void add_spot_slopes(const Scene &s, int table_number, const double *vertices, double share,
                            const SmearedSpot &spot, const Lanes &lanes, int begin, int end, Gradient<double> &sink)
{
    const double top = share * peak_of<Lookup>(s, table_number, spot.h);
    const double by_n[3] = {2.0 * s.crystal.inverse_n[0], 2.0 * s.crystal.inverse_n[1], 2.0 * s.crystal.inverse_n[2]};
    const SmearedSpot here = spot;
    const SmearForm form = form_of(*s.smear);
    SmearChange change = {};
    double cell[9];
    memcpy(cell, vertices, sizeof cell);
    if constexpr (changes)
        change = change_of(*s.smear, *s.smear_slope, spot);
    NB_SIMD for (int i = begin; i < end; ++i)
    {
        Term<double> term;
        find_index(cell, lanes.q[0][i], lanes.q[1][i], lanes.q[2][i], term);
        const Triple index = {term.h[0], term.h[1], term.h[2]};
        const SmearedOffset offset = offset_of(form, here, index);
        const SmearedSlopes slopes = slopes_of(form, here, index, offset);
        const double value = top * smeared_share(here, offset);
        const Triple v = value * by_index(slopes);
        const Slopes<double> by = {value, {v.x, v.y, v.z}, {value * by_n[0], value * by_n[1], value * by_n[2]}, 0.0};
        sink.template add_slopes<false, false>(i, term, by, lanes.q[0][i], lanes.q[1][i], lanes.q[2][i]);
        if constexpr (changes)
            sink.add_to_spread(i, value * along_change(slopes, change));
    }
}

/* visit(spot, begin, end) for the spots of an orientation, each with the lanes that may be within reach of it. */
template <class Visit>
static void visit_lanes(const Scene &s, const double *vertices, const SmearedSpot *only, const Lanes &lanes, int n,
                        Visit visit)
{
    SmearBounds bounds;
    if (only) {
        visit(*only, 0, n);
        return;
    }
    if (!bound_lanes(*s.smear, lanes, n, bounds)) /* a scene whose spots are too wide is refused */
        return;
    for (int i = 0; i < n; ++i) {
        Term<double> term;
        find_index(vertices, lanes.q[0][i], lanes.q[1][i], lanes.q[2][i], term);
        visit_around(*s.smear, bounds, term.h, [&](const SmearedSpot &spot) { visit(spot, i, i + 1); });
    }
}

/* Add the terms of some orientations out of `cells`, seen along one source's scattering vectors, for n lanes. */
template <class Lookup>
static void accumulate_smeared_slopes(const Scene &s, int table, const double *cells, const Orientations list,
                                      const Lanes &lanes, int n, Gradient<double> &sink)
{
    const auto add = s.smear_slope ? add_spot_slopes<Lookup, true> : add_spot_slopes<Lookup, false>;
    for (int c = 0; c < list.count; ++c) {
        const double *vertices = cells + 9 * list.number(c), share = share_of(s, list.number(c));
        if (sink.from_orientation(vertices, n))
            sink.start();
        visit_lanes(s, vertices, list.spot, lanes, n, [&](const SmearedSpot &spot, int begin, int end) {
            add(s, table, vertices, share, spot, lanes, begin, end, sink);
        });
    }
}

/* The functions of one type of table, by lookup. */
template <class Entry> struct SmearedSlopesTable {
    Accumulate<Gradient<double>> *function[LOOKUPS] = {accumulate_smeared_slopes<Constant<Entry>>,
                                                       accumulate_smeared_slopes<Nearest<Entry>>, nullptr};
};

/* Add the coefficients of some orientations out of `cells`, as gather_nearest does. */
template <class Entry>
static void gather_smeared(const Scene &s, int table_number, const double *cells, const Orientations list,
                           const Lanes &lanes, int n, Coefficients &sink)
{
    const auto table = table_of<Entry>(s, table_number);
    const long long first = first_entry(s, table_number, sizeof(Entry));
    const SmearForm form = form_of(*s.smear);
    const double peak = s.crystal.cells * s.crystal.cells;
    for (int c = 0; c < list.count; ++c) {
        const double *vertices = cells + 9 * list.number(c), share = share_of(s, list.number(c));
        visit_lanes(s, vertices, list.spot, lanes, n, [&](const SmearedSpot &spot, int begin, int end) {
            const int place = closest_place(table, (int)spot.h.x, (int)spot.h.y, (int)spot.h.z);
            for (int i = begin; i < end; ++i) {
                Term<double> term;
                find_index(vertices, lanes.q[0][i], lanes.q[1][i], lanes.q[2][i], term);
                const SmearedOffset offset = offset_of(form, spot, triple(term.h));
                sink.add_entry(i, first + place, share * peak * smeared_share(spot, offset));
            }
        });
    }
}

} // namespace nb::NB_ISA

#endif
