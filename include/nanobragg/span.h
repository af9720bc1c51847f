/* A span of neighbouring pixels, one a lane: the walk over layers, sub-pixels, sources, phi and mosaic domains
 * (spec section 5). kernel.c compiles it once per instruction set. */
#ifndef NANOBRAGG_SPAN_H
#define NANOBRAGG_SPAN_H

#include "cells.h"
#include "geometry.h"
#include "polarization.h"

#define NB_CELLS_A_GO 256 /* orientations between two looks at the stop flag */

/* C multiplies its running sum by the over-sampled factors after every term (row 4) and stops interpolating for good
 * at the first point outside the table (row 6): terms in their order, one lane at a time. */
static void nb_cells_in_order(const nb_scene *s, const nb_table *table, nb_state *state, const double *cells,
                              int n_cells, nb_lanes *lanes, int i)
{
    const double qx = lanes->q[0][i], qy = lanes->q[1][i], qz = lanes->q[2][i];
    for (int c = 0; c < n_cells && !(c % NB_CELLS_A_GO == 0 && *state->stop); ++c) {
        enum nb_lookup lookup = (enum nb_lookup)s->lookup;
        nb_term_values v = {0};
        nb_term_index(cells + 9 * c, qx, qy, qz, &v);
        nb_term_lattice(s, (enum nb_shape)s->shape, &v);
        if (v.lattice_sqr == 0.0 && s->water == 0.0) {
            NB_RECORD(nb_record_term(lanes->recorder, cells + 9 * c, &v, lanes->total[i]))
            continue;
        }
        if (lookup == NB_TRICUBIC && s->interpolation_ends) {
            state->interpolating = state->interpolating && nb_can_interpolate(table, v.h[0], v.h[1], v.h[2]);
            lookup = state->interpolating ? NB_TRICUBIC : NB_NEAREST;
        }
        nb_term_amplitude(table, lookup, &v);
        lanes->total[i] += v.amplitude * v.amplitude * v.lattice_sqr;
        if (s->every_capture)
            lanes->total[i] *= lanes->capture[i];
        if (s->every_polar)
            lanes->total[i] *= lanes->polar[i];
        if (s->every_omega)
            lanes->total[i] *= lanes->omega[i];
        NB_RECORD(nb_record_term(lanes->recorder, cells + 9 * c, &v, lanes->total[i]))
    }
}

/* Direction and solid angle of a lane that looks at the place x, y, z. Under c_factors every quotient is rounded as
 * C's, and the first solid angle stays, unless it is 0 or over-sampled. */
NB_INLINE void nb_look(int c_factors, int every_omega, double area, double x, double y, double z, int i,
                       nb_lanes *lanes)
{
    const double r = sqrt(x * x + y * y + z * z), per_r = 1.0 / r, omega = nb_solid_angle(area, per_r);
    lanes->omega[i] = ((!c_factors) | every_omega | (lanes->omega[i] == 0.0)) ? omega : lanes->omega[i];
    lanes->d[0][i] = nb_divide(c_factors, x, r, per_r);
    lanes->d[1][i] = nb_divide(c_factors, y, r, per_r);
    lanes->d[2][i] = nb_divide(c_factors, z, r, per_r);
    NB_RECORD(nb_record_place(lanes->recorder, x, y, z, lanes->omega[i]))
}

/* Every lane at its place along a row. `c_factors` is a constant where this is called, so that what only C needs costs
 * nobody else. */
NB_INLINE void nb_look_along(int c_factors, int every_omega, double area, nb_row x, nb_row y, nb_row z,
                             const double *fast, int n, nb_lanes *lanes)
{
    NB_SIMD for (int i = 0; i < n; ++i) nb_look(c_factors, every_omega, area, nb_coordinate(x, fast[i]),
                                                nb_coordinate(y, fast[i]), nb_coordinate(z, fast[i]), i, lanes);
}

/* What a sensor layer captures of every lane's ray. */
static void nb_absorb(const nb_scene *s, const nb_panel *p, int layer, int every_capture, int n, nb_lanes *lanes)
{
    NB_SIMD for (int i = 0; i < n; ++i)
    {
        const double rho = lanes->d[0][i] * p->normal[0] + lanes->d[1][i] * p->normal[1]
                         + lanes->d[2][i] * p->normal[2];
        const double capture = nb_capture(s, layer, rho);
        lanes->capture[i] = (every_capture | (lanes->capture[i] == 0.0)) ? capture : lanes->capture[i];
    }
}

/* Direction, solid angle and capture of every lane at one sub-pixel of one layer. Under c_factors the first
 * sub-pixel's values stay, unless they are 0 or over-sampled (rows 2, 3, 4). */
