/* Polarization of a scattered photon (R. Kahn et al., J. Appl. Cryst. 15 (1982) 330-337). */
#ifndef NANOBRAGG_POLARIZATION_H
#define NANOBRAGG_POLARIZATION_H

#include "compiler.h"

namespace nb::NB_ISA {

/* From the components of the scattered unit vector along the beam (cos 2theta), along E and along B of the incident
 * wave. Because e^2 + b^2 = sin^2 2theta, no angle is formed, and the direct beam does not divide 0 by 0. */
NB_INLINE double polarization(double kahn, double cos_2theta, double along_e, double along_b)
{
    return 0.5 * (1.0 + cos_2theta * cos_2theta - kahn * (along_e * along_e - along_b * along_b));
}

} // namespace nb::NB_ISA

#endif
