/// Shapes that change from call to call, that depend on the data, that have no axes or no elements.
#include "conformance/harness.h"

namespace speedster::conformance {
namespace {

namespace models = testing::models;

/// One context runs all of these in turn, each against a fresh oracle.
void run_all(const std::filesystem::path& path, const std::vector<std::vector<HostTensor>>& calls, double tolerance,
             const Options& options = {}) {
  Model model, truth;
  ASSERT_OK(tested().load(path, options, model));
  ASSERT_OK(oracle().load(path, {}, truth));
  Context context, reference;
  ASSERT_OK(context.open(model));
  ASSERT_OK(reference.open(truth));
  for (std::size_t i = 0; i < calls.size(); ++i) {
    SCOPED_TRACE("call " + std::to_string(i) + " with " + describe(calls[i][0]));
    std::vector<HostTensor> inputs = calls[i], actual, expected;
    ASSERT_OK(context.run(inputs, actual));
    ASSERT_OK(reference.run(inputs, expected));
    for (std::size_t k = 0; k < expected.size(); ++k) EXPECT_TRUE(near(actual[k], expected[k], tolerance, tolerance));
  }
}

TEST(Shapes, BatchChangesFromCallToCall) {
  std::vector<std::vector<HostTensor>> calls;
  for (const std::int64_t batch : {1, 7, 2, 64, 1, 3})
    calls.push_back({random_tensor({batch, 16}, static_cast<std::uint64_t>(batch))});
  run_all(save(models::mlp(), "mlp"), calls, 1e-5);
}

TEST(Shapes, EveryAxisIsFree) {
  std::vector<std::vector<HostTensor>> calls;
  for (const auto& [m, k, n] : {std::tuple{1, 1, 1}, {5, 3, 2}, {2, 17, 9}, {16, 16, 16}, {1, 64, 1}})
    calls.push_back({random_tensor({m, k}, 1), random_tensor({k, n}, 2)});
  run_all(save(models::dynamic_matmul(), "dynamic_matmul"), calls, 1e-5);
}

TEST(Shapes, HeightAndWidth) {
  std::vector<std::vector<HostTensor>> calls;
  for (const auto& [b, h, w] : {std::tuple{1, 8, 8}, {2, 13, 17}, {1, 32, 9}, {3, 5, 5}})
    calls.push_back({random_tensor({b, 3, h, w}, 5)});
  run_all(save(models::small_cnn(), "small_cnn"), calls, 1e-5);
}

TEST(Shapes, BatchAndSequence) {
  std::vector<std::vector<HostTensor>> calls;
  for (const auto& [b, s] : {std::pair{1, 1}, {2, 5}, {1, 33}, {4, 2}}) calls.push_back({random_tensor({b, s, 8}, 6)});
  run_all(save(models::attention(), "attention"), calls, 1e-5);
}

/// What the vendor keeps of one compilation does not answer for another: with OpenVINO's kernels of the first, 33 after
/// 1 is wrong.
TEST(Shapes, WhatIsKeptIsNotThatOfOtherOptions) {
  if (!tested().has_option("cache_dir")) GTEST_SKIP() << "the vendor keeps nothing";
  const auto path = save(models::attention(), "attention_kept");
  const auto folder = path.parent_path() / "kept";
  const Options kept = {{"cache_dir", folder.string()}};
  Options otherwise = kept;
  if (tested().has_option("fusion"))
    otherwise["fusion"] = "on";
  else
    otherwise["optimization"] = "basic";
  Model model;
  ASSERT_OK(tested().load(path, otherwise, model));
  for (int again = 0; again < 2; ++again)
    run_all(path, {{random_tensor({1, 1, 8}, 6)}, {random_tensor({1, 33, 8}, 7)}, {random_tensor({2, 5, 8}, 8)}}, 1e-5,
            kept);
  const auto folders = std::distance(std::filesystem::directory_iterator(folder), {});
  EXPECT_EQ(folders, 2) << "expected one for each set of options, and the second load to answer from it";
}

/// What was cut off, by a full disk or a kill, is refused or made again; no call answers from it.
TEST(Shapes, WhatIsKeptAndCutOffIsNotUsed) {
  if (!tested().has_option("cache_dir")) GTEST_SKIP() << "the vendor keeps nothing";
  const auto path = save(models::small_cnn(), "cnn_cut");
  const auto folder = path.parent_path() / "cut";
  const Options kept = {{"cache_dir", folder.string()}};
  const std::vector<std::vector<HostTensor>> calls = {{random_tensor({1, 3, 8, 8}, 5)}};
  run_all(path, calls, 1e-5, kept);
  std::size_t cut = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.file_size() < 2) continue;
    std::filesystem::resize_file(entry.path(), entry.file_size() / 2);
    ++cut;
  }
  EXPECT_GT(cut, 0U) << "expected a vendor that keeps something";
  Model model;
  if (tested().load(path, kept, model).ok()) run_all(path, calls, 1e-5, kept);
}

