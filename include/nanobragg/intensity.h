/* The sink of an image: every lane's intensity. */
#ifndef NANOBRAGG_INTENSITY_H
#define NANOBRAGG_INTENSITY_H

#include "lanes.h"
#include "term.h"

namespace nb::NB_ISA {

struct alignas(64) Intensity {
    static constexpr bool needs_steps = false; /* a term's amplitude and F_latt^2 are all that is looked at */

    double sum[LANES], total[LANES]; /* over one source's orientations; over everything */

    /* One orientation's term in lane i. */
    template <class Real> NB_MEMBER void add(int i, const double *, const Term<Real> &term)
    {
        sum[i] += intensity(term);
    }

    /* What the walk tells sinks that want to know how a term came about: the place that is looked at, the source and
     * its orientations, a term whose value is in the total already, and the factors behind the total. */
    NB_MEMBER void at(const Scene &, const Panel &, int, double, double, const Lanes &) {}
    NB_MEMBER void from(const Scene &, int, const double *, const Lanes &) {}
    NB_MEMBER void note(const double *, const Term<double> &, double) {}
    NB_MEMBER void finish(double, double, double, double) {}
};

} // namespace nb::NB_ISA

#endif
