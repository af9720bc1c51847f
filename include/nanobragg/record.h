/* The recorder behind a trace. kernel.c compiles span.h once more with NB_TRACE, for one pixel at a time; only there
 * does NB_RECORD leave anything. Every hook adds to the record of the term that is being made. */
#ifndef NANOBRAGG_RECORD_H
#define NANOBRAGG_RECORD_H

#include "pixel.h"
#include "vec3.h"

#if defined(NB_TRACE)
#define NB_RECORD(...) __VA_ARGS__;
#define NB_SIMD /* terms in their order */
#define NB_SIMD_ALIVE
#else
#define NB_RECORD(...)
#define NB_SIMD _Pragma("omp simd")
#define NB_SIMD_ALIVE _Pragma("omp simd reduction(+:alive)")
#endif

/* One term with everything that led to it, all doubles; tracing/records.py names the fields in this order. */
typedef struct {
    double rank;                 /* weight F_cell^2 F_latt^2: what the term adds to the sum */
    double ordinal;              /* records before it */
    double layer, at[2];         /* place along the fast and slow axes, m */
    double position[3], r, d[3]; /* m, m, direction */
    double obliquity, rho;       /* close_distance/R, cosine to the normal */
    double omega, capture;
    double source, live, q[3]; /* q in 1/m */
    double cos_2theta, along_e, along_b, polar;
    double weight;                    /* of the term in the running sum */
    double orientation, cell[9];      /* a, b, c, m */
    double h[3], nearest[3];          /* index */
    double above[3], below[3];        /* sin^2(pi N delta), sin^2(pi delta) */
    double radius_sqr, lattice_sqr;   /* radial shapes; F_latt^2 */
    double interpolated, amplitude;   /* whether between reflections; F_cell */
    double running;                   /* sum after this term */
} nb_record;

struct nb_recorder {
    nb_record now;       /* being made; at the end what the last place, source and term left */
    nb_record *kept;     /* the strongest, a heap with the weakest on top */
    const double *cells; /* of the present source's terms */
    const nb_panel *panel;
    double capacity, n_kept, n_terms, n_skipped; /* skipped: sources beyond d_min, each a record without a term */
    double before; /* running sum before the present source */
    double water;  /* all that surrounds the crystal, in the sum */
    double total, omega, polar, capture, photons;
};

static inline void nb_record_sink(nb_record *heap, int n, int at, const nb_record *r)
{
    for (int child = 2 * at + 1; child < n; child = 2 * at + 1) {
        if (child + 1 < n && heap[child + 1].rank < heap[child].rank)
            ++child;
        if (r->rank <= heap[child].rank)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = *r;
}

static inline void nb_record_keep(nb_recorder *t)
{
    const int capacity = (int)t->capacity;
    int n = (int)t->n_kept;
    t->now.ordinal = t->n_terms + t->n_skipped;
    if (n < capacity) {
        t->kept[n++] = t->now;
        t->n_kept = n;
        for (int at = n / 2 - 1; n == capacity && at >= 0; --at) {
            const nb_record r = t->kept[at];
            nb_record_sink(t->kept, n, at, &r);
        }
    } else if (n > 0 && t->now.rank > t->kept[0].rank) {
        nb_record_sink(t->kept, n, 0, &t->now);
    }
}

/* A spot on one layer, along the fast and slow axes. */
static inline void nb_record_spot(nb_recorder *t, const nb_panel *p, int layer, double fast, double slow)
{
    t->panel = p;
    t->now.layer = layer;
    t->now.at[0] = fast;
    t->now.at[1] = slow;
}

/* Its place in the lab. */
static inline void nb_record_place(nb_recorder *t, double x, double y, double z, double omega)
{
    const double position[3] = {x, y, z};
    nb_record *now = &t->now;
    now->r = sqrt(nb_dot(position, position));
    now->obliquity = t->panel->close_distance / now->r;
    now->omega = omega;
    for (int i = 0; i < 3; ++i) {
        now->position[i] = position[i];
        now->d[i] = position[i] / now->r;
    }
}

/* What the sensor does there. */
static inline void nb_record_capture(nb_recorder *t, const nb_panel *p, double capture)
{
    t->now.rho = nb_dot(t->now.d, p->normal);
    t->now.capture = capture;
}

/* A source seen from that place; `around` is what surrounds the crystal. */
static inline void nb_record_source(nb_recorder *t, const nb_scene *s, const nb_source *src, const double *q,
                                    double live, double polar, double around, double total)
{
    nb_record *now = &t->now;
    const double factors = s->c_factors ? 1.0 : src->weight * now->omega * polar * now->capture;
    now->source = (double)(src - s->sources);
    now->live = live;
    now->polar = polar;
    now->cos_2theta = nb_dot(src->direction, now->d);
    now->along_e = nb_dot(src->e, now->d);
    now->along_b = nb_dot(src->b, now->d);
    now->weight = s->c_factors ? 1.0 : factors / s->n_cells;
    for (int x = 0; x < 3; ++x)
        now->q[x] = q[x];
    t->before = total;
    t->water += s->c_factors ? 0.0 : factors * around;
    if (live == 0.0) {
        now->rank = 0.0;
        nb_record_keep(t);
        t->n_skipped += 1.0;
    }
}

/* One orientation's term; `running` is the sum behind it. */
static inline void nb_record_term(nb_recorder *t, const double *cell, const nb_term_values *v, double running)
{
    nb_record *now = &t->now;
    now->orientation = (double)((cell - t->cells) / 9);
    memcpy(now->cell, cell, sizeof now->cell);
    for (int x = 0; x < 3; ++x) {
        now->h[x] = v->h[x];
        now->nearest[x] = v->nearest[x];
        now->above[x] = v->above[x];
        now->below[x] = v->below[x];
    }
    now->radius_sqr = v->radius_sqr;
    now->lattice_sqr = v->lattice_sqr;
    now->interpolated = v->interpolated;
    now->amplitude = v->amplitude;
    now->rank = now->weight * v->amplitude * v->amplitude * v->lattice_sqr;
    now->running = running;
    nb_record_keep(t);
    t->n_terms += 1.0;
}

/* The same where the source's terms are summed first. */
static inline void nb_record_added(nb_recorder *t, const double *cell, const nb_term_values *v, double sum)
{
    nb_record_term(t, cell, v, t->before + t->now.weight * sum);
}

/* The whole sum, what C applies to it at the end, and the photons. */
static inline void nb_record_pixel(nb_recorder *t, const nb_scene *s, double total, double omega, double polar,
                                   double capture, double photons)
{
    t->water += s->c_factors ? s->water : 0.0;
    t->total = total;
    t->omega = s->c_factors && !s->every_omega ? omega : 1.0;
    t->polar = s->c_factors && !s->every_polar ? polar : 1.0;
    t->capture = s->c_factors && !s->every_capture ? capture : 1.0;
    t->photons = photons;
}

#endif
