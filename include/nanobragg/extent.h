/* The crystal as the bounds of its shape see it, in single precision. */
#ifndef NANOBRAGG_EXTENT_H
#define NANOBRAGG_EXTENT_H

#include "halos.h"
#include "scene.h"
#include "maths.h"

namespace nb::NB_ISA {

/* The squared radius of an offset d is at least the sum of metric d^2. */
struct Extent {
    float n[3], metric[3];
    float others; /* diffuse halos: upper bound of those of all reflections but the nearest, for peaks of 1 */
};

/* An upper bound of a product of a few factors that were computed in single precision. */
NB_INLINE float above(float x)
{
    return x * 1.00001f;
}

/* The largest t for which a symmetric matrix with ones on its diagonal stays positive semidefinite when t is taken from
 * each of them: its smallest eigenvalue, 1 - x with x the largest root of x^3 - p x - q = 0. */
static inline double smallest_eigenvalue(double yz, double xz, double xy)
{
    const double p = yz * yz + xz * xz + xy * xy, q = -2.0 * yz * xz * xy;
    if (p == 0.0)
        return 1.0;
    const double cosine = 1.5 * q / p * sqrt(3.0 / p), bounded = cosine < -1.0 ? -1.0 : cosine > 1.0 ? 1.0 : cosine;
    return 1.0 - 2.0 * sqrt(p / 3.0) * cos(acos(bounded) / 3.0);
}

/* No point is closer than one half to another reflection than the nearest one along an axis where they differ. */
static inline double others_at_most(const Crystal &crystal, const float *metric)
{
    double sum = -1.0;
    visit_halos(crystal, [&](int h, int k, int l) {
        const int steps[3] = {h, k, l};
        double rr = 1.0;
        for (int i = 0; i < 3; ++i) {
            const double least = steps[i] ? fabs((double)steps[i]) - 0.5 : 0.0;
            rr += metric[i] * least * least;
        }
        sum += 1.0 / (rr * rr);
    });
    return sum * (1.0 + 1e-6);
}

static inline Extent extent_of(const Crystal &crystal)
{
    const double *m = crystal.metric;
    const double share = smallest_eigenvalue(m[3] / (2.0 * sqrt(m[1] * m[2])), m[4] / (2.0 * sqrt(m[0] * m[2])),
                                             m[5] / (2.0 * sqrt(m[0] * m[1])));
    Extent e;
    for (int i = 0; i < 3; ++i) {
        e.n[i] = (float)crystal.n[i];
        e.metric[i] = (float)(m[i] * larger(share - 1e-6, 0.0) * (1.0 - 1e-6));
    }
    e.others = (float)others_at_most(crystal, e.metric);
    return e;
}

} // namespace nb::NB_ISA

#endif
