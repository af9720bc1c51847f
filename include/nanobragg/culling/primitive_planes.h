/* The primitives of a region, as its renderer adds them (region.h). */
#ifndef NANOBRAGG_CULLING_PRIMITIVE_PLANES_H
#define NANOBRAGG_CULLING_PRIMITIVE_PLANES_H

#include "../gradient.h"
#include "region.h"

namespace nb::NB_ISA {

constexpr int REGION_PIXELS = REGION * REGION;

template <class Real> class PrimitivePlanes {
public:
    using Sink = Gradient<Real>;

    /* `motions`: of the sources in every order (SourceOrder); `planes`: a plane of rows of REGION for each primitive.
     */
    PrimitivePlanes(const Scene &s, const Panel &p, const Plan &plan, const Region &region, const Motions *motions,
                    Accumulate<Sink> *add, const volatile int *stop, double *planes)
        : add(add), s(s), p(p), plan(plan), region(region), motions(motions), stop(stop), planes(planes),
          crystal(crystal_of(s, plan)), step(p.pixel / s.oversample), sink(motions[PLANNED])
    {
    }

    /* As Photons::walk_row; `list` is empty for the scene around the crystal. */
    void walk_row(const Scene &scene, const Orientations list, int y, const int *fast, int n, const volatile int *)
    {
        Sink row(motions[list.count ? AS_GIVEN : AROUND]);
        visit_terms<Sink>(scene, p, region.slow + y, fast, n, list, add, stop, row);
        for (int k = 0; k < PRIMITIVES; ++k) {
            double *plane = planes + k * REGION_PIXELS + REGION * y;
            for (int i = 0; i < n; ++i)
                plane[fast[i] - region.fast] += s.scale * row.primitives[k][i];
        }
    }

    Sink &begin_tile(const Scene &)
    {
        sink.clear();
        return sink;
    }

    void add_lane(int lane, int pixel)
    {
        for (int k = 0; k < PRIMITIVES; ++k)
            planes[k * REGION_PIXELS + pixel] += s.scale * sink.primitives[k][lane];
    }

    /* The terms of one orientation in a row of sub-pixels that a spot reaches, with the sub-pixels in the lanes. */
    void add_spot_row(int orientation, const Spot &spot, const View &, int layer, int row, const Range columns,
                      int from, int to)
    {
        for (int first = columns.first; first <= columns.last && !*stop; first += LANES) {
            const int left = columns.last - first + 1;
            add_lanes(orientation, spot, layer, row, first, left < LANES ? left : LANES, from, to);
        }
    }

    Accumulate<Sink> *const add;
    long long evaluated = 0; /* terms of spots */

private:
    void add_lanes(int orientation, const Spot &spot, int layer, int row, int first, int n, int from, int to)
    {
        const int m = whole_vectors(n);
        const double slow = step * row + step / 2.0;
        double rows[LANES], at[LANES];
        Lanes lanes;
        bool any = false;
        for (int i = 0; i < m; ++i)
            at[i] = step * (first + (i < n ? i : n - 1)) + step / 2.0;
        fill(rows, slow, m);
        reset(crystal, m, lanes);
        find_rays<false, Latest, true>(crystal, p, layer, slow, at, false, false, 0, m, lanes);
        sink.clear();
        sink.at_place(crystal, p, layer, rows, at, lanes);
        for (int number = from; number < to; ++number) {
            const Source &source = crystal.sources[number];
            if (!scatter(crystal, source, number == from, m, lanes) || !mark_targets(orientation, spot, n, m, lanes))
                continue;
            any = true;
            sink.from_source(crystal, number, crystal.cells, lanes);
            add(crystal, source.table, crystal.cells, {nullptr, orientation, 1, spot.smeared}, lanes, m, sink);
            sink.leave_source(crystal, number, m, lanes);
        }
        if (!any)
            return;
        sink.leave_place(crystal, p, m, lanes);
        for (int i = 0; i < n; ++i) {
            const int pixel = REGION * (row / s.oversample - region.slow) + (first + i) / s.oversample - region.fast;
            if (region.wanted[pixel])
                add_lane(i, pixel);
        }
    }

    /* Make those lanes live whose nearest reflection is the spot's, and within its reach; returns whether there are
     * any. */
    bool mark_targets(int orientation, const Spot &spot, int n, int m, Lanes &lanes)
    {
        if (spot.smeared) { /* whose slopes are for all lanes */
            evaluated += n;
            return true;
        }
        const double *cell = crystal.cells + 9 * (size_t)orientation;
        const bool limited = crystal.d_min > 0.0;
        const Target target = {0.0, 0.0, 0.0, (int)spot.h[0], (int)spot.h[1], (int)spot.h[2], spot.reach_sqr};
        double live = 0.0;
        for (int i = 0; i < m; ++i) {
            Term<double> term;
            find_index(cell, lanes.q[0][i], lanes.q[1][i], lanes.q[2][i], term);
            const double radius_sqr = bilinear(crystal.crystal.metric, term.offset, term.offset);
            const bool matters = is_target(target, term.nearest[0], term.nearest[1], term.nearest[2], radius_sqr);
            lanes.live[i] = matters ? (limited ? lanes.live[i] : 1.0) : 0.0;
            live += i < n ? lanes.live[i] : 0.0;
        }
        evaluated += (long long)live;
        return live > 0.0;
    }

    const Scene &s;
    const Panel &p;
    const Plan &plan;
    const Region &region;
    const Motions *const motions;
    const volatile int *const stop;
    double *const planes;
    const Scene crystal;
    const double step;
    Sink sink;
};

} // namespace nb::NB_ISA

#endif
