/* What a rendering that leaves terms out needs to know of a scene besides the scene itself, as plain numbers. Lengths
 * are in angstrom. Beam, Run, OrientationGroup and CullingParameters are NumPy dtypes of _culling, filled by
 * scene/culling_plan.py. */
#ifndef NANOBRAGG_CULLING_PLAN_H
#define NANOBRAGG_CULLING_PLAN_H

#include "../scene.h"

namespace nb {

constexpr int REGION = 64; /* edge of the parts of a panel that are rendered at once, pixels */
constexpr int BRIGHT_EDGE = 4;      /* of the parts of a region that are searched for its brightest pixel, pixels */

/* The sources of one direction: consecutive ones, by rising 1/wavelength. */
struct Beam {
    int first, count;
    double weight;
};

/* Some neighbouring ones that share a table of structure factors. */
struct Run {
    int beam, first, count;
    double kappa_low, kappa_high; /* 1/wavelength, 1/A */
    double weight;
};

/* Consecutive orientations. No vertex a, b or c of them is farther than `spread` from the first one's. */
struct OrientationGroup {
    int first, count;
    double spread[3];
};

struct CullingParameters {
    int low[3], high[3]; /* indices of the border planes of `squares`, which hold beyond */
    int stride_h, stride_k;
    int one_table;    /* whether all sources have the same */
    double largest;   /* of all squared structure factors */
    double largest_share; /* of all orientations (Scene::shares) */
    double length[3]; /* of a, b, c, the largest of all orientations */
    double worthwhile; /* share of the exact engine's time below which a region is rendered with terms left out */
    double inverse_metric[6]; /* of the crystal's quadratic form, in its order */
};

struct Plan : CullingParameters {
    const Source *sources; /* beam by beam */
    const double *kappa, *weights; /* 1/wavelength of each, 1/m; both have VECTOR more entries */
    const Beam *beams;
    int n_beams;
    const Run *runs;
    int n_runs;
    const OrientationGroup *groups;
    int n_groups;
    const Source *around; /* sources that what surrounds the crystal is computed for */
    int n_around;
    const float *squares; /* upper bounds of |F|^2/largest at a reflection, and at it and its neighbours */
    const float *cells;   /* a, b, c by component, each for `padded` orientations */
    int padded;
    const double *reciprocal; /* a*, b*, c* of every orientation, 1/A */
    const Plan *rest; /* of Scene::rest */
};

/* What was done with the terms of some pixels. */
struct Tally {
    double bound;        /* of what is missing in any of them, photons */
    long long evaluated; /* terms */
};

/* A part of a panel, at most REGION pixels along each side, and which of its pixels are wanted (by rows of REGION). */
struct Region {
    int fast, slow, n_fast, n_slow;
    const unsigned char *wanted;
};

/* A square of BRIGHT_EDGE pixels along each side: its first pixel, and photons that a pixel of it may have, roughly. */
struct Bright {
    int fast, slow;
    double photons;
};

} // namespace nb

#endif
