/* The walk of the original program (docs/quirks.md). A pixel keeps the first solid angle, polarization and absorbed
 * fraction (rows 2 and 3), over-sampled factors multiply the running sum (row 4), and the order of terms and pixels
 * matters (rows 1 and 6). The terms are those of walk.h. */
#ifndef NANOBRAGG_WALK_C_H
#define NANOBRAGG_WALK_C_H

#include "kernel.h"
#include "walk.h"

namespace nb::NB_ISA {

/* A pixel keeps a factor's first value that is not 0, unless the factor is over-sampled (rows 2, 3 and 4). */
struct FirstUnlessOverSampled {
    NB_INLINE double keep(double before, double now, bool over_sampled)
    {
        return (over_sampled | (before == 0.0)) ? now : before;
    }
};

/* Polarization of every lane, kept once for a pixel unless it is `every` sub-pixel's. A source along the polarization
 * axis (`axial`) has no E and B: the original then takes psi = 0 (row 27). */
template <bool axial> static void polarize_c(double kahn, const Source source, bool every, int n, Lanes &lanes)
{
    NB_SIMD for (int i = 0; i < n; ++i)
    {
        double polar;
        if constexpr (axial) {
            const double x = lanes.d[0][i], y = lanes.d[1][i], z = lanes.d[2][i];
            const double cosine = source.direction[0] * x + source.direction[1] * y + source.direction[2] * z;
            polar = polarization(kahn, cosine, sqrt(larger(1.0 - cosine * cosine, 0.0)), 0.0);
        } else {
            polar = polarization_in_lane(kahn, source, lanes, i);
        }
        const double before = lanes.polar[i], once = FirstUnlessOverSampled::keep(before, polar, every);
        lanes.polar[i] = lanes.live[i] != 0.0 ? once : before;
    }
}

NB_INLINE bool is_axial(const Source &source)
{
    return source.b[0] == 0.0 && source.b[1] == 0.0 && source.b[2] == 0.0;
}

/* Scattering vectors from one source, and polarization, once for a pixel unless it is over-sampled (rows 2 and 4);
 * returns whether any lane is within d_min. */
static inline bool scatter_c(const CScene &s, const Source &source, int n, Lanes &lanes)
{
    find_scattering_vectors<true>(source, n, lanes);
    const bool any = !(s.d_min > 0.0) || mark_within_resolution(s.d_min, n, lanes);
    const bool every_polar = s.rules.every_polar;
    if (s.polarized || every_polar)
        (is_axial(source) ? polarize_c<true> : polarize_c<false>)(s.kahn, source, every_polar, n, lanes);
    return any;
}

NB_INLINE bool multiplies_running_sum(const CRules &rules)
{
    return rules.every_omega || rules.every_polar || rules.every_capture;
}

/* F_cell of one term; the first point outside the table ends interpolation for good (row 6). */
NB_INLINE void find_amplitude_c(const CScene &s, const Table<double> &table, int lookup, COrder &order,
                                Term<double> &term)
{
    if (lookup == TRICUBIC && s.rules.interpolation_ends) {
        order.interpolating = order.interpolating && can_interpolate(table, term.h[0], term.h[1], term.h[2]);
        lookup = order.interpolating ? TRICUBIC : NEAREST;
    }
    switch (lookup) {
    case CONSTANT:
        return Constant<double>::find(table, term);
    case NEAREST:
        return Nearest<double>::find(table, term);
    default:
        return Tricubic<double>::find(table, term);
    }
}

/* One source's terms in their order, in lane i; over-sampled factors multiply the sum after each (row 4). */
template <class Sink>
static void accumulate_in_order(const CScene &s, int table_number, int lookup, const double *cells,
                                const volatile int *stop, COrder &order, const Lanes &lanes, int i, Sink &sink)
{
    const auto table = table_of<double>(s, table_number);
    for (int c = 0; c < s.n_cells && !(c % CHUNK == 0 && *stop); ++c) {
        Term<double> term = {};
        find_index(cells + 9 * (size_t)c, lanes.q[0][i], lanes.q[1][i], lanes.q[2][i], term);
        Shapes::visit<int>(s.shape, [&](auto shape) { return shape.evaluate(s.crystal, term), 0; });
        if (term.lattice_sqr != 0.0 || s.water != 0.0) {
            find_amplitude_c(s, table, lookup, order, term);
            sink.total[i] += intensity(term);
            if (s.rules.every_capture)
                sink.total[i] *= lanes.capture[i];
            if (s.rules.every_polar)
                sink.total[i] *= lanes.polar[i];
            if (s.rules.every_omega)
                sink.total[i] *= lanes.omega[i];
        }
        sink.record(cells + 9 * (size_t)c, term, sink.total[i]);
    }
}

/* Add one source's terms to the sink's total, unless d_min leaves out every lane. */
template <class Sink>
static void add_source_c(const CScene &s, int number, int lookup, bool in_order,
                         const AccumulateTable<double, double, Sink> &add, const volatile int *stop, COrder &order,
                         int n, Lanes &lanes, Sink &sink)
{
    const Source &source = s.sources[number];
    const bool any = scatter_c(s, source, n, lanes);
    const double *cells = order.first && s.first_cells ? s.first_cells : s.cells;
    sink.from_source(s, number, cells, lanes);
    if (!any)
        return;
    order.first = false;
    if (in_order) {
        for (int i = 0; i < n; ++i)
            if (lanes.live[i] != 0.0)
                accumulate_in_order(s, source.table, lookup, cells, stop, order, lanes, i, sink);
        return;
    }
    fill(sink.sum, 0.0, n);
    for (int c = 0; c < s.n_cells && !*stop; c += CHUNK) {
        const int left = s.n_cells - c;
        add.function[s.shape][lookup](s, source.table, cells, {nullptr, c, left < CHUNK ? left : CHUNK}, lanes, n,
                                      sink);
    }
    NB_SIMD for (int i = 0; i < n; ++i) sink.total[i] += lanes.live[i] * sink.sum[i];
}

/* Photons in n pixels of row `slow` at the columns `fast`. While anything depends on the order of pixels (`order`),
 * n is 1 and the pixels come in the image's order. */
template <class Sink>
static void walk_c(const CScene &s, const Panel &p, int slow, const int *fast, int n,
                   const AccumulateTable<double, double, Sink> &add, const volatile int *stop, COrder &order,
                   Sink &sink, double *photons)
{
    Lanes lanes;
    const bool alone = Sink::needs_steps || depends_on_order(s, order);
    const bool in_order = multiplies_running_sum(s.rules) || (s.rules.interpolation_ends && order.interpolating);
    const int lookup = s.rules.interpolation_ends && !order.interpolating ? (int)NEAREST : s.lookup;
    const int m = alone ? n : whole_vectors(n);
    fill(lanes.omega, 0.0, m);
    fill(lanes.polar, s.polarized ? 0.0 : 1.0, m);
    fill(lanes.live, 1.0, m);
    fill(lanes.around, 0.0, m);
    fill(sink.total, s.water, m);
    int begun = -1; /* the layer whose absorbed fraction the lanes keep */
    visit_sub_pixels(s, p, slow, fast, n, m, stop, [&](int layer, double row, const double *at) {
        if (layer != begun)
            fill(lanes.capture, s.has_sensor ? 0.0 : 1.0, m);
        begun = layer;
        find_rays<true, FirstUnlessOverSampled, Sink::needs_places>(s, p, layer, row, at, s.rules.every_omega,
                                                                    s.rules.every_capture, 0, m, lanes);
        sink.at_place(s, p, layer, &row, at, lanes);
        for (int source = 0; source < s.n_sources && !*stop; ++source)
            add_source_c(s, source, lookup, in_order, add, stop, order, m, lanes, sink);
    });
    for (int i = 0; i < n; ++i) {
        const double capture = s.rules.every_capture ? 1.0 : lanes.capture[i];
        const double polar = s.rules.every_polar ? 1.0 : lanes.polar[i];
        const double omega = s.rules.every_omega ? 1.0 : lanes.omega[i];
        photons[i] = s.scale * sink.total[i];
        photons[i] *= capture;
        photons[i] *= polar;
        photons[i] *= omega;
        sink.finish(omega, polar, capture, photons[i]);
    }
}

/* Solid angle of a pixel as the original's statistics count it: summed over layers and sub-pixels, each with the first
 * value unless it is over-sampled. */
static inline double pixel_solid_angle_c(const CScene &s, const Panel &p, int slow, int fast)
{
    double sum = 0.0, omega = 0.0;
    for (int layer = 0; layer < s.n_layers; ++layer) {
        for (int i = 0; i < s.oversample; ++i) {
            const PanelRow row = panel_row_at(p, sub_pixel_at(s, p, slow, i), layer * s.layer);
            for (int j = 0; j < s.oversample; ++j) {
                double place[3];
                find_position(s, p, row, sub_pixel_at(s, p, fast, j), place);
                const Ray ray = ray_to<true>(area_of(s, p), place[0], place[1], place[2]);
                omega = FirstUnlessOverSampled::keep(omega, ray.omega, s.rules.every_omega);
                sum += omega;
            }
        }
    }
    return sum;
}

} // namespace nb::NB_ISA

#endif
