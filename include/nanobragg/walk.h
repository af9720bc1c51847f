/* The walk over a pixel's terms: layers, sub-pixels, sources, orientations (docs/theory.md, Intensity of a pixel). The
 * order of the terms has no meaning; a pixel's value depends on nothing but the scene and its place. */
#ifndef NANOBRAGG_WALK_H
#define NANOBRAGG_WALK_H

#include "accumulate.h"

namespace nb::NB_ISA {

constexpr int CHUNK = 256; /* orientations between two checks of the stop flag */

/* Scattering vectors from one source, polarization if its direction is `turned`, surroundings; returns whether any lane
 * is within d_min. */
static inline bool scatter(const Scene &s, const Source &source, bool turned, int n, Lanes &lanes)
{
    find_scattering_vectors<false>(source, n, lanes);
    const bool any = !(s.d_min > 0.0) || mark_within_resolution(s.d_min, n, lanes);
    if (s.polarized && turned)
        NB_SIMD for (int i = 0; i < n; ++i) lanes.polar[i] = polarization_in_lane(s.kahn, source, lanes, i);
    if (s.amorphous)
        find_surroundings(s, n, lanes);
    return any;
}

NB_INLINE Orientations all_of(const Scene &s)
{
    return {nullptr, 0, s.n_cells, nullptr};
}

/* Whether a source's rays come from another direction than those of the one before it in a list. */
static inline bool is_turned(const Source *sources, int number)
{
    const double *now = sources[number].direction, *before = number ? sources[number - 1].direction : now;
    return number == 0 || now[0] != before[0] || now[1] != before[1] || now[2] != before[2];
}

/* How the terms of a scene are added, and those of what its crystal scatters besides (Scene::rest). */
template <class Sink> struct Adders {
    Accumulate<Sink> *own, *rest;

    Adders(Accumulate<Sink> *own, Accumulate<Sink> *rest = nullptr) : own(own), rest(rest) {}
};

/* Add the terms of some orientations. */
template <class Sink>
static void add_orientations(const Scene &s, int table, const Orientations list, const Adders<Sink> add,
                             const Lanes &lanes, int n, Sink &sink)
{
    const Scene *part = add.rest ? s.rest : nullptr;
    add.own(s, table, s.cells, list, lanes, n, sink);
    for (int number = 1; part; part = part->rest, ++number) {
        sink.from_part(number);
        add.rest(*part, table, s.cells, list, lanes, n, sink);
        sink.from_part(0);
    }
}

/* The same where each counts by its share. */
template <class Sink>
static void add_shares(const Scene &s, int table, const Orientations list, const Adders<Sink> add, const Lanes &lanes,
                       int n, Sink &sink)
{
    double before[LANES];
    for (int c = 0; c < list.count; ++c) {
        const double share = s.shares[list.number(c)];
        memcpy(before, sink.sum, n * sizeof(double));
        fill(sink.sum, 0.0, n);
        sink.from_share(share, before[0]);
        add_orientations(s, table, {list.which, list.first + c, 1, list.spot}, add, lanes, n, sink);
        for (int i = 0; i < n; ++i)
            sink.sum[i] = before[i] + share * sink.sum[i];
    }
}

/* Add one source's terms for some of the orientations, and what surrounds the crystal, to the sink's total. */
template <class Sink>
static void add_source(const Scene &s, int number, const Orientations list, bool turned, const Adders<Sink> add,
                       const StopFlag stop, int n, Lanes &lanes, Sink &sink)
{
    const Source &source = s.sources[number];
    const bool any = sink.any_of_team(scatter(s, source, turned, n, lanes));
    const double per_cell = 1.0 / s.n_cells, weight = source.weight;
    sink.from_source(s, number, s.cells, lanes);
    if constexpr (Sink::has_total)
        fill(sink.sum, 0.0, n);
    for (int c = 0; any && c < list.count && !*stop; c += CHUNK) {
        const int left = list.count - c;
        const Orientations some = {list.which, list.first + c, left < CHUNK ? left : CHUNK, list.spot};
        if (s.shares && !Sink::weighs_orientations)
            add_shares(s, source.table, some, add, lanes, n, sink);
        else
            add_orientations(s, source.table, some, add, lanes, n, sink);
    }
    if constexpr (Sink::has_total)
        NB_SIMD for (int i = 0; i < n; ++i)
        {
            const double crystal = lanes.live[i] * sink.sum[i];
            const double factors = weight * lanes.omega[i] * lanes.polar[i] * lanes.capture[i];
            sink.total[i] += factors * (crystal * per_cell + lanes.around[i]);
        }
    sink.leave_source(s, number, n, lanes);
}

/* visit(layer, slow, fast) for every sub-pixel of every sensor layer, with its place along the axes (m), that along the
 * fast axis for m lanes. Beyond the n pixels at the columns `fast` the last one is repeated. */
template <class Visit>
static void visit_sub_pixels(const Scene &s, const Panel &p, int slow, const int *fast, int n, int m,
                             const StopFlag stop, Visit visit)
{
    double column[LANES], at[LANES]; /* in sub-pixels; in metres */
    const double step = p.pixel / s.oversample;
    for (int x = 0; x < m; ++x)
        column[x] = fast[x < n ? x : n - 1] * s.oversample;
    for (int layer = 0; layer < s.n_layers; ++layer)
        for (int i = 0; i < s.oversample; ++i)
            for (int j = 0; j < s.oversample && !*stop; ++j) {
                for (int x = 0; x < m; ++x)
                    at[x] = step * (column[x] + j) + step / 2.0;
                visit(layer, sub_pixel_at(s, p, slow, i), at);
            }
}

/* Factors as they are where nothing changes them. */
static inline void reset(const Scene &s, int n, Lanes &lanes)
{
    fill(lanes.polar, 1.0, n);
    fill(lanes.capture, 1.0, n);
    fill(lanes.around, s.water, n);
    fill(lanes.live, 1.0, n);
}

/* The terms of n pixels of row `slow` at the columns `fast` for some of the orientations; n is at most LANES. */
template <class Sink>
static void visit_terms(const Scene &s, const Panel &p, int slow, const int *fast, int n, const Orientations list,
                        const Adders<Sink> add, const StopFlag stop, Sink &sink)
{
    Lanes lanes;
    const int m = Sink::needs_steps ? n : whole_vectors(n);
    reset(s, m, lanes);
    if constexpr (Sink::has_total)
        fill(sink.total, 0.0, m);
    visit_sub_pixels(s, p, slow, fast, n, m, stop, [&](int layer, double row, const double *at) {
        find_rays<false, Latest, Sink::needs_places>(s, p, layer, row, at, false, false, 0, m, lanes);
        double rows[LANES];
        if constexpr (Sink::needs_places)
            fill(rows, row, m);
        sink.at_place(s, p, layer, rows, at, lanes);
        for (int source = 0; source < s.n_sources && !*stop; ++source)
            add_source(s, source, list, is_turned(s.sources, source), add, stop, m, lanes, sink);
        sink.leave_place(s, p, m, lanes);
    });
}

/* The same, and the photons. */
template <class Sink>
static void walk(const Scene &s, const Panel &p, int slow, const int *fast, int n, const Orientations list,
                 const Adders<Sink> add, const StopFlag stop, Sink &sink, double *photons)
{
    visit_terms(s, p, slow, fast, n, list, add, stop, sink);
    for (int i = 0; i < n; ++i)
        photons[i] = s.scale * sink.total[i];
    sink.finish(1.0, 1.0, 1.0, photons[0]);
}

/* Solid angle of a pixel, summed over its sub-pixels. */
static inline double pixel_solid_angle(const Scene &s, const Panel &p, int slow, int fast)
{
    double sum = 0.0;
    for (int i = 0; i < s.oversample; ++i) {
        const PanelRow row = panel_row_at(p, sub_pixel_at(s, p, slow, i), 0.0);
        for (int j = 0; j < s.oversample; ++j) {
            double place[3];
            find_position(s, p, row, sub_pixel_at(s, p, fast, j), place);
            sum += ray_to<false>(area_of(s, p), place[0], place[1], place[2]).omega;
        }
    }
    return sum;
}

} // namespace nb::NB_ISA

#endif
