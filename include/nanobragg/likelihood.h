/* How likely measured photons are, given the expected ones (docs/refinement.md): loss, slope and Fisher weight. */
#ifndef NANOBRAGG_LIKELIHOOD_H
#define NANOBRAGG_LIKELIHOOD_H

#include "maths.h"

namespace nb {

enum NoiseKind {
    POISSON, /* counted photons */
    NORMAL,  /* normal with the variance m + sigma^2, m the expected photons */
    WEIGHTED /* least squares with given weights */
};

struct Noise {
    int kind;
    double sigma;  /* read-out noise, photons */
    double robust; /* standard deviations beyond which a deviation counts linearly; infinite: never */
};

/* Of one pixel. The loss is the negative logarithm of the likelihood, less that of a model equal to the data; `slope`
 * is its derivative by the expected photons, `weight` the expectation of the second one, `deviation` (y - m)^2/V. */
struct Likeliness {
    double loss, slope, weight, deviation;
};

namespace NB_ISA {

/* Below this expectation, or variance, the loss goes on as a straight line, so that its slope stays finite. */
constexpr double FEWEST_PHOTONS = 1e-6;

NB_INLINE Likeliness poisson_likeliness(double y, double model)
{
    const double m = larger(model, FEWEST_PHOTONS), per_m = 1.0 / m, u = y - m;
    const double surplus = y > 0.0 ? y * log(y * per_m) : 0.0, slope = 1.0 - y * per_m;
    return {m - y + surplus + slope * (model - m), slope, per_m, u * u * per_m};
}

/* With V = m + sigma^2, u = y - m and z = u/sqrt(V): 1/2 ln V + rho(z), rho(z) = z^2/2 where it is not cut. */
NB_INLINE Likeliness normal_likeliness(const Noise &noise, double y, double model)
{
    const double ground = noise.sigma * noise.sigma, m = larger(model, FEWEST_PHOTONS - ground), u = y - m;
    const double variance = m + ground, reference = larger(y + ground, FEWEST_PHOTONS);
    const double deviation = sqrt(variance), z = u / deviation;
    const double cut = smaller(larger(z, -noise.robust), noise.robust), inside = z == 0.0 ? 1.0 : cut / z;
    const double slope = 0.5 / variance - cut * (1.0 / deviation + 0.5 * u / (variance * deviation));
    return {0.5 * log(variance / reference) + cut * (z - 0.5 * cut) + slope * (model - m), slope,
            inside / variance + 0.5 / (variance * variance), z * z};
}

NB_INLINE Likeliness likeliness(const Noise &noise, double y, double model, double weight)
{
    const double u = y - model;
    return noise.kind == POISSON ? poisson_likeliness(y, model)
         : noise.kind == NORMAL  ? normal_likeliness(noise, y, model)
                                 : Likeliness{0.5 * u * u * weight, -u * weight, weight, u * u * weight};
}

} // namespace NB_ISA
} // namespace nb

#endif
