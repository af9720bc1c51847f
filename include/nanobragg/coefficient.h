/* What receives the coefficients of structure factors (coefficients.h). */
#ifndef NANOBRAGG_COEFFICIENT_H
#define NANOBRAGG_COEFFICIENT_H

namespace nb {

/* Takes a coefficient of pixel `lane` of the span: of an entry of all tables, one after the other. */
using PushCoefficient = void(void *list, int lane, long long entry, double value);

} // namespace nb

#endif
