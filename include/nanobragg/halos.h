/* The terms of diffuse halos (shapes/halo.h): every reflection around a point is a term, up to Crystal::around from the
 * nearest one along each axis. */
#ifndef NANOBRAGG_HALOS_H
#define NANOBRAGG_HALOS_H

#include "scene.h"
#include "term.h"

namespace nb::NB_ISA {

NB_INLINE int halos_of_point(const Crystal &crystal)
{
    const int along_axis = 2 * (int)crystal.around + 1;
    return along_axis * along_axis * along_axis;
}

/* visit(h, k, l) for the steps from the nearest reflection to each of those around a point. */
template <class Visit> NB_INLINE void visit_halos(const Crystal &crystal, Visit visit)
{
    const int most = (int)crystal.around;
    for (int h = -most; h <= most; ++h)
        for (int k = -most; k <= most; ++k)
            for (int l = -most; l <= most; ++l)
                visit(h, k, l);
}

/* Look at a term from a reflection some steps away. */
NB_INLINE void step_aside(Term<double> &term, int h, int k, int l)
{
    term.nearest[0] += h;
    term.nearest[1] += k;
    term.nearest[2] += l;
    term.offset[0] -= h;
    term.offset[1] -= k;
    term.offset[2] -= l;
}

} // namespace nb::NB_ISA

#endif
