/* The sink that gathers what each entry of the tables of structure factors contributes to a pixel: with the nearest
 * reflection, the factor of its squared amplitude; with tricubic interpolation, the derivative by its amplitude. */
#ifndef NANOBRAGG_COEFFICIENTS_H
#define NANOBRAGG_COEFFICIENTS_H

#include "accumulate.h"
#include "coefficient.h"
#include "intensity.h"

namespace nb::NB_ISA {

class alignas(64) Coefficients : public Intensity {
public:
    static constexpr bool weighs_orientations = true;

    /* `pixels`: lanes beyond that many repeat the last pixel. */
    Coefficients(PushCoefficient *push, void *list, int pixels, double scale)
        : push(push), list(list), pixels(pixels), scale(scale)
    {
        for (int i = 0; i < LANES; ++i) {
            present[i] = NONE;
            for (int way = 0; way < WAYS; ++way)
                recent[i][way] = {NONE, 0.0};
            oldest[i] = 0;
        }
    }

    void from_source(const Scene &s, int number, const double *, const Lanes &lanes)
    {
        const double share = scale * s.sources[number].weight / s.n_cells;
        for (int i = 0; i < LANES; ++i)
            factor[i] = share * lanes.omega[i] * lanes.polar[i] * lanes.capture[i] * lanes.live[i];
    }

    /* A lane's terms are added up while they are of the same entry. */
    NB_MEMBER void add_entry(int i, long long entry, double value)
    {
        if (entry != present[i]) {
            leave_entry(i);
            present[i] = entry;
            run[i] = 0.0;
        }
        run[i] += value;
    }

    void leave_source(const Scene &, int, int n, const Lanes &)
    {
        for (int i = 0; i < n; ++i)
            leave_entry(i);
    }

    /* Hand over what is kept. */
    void finish_lanes()
    {
        for (int i = 0; i < pixels; ++i)
            for (int way = 0; way < WAYS; ++way)
                hand_over(i, recent[i][way]);
    }

private:
    static constexpr long long NONE = -1;
    static constexpr int WAYS = 8; /* entries of a lane that are kept, so that few are handed over twice */

    struct Coefficient {
        long long entry;
        double value;
    };

    void leave_entry(int i)
    {
        if (present[i] == NONE)
            return;
        const double value = factor[i] * run[i];
        const long long entry = present[i];
        present[i] = NONE;
        for (int way = 0; way < WAYS; ++way)
            if (recent[i][way].entry == entry) {
                recent[i][way].value += value;
                return;
            }
        hand_over(i, recent[i][oldest[i]]);
        recent[i][oldest[i]] = {entry, value};
        oldest[i] = (oldest[i] + 1) % WAYS;
    }

    void hand_over(int i, const Coefficient &coefficient)
    {
        if (i < pixels && coefficient.entry != NONE && coefficient.value != 0.0)
            push(list, i, coefficient.entry, coefficient.value);
    }

    PushCoefficient *push;
    void *list;
    int pixels;
    double scale, factor[LANES], run[LANES];
    long long present[LANES];
    Coefficient recent[LANES][WAYS];
    int oldest[LANES];
};

NB_INLINE long long first_entry(const Scene &s, int table_number, size_t entry_size)
{
    return table_number * (s.table_bytes / (long long)entry_size);
}

/* Add the coefficients of some orientations out of `cells`, seen along one source's scattering vectors, of n lanes. */
template <class Shape, class Entry>
static void gather_nearest(const Scene &s, int table_number, const double *cells, const Orientations list,
                           const Lanes &lanes, int n, Coefficients &sink)
{
    const auto table = table_of<Entry>(s, table_number);
    const long long first = first_entry(s, table_number, sizeof(Entry));
    double value[LANES];
    int place[LANES];
    for (int c = 0; c < list.count; ++c) {
        const double share = share_of(s, list.number(c));
        double cell[9];
        memcpy(cell, cells + 9 * list.number(c), sizeof cell);
        NB_SIMD for (int i = 0; i < n; ++i)
        {
            Term<double> term;
            find_index(cell, lanes.q[0][i], lanes.q[1][i], lanes.q[2][i], term);
            Shape::evaluate(s.crystal, term);
            value[i] = term.lattice_sqr;
            place[i] = closest_place(table, term.nearest[0], term.nearest[1], term.nearest[2]);
        }
        for (int i = 0; i < n; ++i)
            sink.add_entry(i, first + place[i], share * value[i]);
    }
}

/* The same with tricubic interpolation: 2 F F_latt^2 times the weight of each neighbour. */
template <class Shape, class Entry>
static void gather_tricubic(const Scene &s, int table_number, const double *cells, const Orientations list,
                            const Lanes &lanes, int n, Coefficients &sink)
{
    const auto table = table_of<Entry>(s, table_number);
    const long long first = first_entry(s, table_number, sizeof(Entry));
    for (int c = 0; c < list.count; ++c)
        for (int i = 0; i < n; ++i) {
            Term<double> term;
            find_index(cells + 9 * list.number(c), lanes.q[0][i], lanes.q[1][i], lanes.q[2][i], term);
            Shape::evaluate(s.crystal, term);
            const Neighbours<Entry> near = find_neighbours(table, term);
            const double share = share_of(s, list.number(c));
            const double twice = 2.0 * share * sum_neighbours(table, near) * term.lattice_sqr;
            if (!near.inside) {
                sink.add_entry(i, first + near.place, twice);
                continue;
            }
            const double h[4] = {near.h.w0, near.h.w1, near.h.w2, near.h.w3};
            const double k[4] = {near.k.w0, near.k.w1, near.k.w2, near.k.w3};
            const double l[4] = {near.l.w0, near.l.w1, near.l.w2, near.l.w3};
            for (int x = 0; x < 64; ++x)
                sink.add_entry(i, first + near.place + x / 16 * table.stride_h + x / 4 % 4 * table.stride_k + x % 4,
                               twice * h[x / 16] * k[x / 4 % 4] * l[x % 4]);
        }
}

/* The functions of one type of table, by shape and lookup; NULL for a constant, and for halos. */
template <class Entry> struct CoefficientsTable {
    Accumulate<Coefficients> *function[Shapes::size][LOOKUPS];

    constexpr CoefficientsTable() : function{} { Shapes::fill(*this); }

    template <class Shape> constexpr void fill_shape(int shape)
    {
        if constexpr (!Shape::is_halo) {
            function[shape][NEAREST] = gather_nearest<Shape, Entry>;
            function[shape][TRICUBIC] = gather_tricubic<Shape, Entry>;
        }
    }
};

} // namespace nb::NB_ISA

#endif
