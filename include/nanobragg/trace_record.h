/* The result of a trace: records of a pixel's terms, and totals. */
#ifndef NANOBRAGG_TRACE_RECORD_H
#define NANOBRAGG_TRACE_RECORD_H

namespace nb {

/* One term with everything that led to it, all doubles; a NumPy dtype of _core. */
struct TraceRecord {
    double rank;                 /* weight F_cell^2 F_latt^2: what the term adds to the sum */
    double ordinal;              /* records before it */
    double layer, at[2];         /* place along the fast and slow axes, m */
    double position[3], r, d[3]; /* m, m, direction */
    double obliquity, rho;       /* close_distance/R, cosine to the normal */
    double omega, capture;
    double source, live, q[3]; /* q in 1/m */
    double cos_2theta, along_e, along_b, polar;
    double weight;                       /* of the term in the running sum */
    double part;                         /* 0: of the crystal's lattice; 1, 2, ...: of its halos (Scene::rest) */
    double orientation, cell[3][3];      /* a, b, c, m */
    double h[3], nearest[3];             /* index */
    double numerator[3], denominator[3]; /* sin^2(pi N delta), sin^2(pi delta) */
    double radius_sqr, lattice_sqr;      /* radial shapes; F_latt^2 */
    double interpolated, amplitude;      /* whether between reflections; F_cell */
    double running;                      /* sum after this term */
};

struct TraceTotals {
    TraceRecord last;  /* what the last place, source and term left */
    TraceRecord *kept; /* the strongest, a heap with the weakest on top */
    int capacity, n_kept;
    long long n_terms, n_skipped; /* skipped: sources beyond d_min, each a record without a term */
    double water;                 /* all that surrounds the crystal, in the sum */
    double total, omega, polar, capture, photons;
};

} // namespace nb

#endif
