/* What a pixel needs, resolved: plain numbers in SI units, nothing optional. Built by scene.py, owned by Python. */
#ifndef NANOBRAGG_SCENE_H
#define NANOBRAGG_SCENE_H

#include "amplitude.h"
#include "lattice.h"

typedef struct {
    double pix0[3], fast[3], slow[3], normal[3]; /* corner of pixel (0, 0); axes, unit vectors */
    double pixel;                                /* edge, m */
    double close_distance;                       /* along the normal, m */
    /* Curved detector: the point P of the plane goes to `distance` along the beam, turned about axis[0] by
     * (along[0].P - start[0])/distance, then about axis[1] likewise. */
    double distance, beam[3], axis[2][3], along[2][3], start[2];
} nb_panel;

typedef struct {
    double direction[3]; /* of travel */
    double wavelength;   /* m */
    double weight;       /* all together 1 */
    double e[3], b[3];   /* of the incident wave */
    const void *amplitudes; /* the table at its energy, of nb_entry; NULL: the scene has none */
} nb_source;

typedef struct {
    const nb_panel *panels;
    const nb_source *sources;
    int n_sources;
    const double *cells;       /* per phi and domain: a, b, c (m), 9 numbers */
    const double *first_cells; /* c_factors: what the first term of all sees where phi is 0; else NULL */
    int n_cells;
    double n[3];      /* unit cells along a, b, c */
    double metric[6]; /* of the radial shapes, see nb_radius_sqr; fudge included */
    int shape, lookup;
    nb_table table; /* of the first source; the others' differ in their values only */
    int oversample, n_layers, has_sensor;
    double layer, mu; /* m, 1/m */
    int point_pixel, curved, polarized;
    double kahn;
    double d_min; /* m; 0: no limit */
    double water; /* squared amplitude times molecules, added to every source's mean over orientations */
    const double *amorphous; /* the same of a material at even steps of sin(theta)/lambda (1/m); NULL: none */
    int n_amorphous;
    double amorphous_step;
    double scale; /* of a pixel's sum to photons */
    /* compat="c" (spec section 9): rows 2 and 3; row 4, each switch; row 6 */
    int c_factors, every_omega, every_polar, every_capture, interpolation_ends;
} nb_scene;

typedef struct nb_recorder nb_recorder; /* record.h */
typedef struct nb_lanes nb_lanes;       /* cells.h */

/* Adds the terms of `n_cells` orientations to `sum`, for n lanes, with a source's table. */
typedef void nb_cells_fn(const nb_scene *s, const nb_table *table, const double *cells, int n_cells,
                         const nb_lanes *lanes, double *sum, int n);
typedef nb_cells_fn *const nb_cells_table[NB_SHAPES][NB_LOOKUPS];

/* What a run over pixels carries along. */
typedef struct {
    int in_order;       /* pixels come one by one in the image's order, and what follows is kept */
    int first;          /* no term has been evaluated yet (row 1) */
    int interpolating;  /* no point has left the table yet (row 6) */
    volatile int *stop; /* set by another thread: give up */
    nb_cells_table *cells; /* in which precision terms are computed (kernel.h) */
    nb_recorder *recorder; /* used by the traced variant only */
} nb_state;

#endif
