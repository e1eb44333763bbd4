#include "accuracy/metric.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace speedster::accuracy {
namespace {

using testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Tensor floats(Shape shape, const std::vector<float>& values) {
  return Tensor::from<float>(DType::kFloat32, std::move(shape), values);
}
Tensor ids(const std::vector<std::int64_t>& values) {
  return Tensor::from<std::int64_t>(DType::kInt64, {static_cast<std::int64_t>(values.size())}, values);
}

Result<double> drop(std::string_view metric, const Tensor& a, const Tensor& b, const Label& label = {}) {
  const auto made = make_metric(metric);
  if (!made) return made.error();
  return (*made)->drop(a.view(), b.view(), label);
}

TEST(Metrics, NamesAreKnown) {
  for (const char* name : {"cosine", "relative_l2", "mse", "numeric_precision", "accuracy", "top_k:5"}) {
    const auto metric = make_metric(name);
    ASSERT_TRUE(metric.ok()) << name;
    EXPECT_EQ((*metric)->name(), name);
  }
  for (const char* name : {"", "cos", "psnr", "top_k", "top_k:", "top_k:0", "top_k:-1", "top_k:x"}) {
    EXPECT_EQ(make_metric(name).error().kind(), ErrorKind::kUsage) << name;
    EXPECT_THAT(make_metric(name).error().message(),
                HasSubstr("cosine, relative_l2, mse, numeric_precision, accuracy, top_k:K"));
  }
}

TEST(Metrics, FiguresByHand) {
  const Tensor a = floats({3}, {1, 2, 2}), b = floats({3}, {1, 2, 4});
  EXPECT_NEAR(*drop("cosine", a, b), 1 - 13 / (3 * std::sqrt(21.0)), 1e-12);
  EXPECT_NEAR(*drop("relative_l2", a, b), 2.0 / 3, 1e-12);
  EXPECT_NEAR(*drop("mse", a, b), 4.0 / 3 / (2.0 / 9), 1e-12);
  EXPECT_NEAR(*drop("numeric_precision", a, b), 2 / (4 + 1e-5) / 3, 1e-12);
  for (const char* name : {"cosine", "relative_l2", "mse", "numeric_precision"})
    EXPECT_NEAR(*drop(name, a, a), 0, 1e-15) << name;
}

TEST(Metrics, MseOfAConstantOriginalIsOverItsMeanSquare) {
  EXPECT_NEAR(*drop("mse", floats({1}, {2}), floats({1}, {2.5F})), 0.0625, 1e-12);
  EXPECT_EQ(*drop("mse", floats({2}, {0, 0}), floats({2}, {0, 0})), 0);
}

TEST(Metrics, IncomparableIsInfinite) {
  const Tensor a = floats({2}, {1, 2});
  const Tensor label = ids({1});
  for (const char* name : {"cosine", "relative_l2", "mse", "numeric_precision", "accuracy"}) {
    const Label with{label.view(), {}};
    EXPECT_TRUE(std::isinf(*drop(name, a, floats({2}, {1, kNan}), with))) << name;
    EXPECT_TRUE(std::isinf(*drop(name, a, floats({1, 2}, {1, 2}), with))) << name;
    EXPECT_TRUE(std::isinf(*drop(name, a, ids({1, 2}), with))) << name;
  }
  EXPECT_EQ(*drop("relative_l2", floats({2}, {1, kNan}), floats({2}, {1, kNan})), 0) << "NaN where the original has it";
}

TEST(AccuracyMetric, DropIsRightBeforeMinusRightAfter) {
  const Tensor original = floats({3, 2}, {0.9F, 0.1F, 0.2F, 0.8F, 0.6F, 0.4F});   // classes 0, 1, 0
  const Tensor candidate = floats({3, 2}, {0.1F, 0.9F, 0.2F, 0.8F, 0.4F, 0.6F});  // classes 1, 1, 1
  const Tensor all_right = ids({0, 1, 0}), one_wrong = ids({1, 1, 1});
  EXPECT_NEAR(*drop("accuracy", original, candidate, {all_right.view(), {}}), 2.0 / 3, 1e-12);
  EXPECT_NEAR(*drop("accuracy", original, candidate, {one_wrong.view(), {}}), -2.0 / 3, 1e-12)
      << "a candidate may be better";
  EXPECT_NEAR(*drop("accuracy", original, candidate, {{}, "0\n1\n 0 "}), 2.0 / 3, 1e-12) << "labels as text";
}

TEST(AccuracyMetric, OneSampleWithoutABatchAxisAndClassIdsAsOutputs) {
  const Tensor label = ids({2});
  EXPECT_EQ(*drop("accuracy", floats({3}, {1, 2, 3}), floats({3}, {3, 2, 1}), {label.view(), {}}), 1);
  EXPECT_EQ(*drop("accuracy", ids({2}), ids({1}), {label.view(), {}}), 1);
  EXPECT_EQ(*drop("accuracy", ids({1}), ids({2}), {label.view(), {}}), -1);
}

TEST(TopKMetric, CountsTheBestK) {
  const Tensor original = floats({1, 4}, {1, 2, 3, 4}), candidate = floats({1, 4}, {4, 3, 2, 1});
  const Tensor label = ids({2});
  EXPECT_EQ(*drop("top_k:1", original, candidate, {label.view(), {}}), 0);
  EXPECT_EQ(*drop("top_k:2", original, candidate, {label.view(), {}}), 1);
  EXPECT_EQ(*drop("top_k:3", original, candidate, {label.view(), {}}), 0);
  for (const char* metric : {"top_k:4", "top_k:9"}) {
    const auto refused = drop(metric, original, candidate, {label.view(), {}});
    ASSERT_FALSE(refused.ok()) << "as many as there are classes are always right";
    EXPECT_THAT(refused.error().message(), HasSubstr("a K below the 4 classes"));
  }
  const Tensor equal = floats({1, 4}, {1, 1, 1, 1});
  EXPECT_EQ(*drop("top_k:2", equal, original, {label.view(), {}}), -1) << "of equal scores the lower class is first";
}

TEST(LabelMetrics, UnfitLabelsAreNamed) {
  const Tensor scores = floats({2, 3}, {1, 2, 3, 4, 5, 6});
  const auto message = [&](const Label& label, const Tensor& outputs) {
    const auto result = drop("accuracy", outputs, outputs, label);
    EXPECT_FALSE(result.ok());
    return result.ok() ? std::string() : result.error().message();
  };
  const Tensor one = ids({0}), outside = ids({0, 3}), negative = ids({0, -1}), fitting = ids({0, 1}),
               real = floats({2}, {0, 1});
  EXPECT_THAT(message({}, scores), HasSubstr("--labels"));
  EXPECT_THAT(message({one.view(), {}}, scores), HasSubstr("--output"));
  EXPECT_THAT(message({outside.view(), {}}, scores), HasSubstr("below 3, got 3"));
  EXPECT_THAT(message({negative.view(), {}}, scores), HasSubstr("got -1"));
  EXPECT_THAT(message({real.view(), {}}, scores), HasSubstr("astype(np.int64)"));
  EXPECT_THAT(message({{}, "0\ncat"}, scores), HasSubstr("\"cat\""));
  EXPECT_THAT(message({fitting.view(), {}}, floats({2, 1}, {0, 1})), HasSubstr("two or more classes"));
}

}  // namespace
}  // namespace speedster::accuracy
