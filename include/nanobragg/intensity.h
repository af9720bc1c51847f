/* The sink of an image: every lane's intensity. */
#ifndef NANOBRAGG_INTENSITY_H
#define NANOBRAGG_INTENSITY_H

#include "lanes.h"
#include "term.h"

namespace nb::NB_ISA {

struct alignas(64) Intensity {
    static constexpr bool needs_steps = false;  /* only a term's amplitude and F_latt^2 are used */
    static constexpr bool needs_places = false; /* lab positions of the lanes are not used */
    static constexpr bool has_total = true;     /* the walk adds up the photons */
    static constexpr bool weighs_orientations = false; /* the walk multiplies terms by the shares of orientations */

    double sum[LANES], total[LANES]; /* over one source's orientations; over everything */

    /* One orientation's term in lane i. */
    template <class Real> NB_MEMBER void add(int i, const double *, const Term<Real> &term)
    {
        sum[i] += intensity(term);
    }

    /* Called for sinks that use more than terms: at each sub-pixel of a layer (places of every lane along the slow
     * and the fast axis), before and after the terms of each source and its orientations, before those of an
     * orientation with a share of its own (with the sum before it), before those of a part of the scene (0: itself,
     * 1: Scene::rest, ...) and behind them, after all sources of n lanes, for a term that
     * the total already contains, and with the factors applied to the total. */
    NB_MEMBER void at_place(const Scene &, const Panel &, int, const double *, const double *, const Lanes &) {}
    NB_MEMBER void from_source(const Scene &, int, const double *, const Lanes &) {}
    NB_MEMBER void from_share(double, double) {}
    NB_MEMBER void from_part(int) {}
    NB_MEMBER void leave_source(const Scene &, int, int, const Lanes &) {}
    NB_MEMBER void leave_place(const Scene &, const Panel &, int, const Lanes &) {}
    NB_MEMBER void record(const double *, const Term<double> &, double) {}
    NB_MEMBER void finish(double, double, double, double) {}

    /* Whether it is true for any of the threads that add terms together: on a GPU, see device/image.h. */
    NB_MEMBER bool any_of_team(bool here) const { return here; }
};

} // namespace nb::NB_ISA

#endif
