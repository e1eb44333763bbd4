#include "base/student.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

namespace speedster {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

TEST(Student, QuantilesOfTheTables) {
  // Abramowitz & Stegun, table 26.10 (its A is two-sided).
  struct Row {
    double p, df, t;
  };
  for (const Row& row : {Row{0.975, 1, 12.706}, Row{0.975, 2, 4.303}, Row{0.95, 4, 2.132}, Row{0.975, 9, 2.262},
                         Row{0.995, 10, 3.169}, Row{0.9995, 3, 12.924}, Row{0.9, 30, 1.310}, Row{0.975, 120, 1.980}}) {
    EXPECT_NEAR(student_quantile(row.p, row.df), row.t, 0.0006) << row.p << ' ' << row.df;
    EXPECT_NEAR(student_quantile(1 - row.p, row.df), -row.t, 0.0006);
  }
  EXPECT_NEAR(student_quantile(0.975, kInfinite), 1.959964, 1e-6);
  EXPECT_EQ(student_quantile(0.5, 3), 0);
}

TEST(Student, ClosedForms) {
  for (const double t : {-30.0, -2.0, -0.1, 0.0, 0.7, 5.0, 1000.0}) {
    EXPECT_NEAR(student_cdf(t, 1), 0.5 + std::atan(t) / std::numbers::pi, 1e-12) << t;
    EXPECT_NEAR(student_cdf(t, 2), 0.5 + t / (2 * std::sqrt(2 + t * t)), 1e-12) << t;
  }
}

TEST(Student, QuantileUndoesTheDistribution) {
  for (const double df : {0.7, 1.0, 2.5, 8.0, 57.3, 1e5})
    for (const double p : {0.0001, 0.02, 0.4, 0.61, 0.99, 0.99999})
      EXPECT_NEAR(student_cdf(student_quantile(p, df), df), p, 1e-9) << df << ' ' << p;
}

}  // namespace
}  // namespace speedster
