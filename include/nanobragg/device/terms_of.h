/* The functions that add the terms of what is rendered: a crystal's spots, smeared spots (NB_SMEARED), or halos. */
#ifndef NANOBRAGG_DEVICE_TERMS_OF_H
#define NANOBRAGG_DEVICE_TERMS_OF_H

#include "../accumulate_smeared.h"

namespace nb::NB_ISA {

template <class Real, class Shape, class Lookup, class Sink>
static void add_terms(const Scene &s, int table_number, const double *cells, const Orientations list,
                      const Lanes &lanes, int n, Sink &sink)
{
    if constexpr (NB_SMEARED)
        accumulate_smeared<Lookup>(s, table_number, cells, list, lanes, n, sink);
    else if constexpr (Shape::is_halo)
        accumulate_halos<Shape, Lookup>(s, table_number, cells, list, lanes, n, sink);
    else
        accumulate<Real, Shape, Lookup>(s, table_number, cells, list, lanes, n, sink);
}

} // namespace nb::NB_ISA

#endif
