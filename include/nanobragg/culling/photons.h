/* The photons of a region, as its renderer adds them (region.h). */
#ifndef NANOBRAGG_CULLING_PHOTONS_H
#define NANOBRAGG_CULLING_PHOTONS_H

#include "../accumulate_smeared.h"
#include "../intensity.h"
#include "../walk.h"
#include "spots.h"

namespace nb::NB_ISA {

/* Add the terms of one spot of one source to the sums of n lanes. */
using AddSmearedSpot = void(const Scene &s, const Source &source, const double *vertices, const Spot &spot,
                            const Lanes &lanes, int n, double *sums);

template <class Lookup>
static void add_smeared_spot(const Scene &s, const Source &source, const double *vertices, const Spot &spot,
                             const Lanes &lanes, int n, double *sums)
{
    const double weight = source.weight * peak_of<Lookup>(s, source.table, spot.smeared->h),
                 farthest = spot.term_reach_sqr;
    const SmearedSpot here = *spot.smeared;
    const SmearForm form = form_of(*s.smear);
    double cell[9];
    memcpy(cell, vertices, sizeof cell);
    NB_SIMD for (int i = 0; i < n; ++i)
    {
        Term<double> term;
        find_index(cell, lanes.q[0][i], lanes.q[1][i], lanes.q[2][i], term);
        const SmearedOffset offset = offset_of(form, here, {term.h[0], term.h[1], term.h[2]});
        const double share = smeared_share(here, offset);
        sums[i] += offset.radius_sqr <= farthest ? weight * lanes.live[i] * share : 0.0;
    }
}

/* The functions of one type of table, by lookup. */
template <class Entry> struct SmearedSpotTable {
    AddSmearedSpot *function[LOOKUPS] = {add_smeared_spot<Constant<Entry>>, add_smeared_spot<Nearest<Entry>>, nullptr};
};

class Photons {
public:
    using Sink = Intensity;

    /* `photons`: by rows of REGION. */
    Photons(const Scene &s, const Panel &p, const Plan &plan, const Region &region, Accumulate<Intensity> *add,
            SumSources *sum, AddSmearedSpot *add_spot, double *photons)
        : add(add), s(s), p(p), plan(plan), region(region), sum(sum), add_spot(add_spot), photons(photons),
          step(p.pixel / s.oversample)
    {
    }

    /* Add pixels of row y of the region, n of them at the columns `fast`, by the exact engine's walk. */
    void walk_row(const Scene &scene, const Orientations list, int y, const int *fast, int n, const volatile int *stop)
    {
        double row[REGION];
        Intensity sink;
        walk<Intensity>(scene, p, region.slow + y, fast, n, list, add, stop, sink, row);
        for (int i = 0; i < n; ++i)
            photons[REGION * y + fast[i] - region.fast] += row[i];
    }

    Intensity &begin_tile(const Scene &) { return tile; }
    void add_lane(int lane, int pixel) { photons[pixel] += s.scale * tile.total[lane]; }

    /* The terms of one orientation in a row of sub-pixels that a spot reaches. */
    void add_spot_row(int orientation, const Spot &spot, const View &view, int layer, int row, const Range columns,
                      int from, int to)
    {
        if (spot.smeared) {
            for (int first = columns.first; first <= columns.last; first += LANES)
                add_smeared(orientation, spot, layer, row, first, smaller(columns.last - first + 1, LANES), from, to);
            return;
        }
        const PanelRow line = panel_row_at(p, step * row + step / 2.0, layer * s.layer);
        const int slow = row / s.oversample - region.slow;
        for (int x = columns.first; x <= columns.last; ++x) {
            const int pixel = REGION * slow + x / s.oversample - region.fast;
            if (region.wanted[pixel])
                photons[pixel] += add_place(orientation, spot, view, layer, line, step * x + step / 2.0, from, to);
        }
    }

