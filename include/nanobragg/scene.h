/* A resolved scene as plain numbers in SI units; no field is optional. Panel, Source, Parameters and CRules are
 * NumPy dtypes of _core, filled by scene/kernel_input.py. */
#ifndef NANOBRAGG_SCENE_H
#define NANOBRAGG_SCENE_H

namespace nb {

#if defined(NB_DEVICE)
constexpr int SPAN_PIXELS = NB_LANES; /* pixels of a thread */
constexpr int VECTOR = NB_LANES;
#else
constexpr int SPAN_PIXELS = 64; /* neighbouring pixels that are rendered at once, at most */
constexpr int VECTOR = 16;      /* lanes of a vector, of which the hardware may need several */
#endif

struct Panel {
    double pix0[3], fast[3], slow[3], normal[3]; /* corner of pixel (0, 0), m; axes, unit vectors */
    double pixel;                                /* edge, m */
    double close_distance;                       /* along the normal, m */
    /* Curved detector: the point P of the plane goes to `distance` along the beam, turned about axis[0] by
     * (along[0].P - start[0])/distance, then about axis[1] likewise. */
    double distance, beam[3], axis[2][3], along[2][3], start[2];
};

struct Source {
    double direction[3]; /* of travel */
    double wavelength;   /* m */
    double weight;       /* all together 1 */
    double e[3], b[3];   /* of the incident wave */
    int table;           /* number of the table of structure factors at its energy */
};

/* The crystal as a shape sees it. */
struct Crystal {
    double n[3];         /* numbers of cells along a, b, c */
    double inverse_n[6]; /* of the matrix N whose diagonal they are (block.h) */
    double cells;        /* of a block: the determinant of N; its square is the peak of F_latt^2 */
    double metric[6];    /* squared radius of an offset: hh kk ll, 2kl 2hl 2hk; the fudge factor included */
    double around;       /* diffuse halos: how many reflections to either side a point is near to (halos.h) */
};

enum Lookup { CONSTANT, NEAREST, TRICUBIC, PHASED, LOOKUPS };

struct Parameters {
    Crystal crystal;
    int shape, lookup; /* number in Shapes (shapes.h); enum Lookup */
    double default_F;
    int table_low[3], table_high[3]; /* of the border planes, in steps of the table */
    int table_stride_h, table_stride_k;
    int table_steps; /* per index */
    int oversample, n_layers, has_sensor;
    double layer, mu; /* thickness of a sensor layer, m; attenuation, 1/m */
    int point_pixel, curved, polarized, has_beamstop;
    double kahn;
    double beamstop[3], beamstop_cosine, beamstop_passes; /* its direction, and the share that passes within a cone */
    double d_min;          /* m; 0: no limit */
    double water;          /* squared amplitude times molecules, added to every source's mean over orientations */
    double amorphous_step; /* of sin(theta)/lambda (1/m) in Scene::amorphous */
    double scale;          /* of a pixel's sum to photons */
};

/* Switches of the original's walk (docs/quirks.md): row 4, one each; row 6. */
struct CRules {
    int every_omega, every_polar, every_capture, interpolation_ends;
};

/* How the spots of a crystal of Gaussian blocks are smeared where its domains and wavelengths are not listed but
 * normally distributed (smear.h). Covariances are of indices: hh kk ll, kl hl hk. */
struct Smear {
    double block[6];       /* of a block's spot, for F_latt^2 */
    double by_index[6][6]; /* what the domains add: rows times hh kk ll, kl hl hk of the reflection */
    double metric[6];      /* squared length of an index in reciprocal space, 1/A^2: hh kk ll, 2kl 2hl 2hk */
    double band;           /* relative variance of 1/wavelength */
    double edges[3];       /* of the cell, A */
    double widest;         /* no eigenvalue of what the domains add is larger than this, times the squared length */
    double widest_block, sharpest_block; /* largest eigenvalue of a block's covariance, and of its inverse */
};

struct Scene : Parameters {
    const Panel *panels;
    const Source *sources;
    int n_sources;
    const double *cells; /* per phi and domain: a, b, c (m), 9 numbers */
    int n_cells;
    const double *shares; /* of each of them in the crystal, 1 on average; NULL: all are equal */
    const Smear *smear;   /* of the spots of each of them; NULL: none */
    const Smear *smear_slope; /* its derivative, for that of an image (SPREAD in primitives.h); NULL: none */
    const void *tables; /* of structure factors, of the lookup's type; NULL: none */
    long long table_bytes;   /* of one of them */
    const double *amorphous; /* squared amplitude times molecules at even steps; NULL: none */
    int n_amorphous;
    const Scene *rest; /* the scene as what its crystal scatters besides sees it: with another shape and other tables,
                        * and nothing around the crystal; NULL: nothing */
    const Crystal *crystal_slope; /* derivative of the crystal's metric and cells, for that of an image; NULL: none */
};

/* A scene that is rendered as the original renders it. */
struct CScene : Scene {
    CRules rules;
    const double *first_cells; /* what the first term of all sees where phi is 0 (row 1); else NULL */
};

} // namespace nb

#endif