static void nb_aim(const nb_scene *s, const nb_panel *p, int layer, double slow, const double *fast, int n,
                   nb_lanes *lanes)
{
    const int every_capture = s->c_factors ? s->every_capture : s->has_sensor;
    const double area = s->point_pixel ? 0.0 : p->pixel * p->pixel * p->close_distance;
    const double depth = layer * s->layer;
    const nb_row x = nb_row_at(p, 0, slow, depth), y = nb_row_at(p, 1, slow, depth), z = nb_row_at(p, 2, slow, depth);
    NB_RECORD(nb_record_spot(lanes->recorder, p, layer, fast[0], slow))
    if (s->curved) {
        for (int i = 0; i < n; ++i) {
            double place[3] = {nb_coordinate(x, fast[i]), nb_coordinate(y, fast[i]), nb_coordinate(z, fast[i])};
            nb_bend(p, place);
            nb_look(s->c_factors, s->every_omega, area, place[0], place[1], place[2], i, lanes);
        }
    } else if (s->c_factors) {
        nb_look_along(1, s->every_omega, area, x, y, z, fast, n, lanes);
    } else {
        nb_look_along(0, 0, area, x, y, z, fast, n, lanes);
    }
    if (s->has_sensor || every_capture)
        nb_absorb(s, p, layer, every_capture, n, lanes);
    NB_RECORD(nb_record_capture(lanes->recorder, p, lanes->capture[0]))
}

/* What surrounds the crystal, seen from every lane: squared amplitude times molecules, on top of the water. */
static void nb_surroundings(const nb_scene *s, int n, nb_lanes *lanes)
{
    for (int i = 0; i < n; ++i) {
        const double q[3] = {lanes->q[0][i], lanes->q[1][i], lanes->q[2][i]};
        const double at = 0.5 * sqrt(nb_dot(q, q)) / s->amorphous_step;
        const int place = nb_clamp((int)at, 0, s->n_amorphous - 2);
        const double here = s->amorphous[place], next = s->amorphous[place + 1];
        lanes->around[i] = s->water + here + (at - place) * (next - here);
    }
}

/* Polarization of every lane's ray from one source. Under c_factors only where d_min leaves the ray, and once for a
 * pixel unless it is 0 or over-sampled (rows 2 and 4). */
NB_INLINE void nb_polarize(int c_factors, int every, double kahn, nb_source source, int n, nb_lanes *lanes)
{
    NB_SIMD for (int i = 0; i < n; ++i)
    {
        const double x = lanes->d[0][i], y = lanes->d[1][i], z = lanes->d[2][i];
        const double polar = nb_polarization(
            kahn, source.direction[0] * x + source.direction[1] * y + source.direction[2] * z,
            source.e[0] * x + source.e[1] * y + source.e[2] * z, source.b[0] * x + source.b[1] * y + source.b[2] * z);
        const double before = lanes->polar[i], once = (every | (before == 0.0)) ? polar : before;
        lanes->polar[i] = !c_factors ? polar : lanes->live[i] != 0.0 ? once : before;
    }
}

/* Which rays are within d_min; returns how many. */
static double nb_within(const nb_scene *s, int n, nb_lanes *lanes)
{
    const double limit = s->d_min * s->d_min;
    double alive = 0.0;
    NB_SIMD_ALIVE for (int i = 0; i < n; ++i)
    {
        const double qx = lanes->q[0][i], qy = lanes->q[1][i], qz = lanes->q[2][i];
        lanes->live[i] = limit * (qx * qx + qy * qy + qz * qz) > 1.0 ? 0.0 : 1.0;
        alive += lanes->live[i];
    }
    return alive;
}

/* Scattering vectors from one source. */
NB_INLINE void nb_differ(int c_factors, nb_source source, int n, nb_lanes *lanes)
{
    const double wavelength = source.wavelength, per_wavelength = 1.0 / wavelength;
    NB_SIMD for (int i = 0; i < n; ++i)
    {
        lanes->q[0][i] = nb_divide(c_factors, lanes->d[0][i] - source.direction[0], wavelength, per_wavelength);
        lanes->q[1][i] = nb_divide(c_factors, lanes->d[1][i] - source.direction[1], wavelength, per_wavelength);
        lanes->q[2][i] = nb_divide(c_factors, lanes->d[2][i] - source.direction[2], wavelength, per_wavelength);
    }
}

/* Scattering vectors from one source, polarization, and which lanes it reaches within d_min; returns whether any. */
static int nb_scatter(const nb_scene *s, const nb_source *src, int n, nb_lanes *lanes)
{
    if (s->c_factors)
        nb_differ(1, *src, n, lanes);
    else
        nb_differ(0, *src, n, lanes);
    const double alive = s->d_min > 0.0 ? nb_within(s, n, lanes) : 1.0;
    if (s->c_factors && (s->polarized || s->every_polar))
        nb_polarize(1, s->every_polar, s->kahn, *src, n, lanes);
    else if (s->polarized)
        nb_polarize(0, 0, s->kahn, *src, n, lanes);
    if (s->amorphous)
        nb_surroundings(s, n, lanes);
    NB_RECORD(const double q[3] = {lanes->q[0][0], lanes->q[1][0], lanes->q[2][0]}; nb_record_source(
                  lanes->recorder, s, src, q, lanes->live[0], lanes->polar[0], lanes->around[0], lanes->total[0]))
    return alive > 0.0;
}

