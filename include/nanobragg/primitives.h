/* What a gradient adds up for every pixel, from which the derivatives with respect to all parameters follow by constant
 * factors (docs/derivatives.md), and what it needs to know besides the scene. */
#ifndef NANOBRAGG_PRIMITIVES_H
#define NANOBRAGG_PRIMITIVES_H

namespace nb {

/* Planes of sums over a pixel's terms T, each with all its weights; v is a term's derivative by its index h. */
enum Primitive {
    TOTAL, /* T, with what surrounds the crystal: the photons */
    SURROUNDINGS, /* the share of what surrounds the crystal */
    STRAIN, /* 9: v_i h_j, for h changing by a matrix times h */
    CELLS = STRAIN + 9, /* 3: by the numbers of cells */
    SPREAD = CELLS + 3, /* by the mosaic spread, deg; or along a change of the smear, or of a crystal */
    WAVE, /* by the logarithm of all wavelengths, of what surrounds the crystal; the crystal's is minus the trace of
             STRAIN */
    WAVE_SLOPE, /* by the logarithms of the wavelengths, each with the factor of its source */
    TURN, /* 2: by the angles of the sources, rad */
    KAHN = TURN + 2, /* by the polarization factor */
    FORCE, /* 3: by a shift of the panel, m, its distance along the normal held still in the solid angle */
    TORQUE = FORCE + 3, /* 3: by a rotation of the panel about its corner `pix0`, rad, likewise */
    BEND = TORQUE + 3, /* by the distance of a curved detector, m, the panel's plane held still */
    PRIMITIVES
};

/* A source turned about either of two axes: derivatives of its direction, 1/rad; unit vectors along E and B of its
 * wave; and how that frame turns: beam to E, beam to B, E to B. */
struct SourceMotion {
    double direction[2][3], e[3], b[3], to_e[2], to_b[2], twist[2];
    double slope; /* of the logarithm of its wavelength, for WAVE_SLOPE */
};

struct Motions {
    const SourceMotion *sources;
    const double *spins; /* rotation vector of every mosaic domain per degree of spread, rad: 3 numbers; NULL: none */
    int n_domains; /* the domains of a phi step follow each other in Scene::cells */
    const double *moves; /* in place of spins: derivative of a, b, c of every orientation, m: 9 numbers; NULL: none */
};

/* One of a pixel's terms. */
struct TermAt {
    int panel, slow, fast, layer, sub_slow, sub_fast, source, orientation, reflection[3];
};

/* Orders of sources: as the scene has them; as a plan for leaving terms out has them (culling/plan.h); those that what
 * surrounds the crystal has in such a plan. */
enum SourceOrder { AS_GIVEN, PLANNED, AROUND, SOURCE_ORDERS };

} // namespace nb

#endif