/// A vendor's fast path must not swallow what the slow one tells.
TEST(Shapes, AnImpossibleTargetFailsInEveryCall) {
  testing::OnnxWriter m;
  using testing::OnnxType;
  m.input("x", OnnxType::kFloat, {2, 3}).input("shape", OnnxType::kInt64, {2});
  m.output("y", OnnxType::kFloat, {"a", "b"}).node("Reshape", {"x", "shape"}, {"r"}).node("Relu", {"r"}, {"y"});
  Model model;
  ASSERT_OK(tested().load(save(m, "reshape_by_value"), {}, model));
  Context context;
  ASSERT_OK(context.open(model));
  const auto call = [&](std::int64_t rows, std::int64_t columns, std::vector<HostTensor>& outputs) {
    std::vector<HostTensor> inputs = {random_tensor({2, 3}, 1), tensor<std::int64_t>({2}, {rows, columns})};
    return context.run(inputs, outputs);
  };
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    std::vector<HostTensor> outputs;
    for (int good = 0; good < 3; ++good) ASSERT_OK(call(3, 2, outputs));
    EXPECT_FALSE(call(4, 2, outputs).ok()) << "expected no result of a shape that cannot be";
    ASSERT_OK(call(6, 1, outputs)) << "expected a failure to have no effect on a later execution";
    EXPECT_EQ(outputs.at(0).shape, (Extents{6, 1}));
  }
}

TEST(Shapes, DependOnTheData) {
  Model model;
  ASSERT_OK(tested().load(save(models::nonzero(), "nonzero"), {}, model));
  Context context;
  ASSERT_OK(context.open(model));
  const std::pair<std::vector<float>, std::vector<std::int64_t>> cases[] = {
      {{0, 1, 0, 2, 0}, {1, 3}}, {{1, 1, 1, 1, 1}, {0, 1, 2, 3, 4}}, {{0, 0, 0, 0, 0}, {}}, {{0, 0, 3}, {2}}};
  for (const auto& [values, expected] : cases) {
    std::vector<HostTensor> inputs = {tensor<float>({static_cast<std::int64_t>(values.size())}, values)}, outputs;
    ASSERT_OK(context.run(inputs, outputs));
    EXPECT_TRUE(
        near(outputs[0], tensor<std::int64_t>({1, static_cast<std::int64_t>(expected.size())}, expected), 0, 0));
  }
}

TEST(Shapes, DependOnTheDataWithBoundOutput) {
  Model model;
  ASSERT_OK(tested().load(save(models::nonzero(), "nonzero"), {}, model));
  Context context;
  ASSERT_OK(context.open(model));
  HostTensor room({kDLInt, 64, 1}, {1, 3}, 24);
  ASSERT_OK(context.bind_output(0, room));
  HostTensor few = tensor<float>({5}, {0, 1, 0, 2, 0}), many = tensor<float>({5}, {1, 1, 1, 1, 1}), result;
  bool in_bound_memory = false;
  ASSERT_OK(context.bind_input(0, few));
  ASSERT_OK(context.execute());
  ASSERT_OK(context.output(0, result, &in_bound_memory));
  EXPECT_TRUE(in_bound_memory) << "expected two indices to fit where three do";
  EXPECT_TRUE(near(result, tensor<std::int64_t>({1, 2}, {1, 3}), 0, 0));
  EXPECT_EQ(room.as<std::int64_t>()[1], 3);
  ASSERT_OK(context.bind_input(0, many));
  ASSERT_OK(context.execute());
  ASSERT_OK(context.output(0, result, &in_bound_memory));
  EXPECT_FALSE(in_bound_memory) << "expected five indices not to fit where three do";
  EXPECT_TRUE(near(result, tensor<std::int64_t>({1, 5}, {0, 1, 2, 3, 4}), 0, 0));
}

