/* The sink of a gradient: the primitives of every lane. Terms are added with their slopes (accumulate_slopes.h), source
 * by source; what a source and a place on the detector have in common is multiplied in afterwards. */
#ifndef NANOBRAGG_GRADIENT_H
#define NANOBRAGG_GRADIENT_H

#include "intensity.h"
#include "panel_motion.h"
#include "primitives.h"

namespace nb::NB_ISA {

/* Sums over one source's orientations. */
enum { TERMS, BY_STRAIN, BY_CELLS = BY_STRAIN + 9, BY_SPREAD = BY_CELLS + 3, BY_Q, SUMS_OF_SOURCE = BY_Q + 3 };

/* A term F_cell^2 F_latt^2 at an index, and its derivatives by the index and by the numbers of cells. */
template <class Real> struct SlopedTerm {
    Real value, index[3], by_index[3], by_cells[3];
};

template <class Real> class alignas(64) Gradient : public Intensity {
public:
    static constexpr bool needs_places = true;
    static constexpr bool weighs_orientations = true;
    /* Lanes and a vector more: rows of the same lane must not be a multiple of 4096 bytes apart, which stalls loads. */
    static constexpr int ROW = LANES + 8, REAL_ROW = LANES + 64 / sizeof(Real);

    explicit Gradient(const Motions &motions) : motions(motions)
    {
        memset(primitives, 0, sizeof primitives);
        memset(place_total, 0, sizeof place_total);
        memset(by_direction, 0, sizeof by_direction);
    }

    double primitives[PRIMITIVES][ROW];

    /* The terms of n lanes that follow are those of this orientation; returns whether they are the first of a sum. */
    NB_MEMBER bool from_orientation(const double *cell, int n)
    {
        const double *spin = motions.spins + 3 * ((cell - first_cell) / 9 % motions.n_domains);
        for (int x = 0; x < 3; ++x)
            axis[x] = (Real)spin[x];
        for (int x = 0; x < 9; ++x)
            rows[x] = (Real)cell[x];
        if (sizeof(Real) == sizeof(float) && waiting == BATCH)
            carry(n);
        return waiting++ == 0;
    }

    /* One orientation's term in lane i. */
    template <bool first> NB_MEMBER void add_slopes(int i, const SlopedTerm<Real> &t, Real qx, Real qy, Real qz)
    {
        const Real v0 = t.by_index[0], v1 = t.by_index[1], v2 = t.by_index[2];
        const Real gx = v0 * rows[0] + v1 * rows[3] + v2 * rows[6], gy = v0 * rows[1] + v1 * rows[4] + v2 * rows[7],
                   gz = v0 * rows[2] + v1 * rows[5] + v2 * rows[8];
        put<first>(TERMS, i, t.value);
        put<first>(BY_STRAIN + 0, i, v0 * t.index[0]);
        put<first>(BY_STRAIN + 1, i, v0 * t.index[1]);
        put<first>(BY_STRAIN + 2, i, v0 * t.index[2]);
        put<first>(BY_STRAIN + 3, i, v1 * t.index[0]);
        put<first>(BY_STRAIN + 4, i, v1 * t.index[1]);
        put<first>(BY_STRAIN + 5, i, v1 * t.index[2]);
        put<first>(BY_STRAIN + 6, i, v2 * t.index[0]);
        put<first>(BY_STRAIN + 7, i, v2 * t.index[1]);
        put<first>(BY_STRAIN + 8, i, v2 * t.index[2]);
        put<first>(BY_CELLS + 0, i, t.by_cells[0]);
        put<first>(BY_CELLS + 1, i, t.by_cells[1]);
        put<first>(BY_CELLS + 2, i, t.by_cells[2]);
        put<first>(BY_SPREAD, i,
                   axis[0] * (gy * qz - gz * qy) + axis[1] * (gz * qx - gx * qz) + axis[2] * (gx * qy - gy * qx));
        put<first>(BY_Q + 0, i, gx);
        put<first>(BY_Q + 1, i, gy);
        put<first>(BY_Q + 2, i, gz);
    }

    /* Correct the strain's sums where the radius of an offset follows the cell: with it, the offset itself does not
     * matter, but the cell's volume does. */
    NB_MEMBER void follow_cell(int i, const Term<Real> &term, const Slopes<Real> &lattice, Real share)
    {
        const Real ff = term.amplitude * term.amplitude * share;
        for (int x = 0; x < 3; ++x) {
            const Real v = ff * lattice.offset[x];
            sums[BY_STRAIN + 3 * x + 0][i] -= v * signed_offset(term.offset[0]);
            sums[BY_STRAIN + 3 * x + 1][i] -= v * signed_offset(term.offset[1]);
            sums[BY_STRAIN + 3 * x + 2][i] -= v * signed_offset(term.offset[2]);
            sums[BY_STRAIN + 4 * x][i] += ff * lattice.volume;
        }
    }

    void at_place(const Scene &s, const Panel &p, int layer, double slow, const double *fast, const Lanes &)
    {
        place.layer = layer;
        place.depth = layer * s.layer;
        place.slow = slow;
        place.fast = fast;
        (void)p;
    }

    void from_source(const Scene &, int, const double *cells, const Lanes &)
    {
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
        if (s.amorphous)
            add_surroundings(s, source, motion, n, lanes);
        if (carried) {
            carry(n);
            add_crystal<true>(s, source, motion, n, lanes);
        } else {
            add_crystal<false>(s, source, motion, n, lanes);
        }
        if (s.polarized)
            NB_SIMD for (int i = 0; i < n; ++i) add_polarization(i, s.kahn, source, motion, lanes);
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

    NB_MEMBER void add_direction(int i, const Triple g)
    {
        by_direction[0][i] += g.x;
        by_direction[1][i] += g.y;
        by_direction[2][i] += g.z;
    }

    /* The terms of one source with what they share, except for the derivatives of the polarization. */
    template <bool from_doubles>
    void add_crystal(const Scene &s, const Source &source, const SourceMotion &motion, int n, const Lanes &lanes)
    {
        const double weight = source.weight, per_cell = 1.0 / s.n_cells, per_wavelength = 1.0 / source.wavelength;
        const double slope = motion.slope;
        const Triple about_h = triple(motion.direction[0]), about_v = triple(motion.direction[1]);
        NB_SIMD for (int i = 0; i < n; ++i)
        {
            const double base = weight * lanes.omega[i] * lanes.capture[i], polar = lanes.polar[i];
            const double unpolarized = lanes.live[i] * per_cell * base, crystal = unpolarized * polar;
            const double around = base * lanes.around[i],
                         total_here = unpolarized * sum_of<from_doubles>(TERMS, i) + around;
            const Triple g = crystal * per_wavelength
                           * Triple{sum_of<from_doubles>(BY_Q, i), sum_of<from_doubles>(BY_Q + 1, i),
                                    sum_of<from_doubles>(BY_Q + 2, i)};
            const double stretch = crystal
                                 * (sum_of<from_doubles>(BY_STRAIN, i) + sum_of<from_doubles>(BY_STRAIN + 4, i)
                                    + sum_of<from_doubles>(BY_STRAIN + 8, i));
            source_total[i] = total_here;
            place_total[i] += total_here * polar;
            primitives[SURROUNDINGS][i] += around * polar;
            primitives[WAVE][i] -= stretch;
            primitives[WAVE_SLOPE][i] -= slope * stretch;
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
            primitives[SPREAD][i] += crystal * sum_of<from_doubles>(BY_SPREAD, i);
            primitives[TURN + 0][i] -= dot(g, about_h);
            primitives[TURN + 1][i] -= dot(g, about_v);
            add_direction(i, g);
        }
    }

    NB_MEMBER void add_polarization(int i, double kahn, const Source &source, const SourceMotion &motion,
                                    const Lanes &lanes)
    {
        const Triple d = {lanes.d[0][i], lanes.d[1][i], lanes.d[2][i]};
        const Triple beam = triple(source.direction), electric = triple(source.e), magnetic = triple(source.b);
        const double total_here = source_total[i], e = dot(electric, d), b = dot(magnetic, d);
        const double along = total_here * dot(beam, d), along_e = total_here * kahn * e,
                     along_b = total_here * kahn * b;
        add_direction(i, along * beam - along_e * electric + along_b * magnetic);
        primitives[KAHN][i] -= 0.5 * total_here * (e * e - b * b);
        primitives[TURN + 0][i] += along * dot(triple(motion.direction[0]), d) - along_e * dot(triple(motion.e[0]), d)
                                 + along_b * dot(triple(motion.b[0]), d);
        primitives[TURN + 1][i] += along * dot(triple(motion.direction[1]), d) - along_e * dot(triple(motion.e[1]), d)
                                 + along_b * dot(triple(motion.b[1]), d);
    }

    /* The derivatives of an amorphous material's scattering by the scattering vector. */
    void add_surroundings(const Scene &s, const Source &source, const SourceMotion &motion, int n, const Lanes &lanes)
    {
        for (int i = 0; i < n; ++i) {
            const Triple q = {lanes.q[0][i], lanes.q[1][i], lanes.q[2][i]};
            const double factors = source.weight * lanes.omega[i] * lanes.capture[i] * lanes.polar[i], qq = dot(q, q);
            const double along_q = qq > 0.0 ? factors * amorphous_at(s, qq).slope / sqrt(qq) : 0.0;
            const Triple g = along_q / source.wavelength * q;
            add_direction(i, g);
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
        const Moved moved = moving.template derivatives<curved, sensor>(i, at, d, g, place_total[i]);
        primitives[TOTAL][i] += place_total[i];
        primitives[FORCE + 0][i] += moved.shift.x;
        primitives[FORCE + 1][i] += moved.shift.y;
        primitives[FORCE + 2][i] += moved.shift.z;
        primitives[TORQUE + 0][i] += moved.turn.x;
        primitives[TORQUE + 1][i] += moved.turn.y;
        primitives[TORQUE + 2][i] += moved.turn.z;
        primitives[BEND][i] += moved.bend;
        place_total[i] = by_direction[0][i] = by_direction[1][i] = by_direction[2][i] = 0.0;
    }

    const Motions &motions;
    Place place{};
    const double *first_cell = nullptr;
    int waiting = 0; /* orientations whose terms are in `sums` only */
    bool carried = false; /* whether `double_sums` holds terms of this source */
    Real axis[3], rows[9]; /* of the present orientation */
    alignas(64) Real sums[SUMS_OF_SOURCE][REAL_ROW];
    alignas(64) double double_sums[SUMS_OF_SOURCE][ROW]; /* what `sums` held in single precision */
    alignas(64) double source_total[LANES]; /* of one source, without polarization */
    alignas(64) double place_total[LANES]; /* of all sources at one place */
    alignas(64) double by_direction[3][ROW]; /* derivative of it by the direction of the ray */
};

} // namespace nb::NB_ISA

#endif
