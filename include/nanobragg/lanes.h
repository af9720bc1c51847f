/* A span of neighbouring pixels, one per vector lane: the ray of every lane, and the steps that both walks share. */
#ifndef NANOBRAGG_LANES_H
#define NANOBRAGG_LANES_H

#include "geometry.h"
#include "polarization.h"

namespace nb::NB_ISA {

constexpr int LANES = SPAN_PIXELS;

/* Lanes come in whole vectors: a pixel's bits do not depend on its neighbours' number. */
NB_INLINE int whole_vectors(int n)
{
    return (n + VECTOR - 1) / VECTOR * VECTOR;
}

struct alignas(64) Lanes {
    double d[3][LANES]; /* direction of the scattered ray */
    double q[3][LANES]; /* scattering vector, 1/m */
    double omega[LANES], polar[LANES], capture[LANES];
    double live[LANES];   /* 0 where d_min leaves the term out, else 1 */
    double around[LANES]; /* water and amorphous material */
    double place[3][LANES],
        per_r[LANES]; /* lab position, m, and 1/distance from the sample; for sinks that need them */
};

NB_INLINE void fill(double *lanes, double value, int n)
{
    for (int i = 0; i < n; ++i)
        lanes[i] = value;
}

NB_INLINE void keep_direction(Lanes &lanes, int i, const Ray &ray)
{
    lanes.d[0][i] = ray.x;
    lanes.d[1][i] = ray.y;
    lanes.d[2][i] = ray.z;
}

NB_INLINE void keep_place(Lanes &lanes, int i, const Ray &ray, double x, double y, double z)
{
    lanes.per_r[i] = ray.per_r;
    lanes.place[0][i] = x;
    lanes.place[1][i] = y;
    lanes.place[2][i] = z;
}

/* Keep policy: a lane keeps the latest value of a factor as it moves over the sub-pixels. */
struct Latest {
    NB_INLINE double keep(const double &, double now, bool) { return now; }
};

NB_INLINE double absorbed_in_lane(const Scene &s, const Panel &p, int layer, const Lanes &lanes, int i)
{
    const double rho = lanes.d[0][i] * p.normal[0] + lanes.d[1][i] * p.normal[1] + lanes.d[2][i] * p.normal[2];
    return absorbed_fraction(s, layer, rho);
}

NB_INLINE double polarization_in_lane(double kahn, const Source &source, const Lanes &lanes, int i)
{
    const double x = lanes.d[0][i], y = lanes.d[1][i], z = lanes.d[2][i];
    return polarization(kahn, source.direction[0] * x + source.direction[1] * y + source.direction[2] * z,
                        source.e[0] * x + source.e[1] * y + source.e[2] * z,
                        source.b[0] * x + source.b[1] * y + source.b[2] * z);
}

/* Direction, solid angle and captured fraction of the lanes from `begin` to `end` at one sub-pixel of one layer. The
 * switches `every_omega` and `every_capture` are passed to Keep; `places` keeps the lab positions. */
template <bool exact, class Keep, bool places>
static void find_rays(const Scene &s, const Panel &p, int layer, double slow, const double *fast, bool every_omega,
                      bool every_capture, int begin, int end, Lanes &lanes)
{
    const double area = area_of(s, p);
    const PanelRow row = panel_row_at(p, slow, layer * s.layer);
    if (s.curved) {
        for (int i = begin; i < end; ++i) {
            double place[3];
            find_position(s, p, row, fast[i], place);
            const Ray ray = ray_to<exact>(area, place[0], place[1], place[2]);
            if constexpr (places)
                keep_place(lanes, i, ray, place[0], place[1], place[2]);
            lanes.omega[i] = Keep::keep(lanes.omega[i], ray.omega, every_omega);
            keep_direction(lanes, i, ray);
        }
    } else {
        NB_SIMD for (int i = begin; i < end; ++i)
        {
            const double x = coordinate(row.x, fast[i]), y = coordinate(row.y, fast[i]), z = coordinate(row.z, fast[i]);
            const Ray ray = ray_to<exact>(area, x, y, z);
            if constexpr (places)
                keep_place(lanes, i, ray, x, y, z);
            lanes.omega[i] = Keep::keep(lanes.omega[i], ray.omega, every_omega);
            keep_direction(lanes, i, ray);
        }
    }
    if (s.has_sensor || every_capture)
        NB_SIMD for (int i = begin; i < end; ++i)
        {
            const double fraction = absorbed_in_lane(s, p, layer, lanes, i);
            lanes.capture[i] = Keep::keep(lanes.capture[i], fraction, every_capture);
        }
    if (s.has_beamstop) /* not in the original, so that every fraction is the latest */
        NB_SIMD for (int i = begin; i < end; ++i)
        {
            const double passed = passed_fraction(s, lanes.d[0][i], lanes.d[1][i], lanes.d[2][i]);
            lanes.capture[i] = s.has_sensor ? lanes.capture[i] * passed : passed;
        }
}

/* Scattering vectors from one source; `exact`: quotients rounded as divisions are. */
template <bool exact> NB_INLINE void find_scattering_vectors(const Source source, int n, Lanes &lanes)
{
    const double wavelength = source.wavelength, per_wavelength = 1.0 / wavelength;
    NB_SIMD for (int i = 0; i < n; ++i)
    {
        lanes.q[0][i] = divide<exact>(lanes.d[0][i] - source.direction[0], wavelength, per_wavelength);
        lanes.q[1][i] = divide<exact>(lanes.d[1][i] - source.direction[1], wavelength, per_wavelength);
        lanes.q[2][i] = divide<exact>(lanes.d[2][i] - source.direction[2], wavelength, per_wavelength);
    }
}

/* Mark the lanes whose resolution is within d_min; returns whether there are any. */
static inline bool mark_within_resolution(double d_min, int n, Lanes &lanes)
{
    const double limit = d_min * d_min;
    double alive = 0.0;
    _Pragma("omp simd reduction(+:alive)") for (int i = 0; i < n; ++i)
    {
        const double qx = lanes.q[0][i], qy = lanes.q[1][i], qz = lanes.q[2][i];
        lanes.live[i] = limit * (qx * qx + qy * qy + qz * qz) > 1.0 ? 0.0 : 1.0;
        alive += lanes.live[i];
    }
    return alive > 0.0;
}

/* Squared amplitude times molecules of the amorphous material at a scattering vector of squared length qq, and its
 * derivative with respect to that vector's length. */
struct Amorphous {
    double value, slope;
};

NB_INLINE Amorphous amorphous_at(const Scene &s, double qq)
{
    const double at = 0.5 * sqrt(qq) / s.amorphous_step;
    const int place = clamp((int)at, 0, s.n_amorphous - 2);
    const double here = s.amorphous[place], next = s.amorphous[place + 1];
    return {here + (at - place) * (next - here), (next - here) * 0.5 / s.amorphous_step};
}

/* Squared amplitude times molecules of all that surrounds the crystal, water included, for every lane. */
static inline void find_surroundings(const Scene &s, int n, Lanes &lanes)
{
    for (int i = 0; i < n; ++i) {
        const double q[3] = {lanes.q[0][i], lanes.q[1][i], lanes.q[2][i]};
        lanes.around[i] = s.water + amorphous_at(s, dot(q, q)).value;
    }
}

} // namespace nb::NB_ISA

#endif
