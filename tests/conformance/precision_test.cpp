/// What `stats` says of the precision that ran, and what each precision does to the results.
#include "conformance/harness.h"

namespace speedster::conformance {
namespace {

namespace models = testing::models;

/// Stats of a model that has run once.
Json stats_after_run(const testing::OnnxWriter& writer, const std::string& name, const Options& options = {}) {
  Model model;
  EXPECT_OK(tested().load(save(writer, name), options, model));
  if (model.get() == nullptr) return Json::object();
  Context context;
  EXPECT_OK(context.open(model));
  std::vector<HostTensor> inputs = {random_tensor({2, 16}, 1)}, outputs;
  EXPECT_OK(context.run(inputs, outputs));
  const Json stats = model.stats();
  EXPECT_TRUE(stats.is_object());
  return stats;
}

TEST(Stats, OfFullPrecision) {
  const Json stats = stats_after_run(models::mlp(), "mlp");
  EXPECT_EQ(stats["precision"], "f32") << stats;
  EXPECT_GE(stats.value("threads", 0), 1) << stats;
  EXPECT_GE(stats.value("bytes", 0), 2704) << "expected at least the weights' bytes, got " << stats;
  EXPECT_FALSE(stats.value("vendor_version", "").empty()) << stats;
  ASSERT_TRUE(stats["nodes"].is_object()) << stats;
  EXPECT_GT(stats["nodes"].value("f32", 0), 0) << stats;
  EXPECT_EQ(stats["nodes"].value("int8", 0), 0) << stats;
}

TEST(Stats, OfQuantizedModelsAgreeWithTheirNodes) {
  const Json stats = stats_after_run(models::qdq_mlp(), "qdq_mlp");
  const std::string precision = stats.value("precision", "");
  EXPECT_TRUE(precision == "int8" || precision == "mixed" || precision == "f32") << stats;
  EXPECT_EQ(stats["nodes"].value("int8", 0) > 0, precision != "f32")
      << "expected the precision to follow from the nodes, got " << stats;
}

TEST(Stats, BeforeAnyExecutionAreJson) {
  Model model;
  ASSERT_OK(tested().load(save(models::mlp(), "mlp"), {}, model));
  EXPECT_TRUE(model.stats().is_object());
}

/// Looking on from the start or afterwards: the same answer, and the same numbers.
TEST(Stats, WithInspectOrWithout) {
  if (!tested().has_option("inspect")) GTEST_SKIP() << "the vendor needs nothing for it";
  const auto path = save(models::mlp(), "mlp_inspected");
  const auto input = random_tensor({4, 16}, 1);
  std::vector<HostTensor> outputs[2];
  Json stats[2];
  for (const int on : {0, 1}) {
    Model model;
    ASSERT_OK(tested().load(path, {{"inspect", std::to_string(on)}}, model));
    Context context;
    ASSERT_OK(context.open(model));
    std::vector<HostTensor> inputs = {input};
    for (int run = 0; run < 2; ++run) ASSERT_OK(context.run(inputs, outputs[on]));
    stats[on] = model.stats();
    EXPECT_EQ(model.stats(), stats[on]) << "asked twice";
    ASSERT_OK(context.run(inputs, outputs[on])) << "and it goes on";
  }
  EXPECT_EQ(stats[1]["precision"], "f32") << stats[1];
  if (stats[0]["precision"] != "unknown") {
    EXPECT_EQ(stats[0]["nodes"], stats[1]["nodes"]);
  }
  ASSERT_EQ(outputs[1].size(), 1U);
  EXPECT_TRUE(near(outputs[1][0], outputs[0][0], 1e-6, 1e-6));
}

/// What was asked for and what is said to have run agree, and so do the numbers.
TEST(Precision, EachOneThatTheProbeNames) {
  Text text;
  ASSERT_OK(take(tested().table().probe(tested().get(), text.sink())));
  const std::map<std::string, std::pair<std::string, double>> known = {
      {"fp32", {"f32", 1e-5}}, {"bf16", {"bf16", 0.05}}, {"fp16", {"f16", 0.01}}, {"fp64", {"f64", 1e-5}}};
  const auto input = random_tensor({4, 16}, 1);
  const auto path = save(models::mlp(), "mlp");
  const auto exact = run_once(oracle(), path, {input});
  const Json probed = text.json();
  ASSERT_TRUE(probed.contains("precisions") && !probed["precisions"].empty()) << probed;
  for (const auto& name : probed["precisions"]) {
    SCOPED_TRACE(name.dump());
    ASSERT_TRUE(known.contains(name.get<std::string>()));
    const auto& [reported, tolerance] = known.at(name.get<std::string>());
    const Json stats = stats_after_run(models::mlp(), "mlp", {{"precision", name}});
    EXPECT_TRUE(stats["precision"] == reported || (reported != "f32" && stats["precision"] == "mixed")) << stats;
    const auto actual = run_once(tested(), path, {input}, {{"precision", name}});
    ASSERT_EQ(actual.size(), 1U);
    EXPECT_TRUE(near(actual[0], exact[0], tolerance, tolerance));
  }
}

TEST(Profile, NamesNodes) {
  if (tested().table().profile == nullptr) {
    EXPECT_FALSE(tested().has_option("profile")) << "expected no option for what is not there";
    return;
  }
  Model model;
  ASSERT_OK(tested().load(save(models::mlp(), "mlp"), {}, model));
  Context context;
  ASSERT_OK(context.open(model));
  std::vector<HostTensor> inputs = {random_tensor({2, 16}, 1)}, outputs;
  ASSERT_OK(context.run(inputs, outputs));
  Text text;
  const Status status = take(tested().table().profile(context.get(), text.sink()));
  if (status.code == SP_UNSUPPORTED) return;  // a plug-in may need an option for it, and says so
  ASSERT_OK(status);
  EXPECT_FALSE(text.json().is_discarded()) << "expected JSON, got " << text.text();
}

}  // namespace
}  // namespace speedster::conformance
