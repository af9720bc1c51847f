/* The functions that add the terms of what is rendered with their slopes, as terms_of.h. */
#ifndef NANOBRAGG_DEVICE_SLOPES_OF_H
#define NANOBRAGG_DEVICE_SLOPES_OF_H

#include "../accumulate_slopes.h"
#include "../smeared_slopes.h"

namespace nb::NB_ISA {

template <class Lookup> constexpr bool interpolates = false;
template <class Entry> constexpr bool interpolates<Tricubic<Entry>> = true;

template <class Real, class Shape, class Lookup>
static void add_slopes(const Scene &s, int table_number, const double *cells, const Orientations list,
                       const Lanes &lanes, int n, Gradient<Real> &sink)
{
    if constexpr (NB_SMEARED)
        accumulate_smeared_slopes<Lookup>(s, table_number, cells, list, lanes, n, sink);
    else if constexpr (Shape::is_halo)
        accumulate_radial_slopes<false, Shape, Lookup>(s, table_number, cells, list, lanes, n, sink);
    else if constexpr (interpolates<Lookup>)
        accumulate_interpolated_slopes<Real, Shape, Lookup>(s, table_number, cells, list, lanes, n, sink);
    else
        accumulate_slopes<Real, Shape, Lookup>(s, table_number, cells, list, lanes, n, sink);
}

} // namespace nb::NB_ISA

#endif
