/* The function that adds the terms of a shape and a look-up with their slopes. */
#ifndef NANOBRAGG_DEVICE_SLOPES_OF_H
#define NANOBRAGG_DEVICE_SLOPES_OF_H

#include "../accumulate_slopes.h"

namespace nb::NB_ISA {

template <class Real, class Shape, class Lookup> struct SlopesOf {
    static constexpr auto function = accumulate_slopes<Real, Shape, Lookup>;
};
template <class Real, class Shape, class Entry> struct SlopesOf<Real, Shape, Tricubic<Entry>> {
    static constexpr auto function = accumulate_interpolated_slopes<Real, Shape, Tricubic<Entry>>;
};

} // namespace nb::NB_ISA

#endif
