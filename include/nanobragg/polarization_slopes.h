/* How photons change with their polarization factor (polarization.h). */
#ifndef NANOBRAGG_POLARIZATION_SLOPES_H
#define NANOBRAGG_POLARIZATION_SLOPES_H

#include "primitives.h"
#include "vec3.h"

namespace nb::NB_ISA {

/* By the direction of the ray, but for a part along it, by the two angles of the source, and by Kahn's factor. */
struct PolarizationSlopes {
    Triple by_direction;
    double by_h, by_v, by_kahn;
};

/* One source's polarization. With c, e, b the components of the ray along beam, E and B, the factor's derivative by the
 * direction is c beam - kahn (e E - b B). Since c beam + e E + b B is the ray itself, this is (1 - kahn) c beam
 * - 2 kahn e E but for a part along the ray. Where the frame turns, the beam gets a part of E and B, and so on. */
class Polarized {
public:
    Polarized(double kahn, const double *direction, const SourceMotion &motion)
        : beam(triple(direction)), electric(triple(motion.e)), magnetic(triple(motion.b)), along(1.0 - kahn),
          across(2.0 * kahn)
    {
        for (int i = 0; i < 2; ++i) {
            by_ce[i] = (1.0 + kahn) * motion.to_e[i];
            by_cb[i] = (1.0 - kahn) * motion.to_b[i];
            by_eb[i] = -2.0 * kahn * motion.twist[i];
        }
    }

    /* Of `photons`, without the factor, along the ray d. */
    NB_MEMBER PolarizationSlopes slopes(double photons, const Triple d) const
    {
        const double c = dot(beam, d), e = dot(electric, d), b = dot(magnetic, d);
        const double pc = photons * c, pe = photons * e, ce = pc * e, cb = pc * b, eb = pe * b;
        return {(along * pc) * beam - (across * pe) * electric, by_ce[0] * ce + by_cb[0] * cb + by_eb[0] * eb,
                by_ce[1] * ce + by_cb[1] * cb + by_eb[1] * eb, 0.5 * (photons * b * b - pe * e)};
    }

private:
    const Triple beam, electric, magnetic;
    const double along, across;
    double by_ce[2], by_cb[2], by_eb[2];
};

} // namespace nb::NB_ISA

#endif
