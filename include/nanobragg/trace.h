/* The sink of a trace: the intensity of one pixel, and a record of each of its terms. */
#ifndef NANOBRAGG_TRACE_H
#define NANOBRAGG_TRACE_H

#include "intensity.h"
#include "trace_record.h"

namespace nb::NB_ISA {

class Trace : public Intensity {
public:
    static constexpr bool needs_steps = true;
    static constexpr bool needs_places = true;

    /* `unweighted`: terms enter the sum as they are, and the pixel's water once. */
    Trace(TraceTotals &totals, bool unweighted) : out(totals), now(totals.last), unweighted(unweighted) {}

    template <class Real> void add(int i, const double *cell, const Term<Real> &term)
    {
        Intensity::add(i, cell, term);
        record(cell, term, before + per_term * (sum_before + share * sum[i]));
    }

    /* A sub-pixel of one layer: its place in the lab, and what the panel and the sensor do there. */
    void at_place(const Scene &, const Panel &p, int layer, const double *slow, const double *fast, const Lanes &lanes)
    {
        now.layer = layer;
        now.at[0] = fast[0];
        now.at[1] = slow[0];
        for (int i = 0; i < 3; ++i)
            now.position[i] = lanes.place[i][0];
        now.r = sqrt(dot(now.position, now.position));
        for (int i = 0; i < 3; ++i)
            now.d[i] = now.position[i] / now.r;
        now.obliquity = p.close_distance / now.r;
        now.rho = dot(now.d, p.normal);
        now.omega = lanes.omega[0];
        now.capture = lanes.capture[0];
    }

    /* A source seen from there, with the orientations that it shines on. */
    void from_source(const Scene &s, int number, const double *first_cell, const Lanes &lanes)
    {
        const Source &source = s.sources[number];
        const double factors = unweighted ? 1.0 : source.weight * now.omega * lanes.polar[0] * now.capture;
        cells = first_cell;
        before = total[0];
        now.source = number;
        now.live = lanes.live[0];
        now.polar = lanes.polar[0];
        now.cos_2theta = dot(source.direction, now.d);
        now.along_e = dot(source.e, now.d);
        now.along_b = dot(source.b, now.d);
        per_term = unweighted ? 1.0 : factors / s.n_cells;
        from_share(1.0, 0.0);
        for (int x = 0; x < 3; ++x)
            now.q[x] = lanes.q[x][0];
        out.water += unweighted ? 0.0 : factors * lanes.around[0];
        if (now.live == 0.0) {
            now.rank = 0.0;
            keep();
            ++out.n_skipped;
        }
    }

    /* The terms that follow count by this share, and are added to a sum. */
    void from_share(double of_orientation, double sum)
    {
        share = of_orientation;
        sum_before = sum;
        now.weight = share * per_term;
    }

    void from_part(int number) { now.part = number; }

    /* One orientation's term; `running` is the sum behind it. */
    template <class Real> void record(const double *cell, const Term<Real> &term, double running)
    {
        now.orientation = (double)((cell - cells) / 9);
        memcpy(now.cell, cell, sizeof now.cell);
        for (int x = 0; x < 3; ++x) {
            now.h[x] = term.h[x];
            now.nearest[x] = term.nearest[x];
            now.numerator[x] = term.numerator[x];
            now.denominator[x] = term.denominator[x];
        }
        now.radius_sqr = term.radius_sqr;
        now.lattice_sqr = term.lattice_sqr;
        now.interpolated = term.interpolated;
        now.amplitude = term.amplitude;
        now.rank = now.weight * term.amplitude * term.amplitude * term.lattice_sqr;
        now.running = running;
        keep();
        ++out.n_terms;
    }

    /* The factors that the original applies to the whole sum at the end, and the photons. */
    void finish(double omega, double polar, double capture, double photons)
    {
        out.total = total[0];
        out.omega = omega;
        out.polar = polar;
        out.capture = capture;
        out.photons = photons;
    }

private:
    void keep()
    {
        now.ordinal = (double)(out.n_terms + out.n_skipped);
        if (out.n_kept < out.capacity) {
            out.kept[out.n_kept++] = now;
            for (int place = out.n_kept / 2 - 1; out.n_kept == out.capacity && place >= 0; --place)
                sink_down(place, out.kept[place]);
        } else if (out.n_kept > 0 && now.rank > out.kept[0].rank) {
            sink_down(0, now);
        }
    }

    /* Put a record into the heap at `place`, or below the weaker ones that follow there. */
    void sink_down(int place, const TraceRecord record)
    {
        for (int child = 2 * place + 1; child < out.n_kept; child = 2 * place + 1) {
            if (child + 1 < out.n_kept && out.kept[child + 1].rank < out.kept[child].rank)
                ++child;
            if (record.rank <= out.kept[child].rank)
                break;
            out.kept[place] = out.kept[child];
            place = child;
        }
        out.kept[place] = record;
    }

    TraceTotals &out;
    TraceRecord &now; /* the record that is being made */
    const bool unweighted;
    const double *cells = nullptr;
    double before = 0.0; /* running sum before the present source */
    double per_term = 1.0; /* weight of its terms, but for their shares */
    double share = 1.0, sum_before = 0.0; /* of the present orientation; of the source's orientations before it */
};

} // namespace nb::NB_ISA

#endif
