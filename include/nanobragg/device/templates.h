/* The templates that a scene needs, from the macros of rendering/cuda/source.py: NB_SHAPE is a shape's number. */
#ifndef NANOBRAGG_DEVICE_TEMPLATES_H
#define NANOBRAGG_DEVICE_TEMPLATES_H

#include "../shapes/shapes.h"

namespace nb::NB_ISA {

template <int number, class Shapes> struct ShapeAt;
template <int number, class First, class... Rest>
struct ShapeAt<number, List<First, Rest...>> : ShapeAt<number - 1, List<Rest...>> {};
template <class First, class... Rest> struct ShapeAt<0, List<First, Rest...>> {
    using type = First;
};

} // namespace nb::NB_ISA

#endif