/* One source's terms, added to `total`. */
static void nb_add_source(const nb_scene *s, const nb_source *src, nb_state *state, nb_lanes *lanes, int n)
{
    const int any = nb_scatter(s, src, n, lanes);
    if (!any && s->c_factors)
        return;
    const double *cells = state->first && s->first_cells ? s->first_cells : s->cells;
    nb_table table = s->table;
    table.values = src->amplitudes;
    state->first = 0;
    NB_RECORD(lanes->recorder->cells = cells)
    if (s->every_omega || s->every_polar || s->every_capture || s->interpolation_ends) {
        for (int i = 0; i < n; ++i)
            if (lanes->live[i] != 0.0)
                nb_cells_in_order(s, &table, state, cells, s->n_cells, lanes, i);
        return;
    }
    nb_cells_fn *const add = (*state->cells)[s->shape][s->lookup];
    for (int i = 0; i < n; ++i)
        lanes->sum[i] = 0.0;
    for (int c = 0; any && c < s->n_cells && !*state->stop; c += NB_CELLS_A_GO) {
        const int left = s->n_cells - c;
        add(s, &table, cells + 9 * (size_t)c, left < NB_CELLS_A_GO ? left : NB_CELLS_A_GO, lanes, lanes->sum, n);
    }
    const double per_cell = 1.0 / s->n_cells, weight = src->weight;
    const int c_factors = s->c_factors;
    NB_SIMD for (int i = 0; i < n; ++i)
    {
        const double crystal = lanes->live[i] * lanes->sum[i];
        const double factors = weight * lanes->omega[i] * lanes->polar[i] * lanes->capture[i];
        lanes->total[i] += c_factors ? crystal : factors * (crystal * per_cell + lanes->around[i]);
    }
}

static void nb_fill(double *lanes, double value, int n)
{
    for (int i = 0; i < n; ++i)
        lanes[i] = value;
}

/* Photons in n pixels of row `slow` at the columns `fast`; n is at most NB_LANES. */
static void nb_span(const nb_scene *s, const nb_panel *p, int slow, const int *fast, int n, nb_state *state,
                    double *photons)
{
    nb_lanes lanes;
    double column[NB_LANES], at[NB_LANES]; /* in sub-pixels; in metres */
    const double step = p->pixel / s->oversample;
    const int m = state->in_order ? n : (n + NB_PADDING - 1) / NB_PADDING * NB_PADDING;
    lanes.recorder = state->recorder;
    nb_fill(lanes.omega, 0.0, m);
    nb_fill(lanes.polar, s->polarized ? 0.0 : 1.0, m);
    nb_fill(lanes.total, s->c_factors ? s->water : 0.0, m);
    nb_fill(lanes.around, s->water, m);
    nb_fill(lanes.live, 1.0, m);
    for (int x = 0; x < m; ++x)
        column[x] = fast[x < n ? x : n - 1] * s->oversample;
    for (int layer = 0; layer < s->n_layers; ++layer) {
        nb_fill(lanes.capture, s->has_sensor ? 0.0 : 1.0, m);
        for (int i = 0; i < s->oversample; ++i) {
            for (int j = 0; j < s->oversample && !*state->stop; ++j) {
                for (int x = 0; x < m; ++x)
                    at[x] = step * (column[x] + j) + step / 2.0;
                nb_aim(s, p, layer, step * (slow * s->oversample + i) + step / 2.0, at, m, &lanes);
                for (int src = 0; src < s->n_sources && !*state->stop; ++src)
                    nb_add_source(s, &s->sources[src], state, &lanes, m);
            }
        }
    }
    for (int i = 0; i < n; ++i) {
        photons[i] = s->scale * lanes.total[i];
        if (s->c_factors) {
            photons[i] *= s->every_capture ? 1.0 : lanes.capture[i];
            photons[i] *= s->every_polar ? 1.0 : lanes.polar[i];
            photons[i] *= s->every_omega ? 1.0 : lanes.omega[i];
        }
        NB_RECORD(nb_record_pixel(lanes.recorder, s, lanes.total[i], lanes.omega[i], lanes.polar[i], lanes.capture[i],
                                  photons[i]))
    }
}

/* What the statistics call the pixel's solid angle: under c_factors every term's, unless over-sampled the first's. */
static inline double nb_pixel_omega(const nb_scene *s, const nb_panel *p, int slow, int fast)
{
    const double step = p->pixel / s->oversample;
    double sum = 0.0;
    nb_lanes lanes;
    lanes.omega[0] = lanes.capture[0] = 0.0;
    for (int layer = 0; layer < (s->c_factors ? s->n_layers : 1); ++layer) {
        for (int i = 0; i < s->oversample; ++i) {
            for (int j = 0; j < s->oversample; ++j) {
                const double at = step * (fast * s->oversample + j) + step / 2.0;
                nb_aim(s, p, layer, step * (slow * s->oversample + i) + step / 2.0, &at, 1, &lanes);
                sum += lanes.omega[0];
            }
        }
    }
    return sum;
}

#endif
