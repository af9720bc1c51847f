/* The list of shapes, and the one place that turns a shape's number, its place in the list, into its type. A new shape
 * is a header like those below and an entry in the list. The crystal's own ones come first. */
#ifndef NANOBRAGG_SHAPES_SHAPES_H
#define NANOBRAGG_SHAPES_SHAPES_H

#include "gauss.h"
#include "gauss_star.h"
#include "halo.h"
#include "round.h"
#include "square.h"
#include "tophat.h"

namespace nb::NB_ISA {

template <class... Shape> struct List {
    static constexpr int size = sizeof...(Shape);

    /* Return visit(shape) for the shape of this number; Result() for a number that is not in the list. */
    template <class Result, class Visit> NB_INLINE Result visit(int number, Visit visit)
    {
        Result result{};
        int place = 0;
        (void)((place++ == number && (result = visit(Shape{}), true)) || ...);
        return result;
    }

    /* Call fill_shape<Shape>(number) of a table, which has a function for each shape. */
    template <class Table> static constexpr void fill(Table &table)
    {
        int number = 0;
        (table.template fill_shape<Shape>(number++), ...);
    }
};

using Shapes = List<Square, Round, Gauss, Tophat, GaussStar, Halo>;

} // namespace nb::NB_ISA

#endif