TEST(Shapes, Scalars) {
  Model model;
  ASSERT_OK(tested().load(save(models::scalar(), "scalar"), {}, model));
  EXPECT_EQ(model.signature().input[0]->rank, 0);
  Context context;
  ASSERT_OK(context.open(model));
  std::vector<HostTensor> inputs = {tensor<float>({}, {1.5F}), tensor<float>({}, {2.25F})}, outputs;
  ASSERT_OK(context.run(inputs, outputs));  // rank 0: the shape pointer is NULL
  EXPECT_TRUE(near(outputs[0], tensor<float>({}, {3.75F}), 0, 0));
}

TEST(Shapes, OfUnknownRank) {
  testing::OnnxWriter unranked;
  unranked.unranked_input("x", testing::OnnxType::kFloat).unranked_output("y", testing::OnnxType::kFloat);
  unranked.node("Neg", {"x"}, {"y"});
  Model model;
  const Status loaded = tested().load(save(unranked, "unranked"), {}, model);
  if (loaded.code == SP_UNSUPPORTED) {  // a vendor that has no such inputs says so when the model is loaded
    EXPECT_NE(loaded.message.find("a known rank, got 'x'"), std::string::npos) << loaded.message;
    return;
  }
  ASSERT_OK(loaded);
  EXPECT_EQ(model.signature().input[0]->rank, -1);
  EXPECT_EQ(model.signature().output[0]->rank, -1);
  Context context;
  ASSERT_OK(context.open(model));
  for (const Extents& shape : {Extents{2, 3}, Extents{6}, Extents{1, 2, 3}, Extents{2, 3}}) {
    std::vector<HostTensor> inputs = {tensor<float>(shape, {1, 2, 3, 4, 5, 6})}, outputs;
    ASSERT_OK(context.run(inputs, outputs));
    EXPECT_TRUE(near(outputs[0], tensor<float>(shape, {-1, -2, -3, -4, -5, -6}), 0, 0));
  }
}

TEST(Shapes, NoElements) {
  Model model;
  ASSERT_OK(tested().load(save(models::empty(), "empty"), {}, model));
  Context context;
  ASSERT_OK(context.open(model));
  std::vector<HostTensor> none = {tensor<float>({0, 3}, {})}, some = {tensor<float>({1, 3}, {1, 2, 3})}, outputs;
  ASSERT_OK(context.run(none, outputs));  // no elements: the data pointer is NULL
  EXPECT_TRUE(near(outputs[0], tensor<float>({0, 3}, {}), 0, 0));
  ASSERT_OK(context.run(some, outputs));
  EXPECT_TRUE(near(outputs[0], tensor<float>({1, 3}, {2, 4, 6}), 0, 0));
  ASSERT_OK(context.run(none, outputs));
  EXPECT_EQ(outputs[0].shape, (Extents{0, 3}));
}

TEST(Shapes, EmptyIntoBoundOutput) {
  Model model;
  ASSERT_OK(tested().load(save(models::empty(), "empty"), {}, model));
  Context context;
  ASSERT_OK(context.open(model));
  HostTensor none = tensor<float>({0, 3}, {}), room = tensor<float>({0, 3}, {}), result;
  ASSERT_OK(context.bind_input(0, none));
  ASSERT_OK(context.bind_output(0, room));
  ASSERT_OK(context.execute());
  ASSERT_OK(context.output(0, result));
  EXPECT_EQ(result.shape, (Extents{0, 3}));
}

TEST(Shapes, EmptyJoinsSomething) {
  run_all(save(models::rows(), "rows"),
          {{tensor<float>({0, 3}, {})}, {tensor<float>({1, 3}, {7, 8, 9})}, {tensor<float>({0, 3}, {})}}, 0);
}

}  // namespace
}  // namespace speedster::conformance
