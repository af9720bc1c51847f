/* The sink of a gradient: the primitives of every lane. Terms are added with their slopes (accumulate_slopes.h), source
 * by source; what a source and a place on the detector have in common is multiplied in afterwards. */
#ifndef NANOBRAGG_GRADIENT_H
#define NANOBRAGG_GRADIENT_H

#include "intensity.h"
#include "panel_motion.h"
#include "polarization_slopes.h"
#include "primitives.h"

namespace nb::NB_ISA {

/* Sums over one source's orientations. */
enum { TERMS, BY_STRAIN, BY_CELLS = BY_STRAIN + 9, BY_SPREAD = BY_CELLS + 3, BY_Q, SUMS_OF_SOURCE = BY_Q + 3 };

template <class Real> class alignas(64) Gradient : public Intensity {
public:
    static constexpr bool needs_places = true, has_total = false, weighs_orientations = true;
    /* Lanes and a vector more: rows of the same lane must not be a multiple of 4096 bytes apart, which stalls loads. */
    static constexpr int PADDING = LANES > VECTOR ? 64 : 0, ROW = LANES + PADDING / 8,
                         REAL_ROW = LANES + PADDING / (int)sizeof(Real);

    explicit Gradient(const Motions &motions) : motions(motions) { clear(); }

    void clear() { memset(primitives, 0, sizeof primitives); }

    double primitives[PRIMITIVES][ROW];

    /* Whether cells move, with the mosaic spread or otherwise. */
    NB_MEMBER bool has_moves() const { return motions.spins || motions.moves; }

    /* Whether the smear of the spots, or a crystal, changes; a GPU has neither. */
    NB_MEMBER static bool changes(const Scene &s)
    {
#if defined(NB_DEVICE)
        const Scene *part = nullptr;
        (void)s;
#else
        const Scene *part = &s;
#endif
        while (part && !part->smear_slope && !part->crystal_slope)
            part = part->rest;
        return part != nullptr;
    }

    /* Start a sum whose terms are not in every lane. */
    NB_MEMBER void start() { memset(sums, 0, sizeof sums); }

    /* Add a derivative of a term along the change of the smear, or of the crystal. */
    NB_MEMBER void add_to_spread(int i, Real slope) { sums[BY_SPREAD][i] += slope; }

    /* The terms of n lanes that follow are those of this orientation; returns whether they are the first of a sum. */
    NB_MEMBER bool from_orientation(const double *cell, int n)
    {
        double change[9] = {};
        if (motions.spins) {
            const double *spin = motions.spins + 3 * ((cell - first_cell) / 9 % motions.n_domains);
            for (int x = 0; x < 9; x += 3)
                cross(spin, cell + x, change + x);
        } else if (motions.moves) {
            memcpy(change, motions.moves + (cell - first_cell), sizeof change);
        }
        for (int x = 0; x < 9; ++x) {
            rows[x] = (Real)cell[x];
            moves[x] = (Real)change[x];
        }
        if (sizeof(Real) == sizeof(float) && waiting == BATCH)
            carry(n);
        return waiting++ == 0;
    }

    /* One orientation's term in lane i, with the slopes of F_cell^2 F_latt^2; `moved`: whether its cell moves. */
    template <bool first, bool moved>
    NB_MEMBER void add_slopes(int i, const Term<Real> &term, const Slopes<Real> &t, Real qx, Real qy, Real qz)
    {
        const Real v0 = t.offset[0], v1 = t.offset[1], v2 = t.offset[2];
        const Real h = (Real)term.h[0], k = (Real)term.h[1], l = (Real)term.h[2];
        const Real gx = v0 * rows[0] + v1 * rows[3] + v2 * rows[6], gy = v0 * rows[1] + v1 * rows[4] + v2 * rows[7],
                   gz = v0 * rows[2] + v1 * rows[5] + v2 * rows[8];
        put<first>(TERMS, i, t.value);
        put<first>(BY_STRAIN + 0, i, v0 * h);
        put<first>(BY_STRAIN + 1, i, v0 * k);
        put<first>(BY_STRAIN + 2, i, v0 * l);
        put<first>(BY_STRAIN + 3, i, v1 * h);
        put<first>(BY_STRAIN + 4, i, v1 * k);
        put<first>(BY_STRAIN + 5, i, v1 * l);
        put<first>(BY_STRAIN + 6, i, v2 * h);
        put<first>(BY_STRAIN + 7, i, v2 * k);
        put<first>(BY_STRAIN + 8, i, v2 * l);
        put<first>(BY_CELLS + 0, i, t.n[0]);
        put<first>(BY_CELLS + 1, i, t.n[1]);
        put<first>(BY_CELLS + 2, i, t.n[2]);
        put<first>(BY_Q + 0, i, gx);
        put<first>(BY_Q + 1, i, gy);
        put<first>(BY_Q + 2, i, gz);
        if constexpr (moved)
            put<first>(BY_SPREAD, i,
                       v0 * (moves[0] * qx + moves[1] * qy + moves[2] * qz)
                           + v1 * (moves[3] * qx + moves[4] * qy + moves[5] * qz)
                           + v2 * (moves[6] * qx + moves[7] * qy + moves[8] * qz));
    }

    /* Correct the strain's sums where the radius of an offset follows the cell: with it, the offset itself does not
     * matter, but the cell's volume does. */
    NB_MEMBER void follow_cell(int i, const Term<Real> &term, const Slopes<Real> &slopes)
    {
        for (int x = 0; x < 3; ++x) {
            const Real v = slopes.offset[x];
            sums[BY_STRAIN + 3 * x + 0][i] -= v * signed_offset(term.offset[0]);
            sums[BY_STRAIN + 3 * x + 1][i] -= v * signed_offset(term.offset[1]);
            sums[BY_STRAIN + 3 * x + 2][i] -= v * signed_offset(term.offset[2]);
            sums[BY_STRAIN + 4 * x][i] += slopes.volume;
        }
    }

    void at_place(const Scene &s, const Panel &, int layer, const double *slow, const double *fast, const Lanes &)
    {
        place = {layer, layer * s.layer, slow, fast};
        fresh = true;
    }

    void from_source(const Scene &s, int, const double *cells, const Lanes &)
    {
        if (changes(s))
            start();
        first_cell = cells;
        waiting = 0;
        carried = false;
    }

    void leave_source(const Scene &s, int number, int n, const Lanes &lanes)
    {
        const Source &source = s.sources[number];
        const SourceMotion &motion = motions.sources[number];
        if (waiting == 0)
            memset(sums, 0, sizeof sums); /* no term is within d_min */
        if (carried) {
            carry(n);
            choose_source<true>(s, source, motion, n, lanes);
        } else {
            choose_source<false>(s, source, motion, n, lanes);
        }
        fresh = false;
        if (s.water > 0.0 || s.amorphous)
            add_around(source, n, lanes);
        if (s.amorphous)
            add_amorphous(s, source, motion, n, lanes);
    }

    void leave_place(const Scene &s, const Panel &p, int n, const Lanes &lanes)
    {
        const PanelMotion moving(s, p, place);
        if (s.curved)
            for (int i = 0; i < n; ++i)
                s.has_sensor ? leave_lane<true, true>(i, moving, lanes) : leave_lane<true, false>(i, moving, lanes);
        else if (s.has_sensor)
            NB_SIMD for (int i = 0; i < n; ++i) leave_lane<false, true>(i, moving, lanes);
        else
            NB_SIMD for (int i = 0; i < n; ++i) leave_lane<false, false>(i, moving, lanes);
    }

    /* Primitives of n lanes in photons, into planes that are `stride` numbers apart. */
    void store(double scale, int n, double *out, size_t stride) const
    {
        for (int k = 0; k < PRIMITIVES; ++k)
            for (int i = 0; i < n; ++i)
                out[k * stride + i] = scale * primitives[k][i];
    }

private:
    static constexpr int BATCH = 64; /* orientations whose terms are summed in single precision */

    template <bool first> NB_MEMBER void put(int k, int i, Real term)
    {
        if constexpr (first)
            sums[k][i] = term;
        else
            sums[k][i] += term;
    }

    /* Add what was summed in single precision to the sums in double precision. */
    void carry(int n)
    {
        for (int k = 0; k < SUMS_OF_SOURCE; ++k)
            NB_SIMD for (int i = 0; i < n; ++i) double_sums[k][i] = (carried ? double_sums[k][i] : 0.0) + sums[k][i];
        waiting = 0;
        carried = true;
    }

    template <bool from_doubles> NB_MEMBER double sum_of(int k, int i) const
    {
        return from_doubles ? double_sums[k][i] : (double)sums[k][i];
    }

    template <bool first> NB_MEMBER void put_direction(int i, const Triple g, double total)
    {
        by_direction[0][i] = first ? g.x : by_direction[0][i] + g.x;
        by_direction[1][i] = first ? g.y : by_direction[1][i] + g.y;
        by_direction[2][i] = first ? g.z : by_direction[2][i] + g.z;
        place_total[i] = first ? total : place_total[i] + total;
    }

    template <bool from_doubles>
    void choose_source(const Scene &s, const Source &source, const SourceMotion &motion, int n, const Lanes &lanes)
    {
        if (s.polarized)
            fresh ? add_source<from_doubles, true, true>(s, source, motion, n, lanes)
                  : add_source<from_doubles, false, true>(s, source, motion, n, lanes);
        else
            fresh ? add_source<from_doubles, true, false>(s, source, motion, n, lanes)
                  : add_source<from_doubles, false, false>(s, source, motion, n, lanes);
    }

    /* The terms of one source with what they share; `first`: of those at one place. */
    template <bool from_doubles, bool first, bool polarized>
    void add_source(const Scene &s, const Source &source, const SourceMotion &motion, int n, const Lanes &lanes)
    {
        const double weight = source.weight, per_cell = 1.0 / s.n_cells, per_wavelength = 1.0 / source.wavelength;
        const Triple about_h = triple(motion.direction[0]), about_v = triple(motion.direction[1]);
        const Polarized polarizing(s.kahn, source.direction, motion);
        NB_SIMD for (int i = 0; i < n; ++i)
        {
            const double base = weight * lanes.omega[i] * lanes.capture[i], polar = lanes.polar[i];
            const double unpolarized = lanes.live[i] * per_cell * base, crystal = unpolarized * polar;
            const double total_here = unpolarized * sum_of<from_doubles>(TERMS, i) + base * lanes.around[i];
            Triple g = crystal * per_wavelength
                     * Triple{sum_of<from_doubles>(BY_Q, i), sum_of<from_doubles>(BY_Q + 1, i),
                              sum_of<from_doubles>(BY_Q + 2, i)};
            double turn_h = dot(g, about_h), turn_v = dot(g, about_v);
            if constexpr (polarized) {
                const PolarizationSlopes slopes = polarizing.slopes(
                    total_here, Triple{lanes.d[0][i], lanes.d[1][i], lanes.d[2][i]});
                g = g + slopes.by_direction;
                turn_h -= slopes.by_h;
                turn_v -= slopes.by_v;
                primitives[KAHN][i] += slopes.by_kahn;
            }
            put_direction<first>(i, g, total_here * polar);
            primitives[TURN + 0][i] -= turn_h;
            primitives[TURN + 1][i] -= turn_v;
            primitives[STRAIN + 0][i] += crystal * sum_of<from_doubles>(BY_STRAIN + 0, i);
            primitives[STRAIN + 1][i] += crystal * sum_of<from_doubles>(BY_STRAIN + 1, i);
            primitives[STRAIN + 2][i] += crystal * sum_of<from_doubles>(BY_STRAIN + 2, i);
            primitives[STRAIN + 3][i] += crystal * sum_of<from_doubles>(BY_STRAIN + 3, i);
            primitives[STRAIN + 4][i] += crystal * sum_of<from_doubles>(BY_STRAIN + 4, i);
            primitives[STRAIN + 5][i] += crystal * sum_of<from_doubles>(BY_STRAIN + 5, i);
            primitives[STRAIN + 6][i] += crystal * sum_of<from_doubles>(BY_STRAIN + 6, i);
            primitives[STRAIN + 7][i] += crystal * sum_of<from_doubles>(BY_STRAIN + 7, i);
            primitives[STRAIN + 8][i] += crystal * sum_of<from_doubles>(BY_STRAIN + 8, i);
            primitives[CELLS + 0][i] += crystal * sum_of<from_doubles>(BY_CELLS + 0, i);
            primitives[CELLS + 1][i] += crystal * sum_of<from_doubles>(BY_CELLS + 1, i);
            primitives[CELLS + 2][i] += crystal * sum_of<from_doubles>(BY_CELLS + 2, i);
            shared[i] = crystal;
        }
        if (has_moves() || changes(s))
            NB_SIMD for (int i = 0; i < n; ++i) primitives[SPREAD][i] += shared[i] * sum_of<from_doubles>(BY_SPREAD, i);
        if (motion.slope != 0.0)
            NB_SIMD for (int i = 0; i < n; ++i) primitives[WAVE_SLOPE][i] -= motion.slope * shared[i]
                                                                           * (sum_of<from_doubles>(BY_STRAIN, i)
                                                                              + sum_of<from_doubles>(BY_STRAIN + 4, i)
                                                                              + sum_of<from_doubles>(BY_STRAIN + 8, i));
    }

    /* The share of what surrounds the crystal. */
    void add_around(const Source &source, int n, const Lanes &lanes)
    {
        const double weight = source.weight;
        NB_SIMD for (int i = 0; i < n; ++i) primitives[SURROUNDINGS][i] += weight * lanes.omega[i] * lanes.capture[i]
                                                                         * lanes.polar[i] * lanes.around[i];
    }

    /* The derivatives of an amorphous material's scattering by the scattering vector. */
    void add_amorphous(const Scene &s, const Source &source, const SourceMotion &motion, int n, const Lanes &lanes)
    {
        for (int i = 0; i < n; ++i) {
            const Triple q = {lanes.q[0][i], lanes.q[1][i], lanes.q[2][i]};
            const double factors = source.weight * lanes.omega[i] * lanes.capture[i] * lanes.polar[i], qq = dot(q, q);
            const double along_q = qq > 0.0 ? factors * amorphous_at(s, qq).slope / sqrt(qq) : 0.0;
            const Triple g = along_q / source.wavelength * q;
            put_direction<false>(i, g, 0.0);
            primitives[WAVE][i] -= along_q * qq;
            primitives[WAVE_SLOPE][i] -= motion.slope * along_q * qq;
            primitives[TURN + 0][i] -= dot(g, triple(motion.direction[0]));
            primitives[TURN + 1][i] -= dot(g, triple(motion.direction[1]));
        }
    }

    /* From the derivative by the direction of the ray to those by the motions of the panel. */
    template <bool curved, bool sensor> NB_MEMBER void leave_lane(int i, const PanelMotion &moving, const Lanes &lanes)
    {
        const Triple at = {lanes.place[0][i], lanes.place[1][i], lanes.place[2][i]};
        const Triple d = {lanes.d[0][i], lanes.d[1][i], lanes.d[2][i]};
        const Triple g = {by_direction[0][i], by_direction[1][i], by_direction[2][i]};
        const Moved moved = moving.template derivatives<curved, sensor>(i, at, lanes.per_r[i], d, g, place_total[i]);
        primitives[TOTAL][i] += place_total[i];
        primitives[FORCE + 0][i] += moved.shift.x;
        primitives[FORCE + 1][i] += moved.shift.y;
        primitives[FORCE + 2][i] += moved.shift.z;
        primitives[TORQUE + 0][i] += moved.turn.x;
        primitives[TORQUE + 1][i] += moved.turn.y;
        primitives[TORQUE + 2][i] += moved.turn.z;
        if constexpr (curved)
            primitives[BEND][i] += moved.bend;
    }

    const Motions &motions;
    Place place{};
    const double *first_cell = nullptr;
    int waiting = 0; /* orientations whose terms are in `sums` only */
    bool fresh = true; /* whether no source has been seen from this place */
    bool carried = false; /* whether `double_sums` holds terms of this source */
    Real rows[9], moves[9]; /* a, b, c of the present orientation, and their change */
    alignas(64) Real sums[SUMS_OF_SOURCE][REAL_ROW];
    alignas(64) double double_sums[SUMS_OF_SOURCE][ROW]; /* what `sums` held in single precision */
    alignas(64) double shared[LANES]; /* factors of one source's sums */
    alignas(64) double place_total[LANES]; /* of all sources at one place */
    alignas(64) double by_direction[3][ROW]; /* derivative of it by the direction of the ray */
};

} // namespace nb::NB_ISA

#endif
