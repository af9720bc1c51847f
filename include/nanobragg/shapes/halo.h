/* The halo of diffuse scattering around every reflection, for displacements of molecules that are correlated as in a
 * liquid (docs/theory.md, Diffuse scattering): a point has those of the reflections around it, of which each is a term
 * (halos.h). The squared radius is (2 pi)^2 |G dq|^2, with dq = dh a* + dk b* + dl c* and the correlation lengths G. It
 * is not one of the crystal's own shapes. */
#ifndef NANOBRAGG_SHAPES_HALO_H
#define NANOBRAGG_SHAPES_HALO_H

#include "radial.h"

namespace nb::NB_ISA {

struct Halo : Radial<Halo> {
    static constexpr const char *name = nullptr;
    static constexpr bool is_halo = true;
    static constexpr double power = 1.0; /* blocks' halos grow as their cells */
    static constexpr double reach = 0.0, integral = 0.0;

    NB_INLINE double value(double peak, double rr) { return peak / ((1.0 + rr) * (1.0 + rr)); }

    NB_INLINE double derivative(double peak, double rr) { return -2.0 * value(peak, rr) / (1.0 + rr); }

    NB_INLINE void radius_by_n(const Crystal &, const double *, const double *, double, double *by_n)
    {
        for (int i = 0; i < 3; ++i)
            by_n[i] = 0.0;
    }

    /* Of all halos that a point has. */
    NB_INLINE float envelope(const Extent e, float dh, float dk, float dl)
    {
        const float rr = 1.0f + e.metric[0] * dh * dh + e.metric[1] * dk * dk + e.metric[2] * dl * dl;
        return 1.0f / (rr * rr) + e.others;
    }

    static double section(double) { return 0.0; }
};

} // namespace nb::NB_ISA

#endif