    Accumulate<Intensity> *const add;
    long long evaluated = 0; /* terms of spots */

private:
    /* The terms of a smeared spot in n sub-pixels of a row. */
    void add_smeared(int orientation, const Spot &spot, int layer, int row, int first, int n, int from, int to)
    {
        const int m = whole_vectors(n), slow = row / s.oversample - region.slow;
        const double share = s.scale * share_of(s, orientation) / s.n_cells;
        double at[LANES], sums[LANES];
        Lanes lanes;
        for (int i = 0; i < m; ++i)
            at[i] = step * (first + (i < n ? i : n - 1)) + step / 2.0;
        reset(s, m, lanes);
        fill(sums, 0.0, m);
        find_rays<false, Latest, false>(s, p, layer, step * row + step / 2.0, at, false, false, 0, m, lanes);
        for (int number = from; number < to; ++number) {
            const Source &source = plan.sources[number];
            if (!scatter(s, source, number == from, m, lanes))
                continue;
            add_spot(s, source, s.cells + 9 * (size_t)orientation, spot, lanes, m, sums);
            evaluated += n;
        }
        for (int i = 0; i < n; ++i) {
            const int pixel = REGION * slow + (first + i) / s.oversample - region.fast;
            if (region.wanted[pixel])
                photons[pixel] += share * lanes.omega[i] * lanes.polar[i] * lanes.capture[i] * sums[i];
        }
    }

    /* Photons of one sub-pixel of a layer. */
    double add_place(int orientation, const Spot &spot, const View &view, int layer, const PanelRow &line, double fast,
                     int from, int to)
    {
        const double *cell = s.cells + 9 * (size_t)orientation;
        const double place[3] = {coordinate(line.x, fast), coordinate(line.y, fast), coordinate(line.z, fast)};
        const Ray ray = ray_to<false>(area_of(s, p), place[0], place[1], place[2]);
        const double chord[3] = {ray.x - view.s[0], ray.y - view.s[1], ray.z - view.s[2]};
        find_sources(spot, cell, chord, from, to);
        if (from == to)
            return 0.0;
        const Target target = {chord[0],       chord[1],       chord[2],      (int)spot.h[0],
                               (int)spot.h[1], (int)spot.h[2], spot.reach_sqr};
        evaluated += to - from;
        const double crystal = sum(s, plan, cell, target, from, to);
        return crystal == 0.0 ? 0.0 : factors(view, layer, ray) * share_of(s, orientation) * crystal;
    }

    /* Narrow the sources to those for which the squared radius, a quadratic in kappa, is within reach. */
    void find_sources(const Spot &spot, const double *cell, const double *chord, int &from, int &to) const
    {
        const bool single = to - from == 1;
        const double middle = single ? plan.kappa[from] * PER_METRE : 0.5 * (spot.kappa[0] + spot.kappa[1]);
        double along[3], offset[3];
        for (int i = 0; i < 3; ++i) {
            along[i] = dot(cell + 3 * i, chord) * 1e10;
            offset[i] = along[i] * middle - spot.h[i];
        }
        const double *m = s.crystal.metric;
        const double excess = bilinear(m, offset, offset) - spot.reach_sqr * (1.0 + 1e-6);
        if (single) {
            from += excess > 0.0;
            return;
        }
        const double a = bilinear(m, along, along), b = bilinear(m, along, offset), root_sqr = b * b - a * excess;
        if (root_sqr < 0.0) {
            from = to;
        } else if (a > 0.0) {
            const double root = sqrt(root_sqr);
            from = source_from(plan.kappa, from, to, (middle + (-b - root) / a) / PER_METRE * (1.0 - SLACK));
            to = source_from(plan.kappa, from, to, (middle + (-b + root) / a) / PER_METRE * (1.0 + SLACK));
        }
    }

    double factors(const View &view, int layer, const Ray &ray) const
    {
        const Source &source = plan.sources[plan.beams[view.beam].first];
        const double d[3] = {ray.x, ray.y, ray.z};
        const double polar = s.polarized
                               ? polarization(s.kahn, dot(source.direction, d), dot(source.e, d), dot(source.b, d))
                               : 1.0;
        const double capture = s.has_sensor ? absorbed_fraction(s, layer, dot(d, p.normal)) : 1.0;
        const double passed = s.has_beamstop ? passed_fraction(s, ray.x, ray.y, ray.z) : 1.0;
        return s.scale * ray.omega * polar * capture * passed / s.n_cells;
    }

    const Scene &s;
    const Panel &p;
    const Plan &plan;
    const Region &region;
    SumSources *const sum;
    AddSmearedSpot *const add_spot;
    double *const photons;
    const double step;
    Intensity tile;
};

} // namespace nb::NB_ISA

#endif
