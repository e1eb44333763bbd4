/// Student's t distribution, for the intervals of times and of drops. DLMF 8.17 (the incomplete beta function by its
/// continued fraction, 8.17.22); Abramowitz & Stegun 26.7.1.
#pragma once

namespace speedster {

/// P(T <= t) with `df` degrees of freedom, any real number above 0; normal for an infinite df.
double student_cdf(double t, double df);
/// The t with student_cdf(t, df) = p, 0 < p < 1.
double student_quantile(double p, double df);

}  // namespace speedster
