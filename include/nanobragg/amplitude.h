/* Structure factor at an index: a constant, the nearest reflection, tricubic between reflections, or the magnitude of
 * a complex transform. Entry is the type of the table's numbers, and of what is computed from several of them. */
#ifndef NANOBRAGG_AMPLITUDE_H
#define NANOBRAGG_AMPLITUDE_H

#include "scene.h"
#include "term.h"

namespace nb::NB_ISA {

/* Dense structure factors with a border one entry wide that holds the default. Those of a transform have two numbers,
 * the real and the imaginary part, and several steps per index; their border is wider (Phased). */
template <class Entry> struct Table {
    const Entry *values;
    int low[3], high[3]; /* of the border planes, in steps */
    int stride_h, stride_k;
    double constant; /* the default, used without a table */
    double steps;    /* per index */
};

template <class Entry> static inline Table<Entry> table_of(const Scene &s, int number)
{
    const char *first = (const char *)s.tables;
    const Entry *values = first ? (const Entry *)(first + number * s.table_bytes) : nullptr;
    return {values,
            {s.table_low[0], s.table_low[1], s.table_low[2]},
            {s.table_high[0], s.table_high[1], s.table_high[2]},
            s.table_stride_h,
            s.table_stride_k,
            s.default_F,
            (double)s.table_steps};
}

template <class Entry> NB_INLINE int place_in(const Table<Entry> &t, int h, int k, int l)
{
    return (h - t.low[0]) * t.stride_h + (k - t.low[1]) * t.stride_k + (l - t.low[2]);
}

/* Anything outside the table meets the border. */
template <class Entry> NB_INLINE int closest_place(const Table<Entry> &t, int h, int k, int l)
{
    return place_in(t, clamp(h, t.low[0], t.high[0]), clamp(k, t.low[1], t.high[1]), clamp(l, t.low[2], t.high[2]));
}

/* Whether the four entries around h (in steps) along each axis are all in the table (its border is one wider). */
template <class Entry> NB_INLINE bool can_interpolate(const Table<Entry> &t, double h, double k, double l)
{
    return !((h < t.low[0] + 3) | (h > t.high[0] - 3) | (k < t.low[1] + 3) | (k > t.high[1] - 3) | (l < t.low[2] + 3)
             | (l > t.high[2] - 3));
}

/* Weights of the points -1, 0, 1, 2 in the cubic through them. */
template <class Entry> struct Cubic {
    Entry w0, w1, w2, w3;
};

/* Those at t in [0, 1] (Lagrange). */
template <class Entry> NB_INLINE Cubic<Entry> cubic_weights(Entry t)
{
    const Entry down = t - 1, further = t - 2, up = t + 1;
    return {t * down * further * (Entry)(-1.0 / 6.0), up * down * further * (Entry)0.5, up * t * further * (Entry)-0.5,
            up * t * down * (Entry)(1.0 / 6.0)};
}

/* Their derivatives with respect to t. */
template <class Entry> NB_INLINE Cubic<Entry> cubic_slopes(Entry t)
{
    const Entry tt = 3 * t * t;
    return {(tt - 6 * t + 2) * (Entry)(-1.0 / 6.0), (tt - 4 * t - 1) * (Entry)0.5, (tt - 2 * t - 2) * (Entry)-0.5,
            (tt - 1) * (Entry)(1.0 / 6.0)};
}

template <class Entry> NB_INLINE Entry cubic_sum(const Entry *row, const Cubic<Entry> c)
{
    return row[0] * c.w0 + row[1] * c.w1 + row[2] * c.w2 + row[3] * c.w3;
}

/* Add w times the four neighbours along l, which lie side by side, each with all of its numbers. */
template <int numbers, class Entry> NB_INLINE void add_row(Entry *sums, Entry w, const Entry *row)
{
    NB_SIMD for (int i = 0; i < 4 * numbers; ++i)
    {
        sums[i] += w * read_only(row + i);
    }
}

template <int numbers, class Entry>
NB_INLINE void add_plane(Entry *sums, Entry w, const Entry *corner, int stride, const Cubic<Entry> k)
{
    add_row<numbers>(sums, w * k.w0, corner);
    add_row<numbers>(sums, w * k.w1, corner + numbers * stride);
    add_row<numbers>(sums, w * k.w2, corner + numbers * 2 * stride);
    add_row<numbers>(sums, w * k.w3, corner + numbers * 3 * stride);
}

/* The reflections that an amplitude is made of: where in the table, and their weights along each axis. */
template <class Entry> struct Neighbours {
    int inside; /* whether 64 of them, from `place` on; else the one at `place` alone */
    int place;
    Cubic<Entry> h, k, l;
};

template <class Entry, class Real>
NB_INLINE Neighbours<Entry> find_neighbours(const Table<Entry> &t, const Term<Real> &term)
{
    const double h = t.steps * term.h[0], k = t.steps * term.h[1], l = t.steps * term.h[2];
    const double h0 = branchless_floor(h), k0 = branchless_floor(k), l0 = branchless_floor(l);
    const int alone = closest_place(t, term.nearest[0], term.nearest[1], term.nearest[2]);
    const int corner = closest_place(t, (int)h0 - 1, (int)k0 - 1, (int)l0 - 1);
    const int inside = can_interpolate(t, h, k, l);
    return {inside, inside ? corner : alone, cubic_weights((Entry)(h - h0)), cubic_weights((Entry)(k - k0)),
            cubic_weights((Entry)(l - l0))};
}

/* Sums over h and k, for the four neighbours along l. */
template <int numbers, class Entry>
NB_INLINE void sum_planes(const Table<Entry> &t, const Neighbours<Entry> &n, Entry *sums)
{
    const Entry *corner = t.values + (size_t)numbers * n.place;
    add_plane<numbers>(sums, n.h.w0, corner, t.stride_k, n.k);
    add_plane<numbers>(sums, n.h.w1, corner + numbers * t.stride_h, t.stride_k, n.k);
    add_plane<numbers>(sums, n.h.w2, corner + numbers * 2 * t.stride_h, t.stride_k, n.k);
    add_plane<numbers>(sums, n.h.w3, corner + numbers * 3 * t.stride_h, t.stride_k, n.k);
}

/* The sum over all neighbours: a structure factor, */
template <class Entry> NB_INLINE Entry sum_neighbours(const Table<Entry> &t, const Neighbours<Entry> &n)
{
    Entry sums[4] = {0, 0, 0, 0};
    if (!n.inside)
        return read_only(t.values + n.place);
    sum_planes<1>(t, n, sums);
    return cubic_sum(sums, n.l);
}

/* or a complex one, which is 0 where one of them is missing. */
template <class Entry> struct Phasor {
    Entry re, im;
};

template <class Entry> NB_INLINE Phasor<Entry> sum_phasors(const Table<Entry> &t, const Neighbours<Entry> &n)
{
    Entry sums[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    if (!n.inside)
        return {0, 0};
    sum_planes<2>(t, n, sums);
    return {sums[0] * n.l.w0 + sums[2] * n.l.w1 + sums[4] * n.l.w2 + sums[6] * n.l.w3,
            sums[1] * n.l.w0 + sums[3] * n.l.w1 + sums[5] * n.l.w2 + sums[7] * n.l.w3};
}

/* The amplitude of a sum, whose square is an intensity, and its derivative, from that of the sum. */
template <class Entry> NB_INLINE Entry amplitude_of(Entry f)
{
    return f;
}

template <class Entry> NB_INLINE Entry amplitude_of(const Phasor<Entry> f)
{
    return (Entry)sqrt((double)(f.re * f.re + f.im * f.im));
}

template <class Entry> NB_INLINE Entry slope_of(Entry, Entry slope)
{
    return slope;
}

template <class Entry> NB_INLINE Entry slope_of(const Phasor<Entry> f, const Phasor<Entry> slope)
{
    const Entry amplitude = amplitude_of(f);
    return amplitude > 0 ? (f.re * slope.re + f.im * slope.im) / amplitude : 0;
}

/* The ways to an amplitude, in the order of enum Lookup. */
template <class Table_entry> struct Constant {
    using Entry = Table_entry;

    template <class Real> NB_INLINE void find(const Table<Entry> &t, Term<Real> &term)
    {
        term.amplitude = (Real)t.constant;
    }
};

template <class Table_entry> struct Nearest {
    using Entry = Table_entry;

    template <class Real> NB_INLINE void find(const Table<Entry> &t, Term<Real> &term)
    {
        term.amplitude = read_only(t.values + closest_place(t, term.nearest[0], term.nearest[1], term.nearest[2]));
    }
};

template <class Lookup, class Entry, class Real>
NB_INLINE void find_interpolated(const Table<Entry> &t, Term<Real> &term)
{
    const Neighbours<Entry> around = find_neighbours(t, term);
    term.interpolated = around.inside;
    term.amplitude = amplitude_of(Lookup::sum(t, around));
}

template <class Table_entry> struct Tricubic {
    using Entry = Table_entry;

    NB_INLINE Entry sum(const Table<Entry> &t, const Neighbours<Entry> &around) { return sum_neighbours(t, around); }

    template <class Real> NB_INLINE void find(const Table<Entry> &t, Term<Real> &term)
    {
        find_interpolated<Tricubic>(t, term);
    }
};

/* The table ends with zeros, so that neighbours beyond it count as zeros too. */
template <class Table_entry> struct Phased {
    using Entry = Table_entry;

    NB_INLINE Phasor<Entry> sum(const Table<Entry> &t, const Neighbours<Entry> &around)
    {
        return sum_phasors(t, around);
    }

    template <class Real> NB_INLINE void find(const Table<Entry> &t, Term<Real> &term)
    {
        find_interpolated<Phased>(t, term);
    }
};

} // namespace nb::NB_ISA

#endif
