#include "optimize/replay.h"

#include <gmock/gmock.h>

#include <limits>

#include "base/files.h"
#include "base/json.h"

namespace speedster {
namespace {

using testing::HasSubstr;

class Replayed : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::create("replay-");
    ASSERT_TRUE(folder.ok());
    folder_.emplace(std::move(*folder));
    const Json chain = {{"name", "original"}, {"backend", "onnxruntime"}, {"options", {{"precision", "fp32"}}}};
    told_ = {{"original_chain", chain},
             {"winning_chain", {{"name", "w"}, {"backend", "openvino"}, {"options", {{"precision", "bf16"}}}}},
             {"metric", "top_k:5"},
             {"metric_command", Json::array()},
             {"metric_drop", 0.01},
             {"metric_confidence", 0.95},
             {"output", "y"},
             {"data", "old.npz"},
             {"labels", "old.txt"},
             {"shapes", {{"x", {1, 3}}}},
             {"ranges", {{"ids", {0, 9}}}},
             {"axes", {{"batch", {1, 4, 8}}}},
             {"threads", 64},
             {"threads_given", 3},
             {"concurrency", 2},
             {"seed", 7}};
    request_.model = "new.onnx";
    request_.recipe = (folder_->path() / "report.json").string();
  }
  Result<OptimizeRequest> replay() {
    SPEEDSTER_ASSIGN(Replay made, whole());
    return std::move(made.request);
  }
  Result<Replay> whole() {
    const auto written = write_file(request_.recipe, to_text(Json{{"provenance", told_}}, 1));
    if (!written.ok()) return written.error();
    return replayed(request_);
  }

  Json told_;
  OptimizeRequest request_;

 private:
  std::optional<TempDir> folder_;
};

TEST_F(Replayed, WhatTheRequestLeavesEmptyIsTheReports) {
  const auto request = replay();
  ASSERT_TRUE(request.ok()) << request.error().full_message();
  EXPECT_EQ(request->model, "new.onnx");
  EXPECT_EQ(request->data, "old.npz");
  EXPECT_EQ(request->labels, "old.txt");
  EXPECT_EQ(request->metric, "top_k:5");
  EXPECT_EQ(request->metric_drop, 0.01);
  EXPECT_EQ(request->metric_confidence, 0.95);
  EXPECT_EQ(request->output_name, "y");
  EXPECT_EQ(request->shapes.at("x"), (std::vector<std::int64_t>{1, 3}));
  EXPECT_EQ(request->ranges.at("ids"), (std::pair<double, double>{0, 9}));
  EXPECT_EQ(request->axes.at("batch").opt, 4);
  EXPECT_EQ(request->threads, 3);
  EXPECT_EQ(request->concurrency, 2);
  EXPECT_EQ(request->seed, 7U);
  const auto chains = whole();
  ASSERT_TRUE(chains->chains.original);
  EXPECT_EQ(chains->chains.original->backend, "onnxruntime");
  ASSERT_EQ(chains->chains.candidates.size(), 1U);
  EXPECT_EQ(chains->chains.candidates.front().options.at("precision"), "bf16");
  told_["threads_given"] = 0;
  told_["seed"] = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(replay()->threads, 0) << "the default of then is the default of now";
  EXPECT_EQ(replay()->seed, std::numeric_limits<std::uint64_t>::max());
}

TEST_F(Replayed, WhatTheRequestSaysStays) {
  request_.data = "new.npz";
  request_.metric = "mse";
  request_.metric_drop = 0.5;
  request_.threads = 1;
  request_.shapes["x"] = {2, 3};
  const auto request = replay();
  ASSERT_TRUE(request.ok()) << request.error().full_message();
  EXPECT_EQ(request->data, "new.npz");
  EXPECT_EQ(request->labels, "") << "labels belong to their data";
  EXPECT_EQ(request->metric, "mse");
  EXPECT_EQ(request->metric_drop, 0.5);
  EXPECT_FALSE(request->metric_confidence) << "a bound belongs to its budget";
  EXPECT_EQ(request->threads, 1);
  EXPECT_EQ(request->shapes.at("x"), (std::vector<std::int64_t>{2, 3}));
}

TEST_F(Replayed, ABudgetIsNeverTakenForAnotherMetric) {
  request_.metric = "mse";
  EXPECT_EQ(replay().error().kind(), ErrorKind::kUsage);
  EXPECT_THAT(replay().error().message(), HasSubstr("top_k:5"));
  request_.metric = "top_k:5";
  EXPECT_EQ(replay()->metric_drop, 0.01);
  request_.metric = "";
  request_.metric_command = {"true"};
  EXPECT_EQ(replay().error().kind(), ErrorKind::kUsage);
  request_.metric_drop = 0.2;
  EXPECT_EQ(replay()->metric_drop, 0.2);
}

TEST_F(Replayed, AProgramIsNeverTakenFromAFile) {
  told_["metric_command"] = {"python3", "my metric.py", "{original}"};
  const auto refused = replay();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind(), ErrorKind::kUsage);
  EXPECT_THAT(refused.error().message(), HasSubstr("my metric.py")) << "what to type";
  request_.metric_command = {"true"};
  const auto request = replay();
  ASSERT_TRUE(request.ok()) << request.error().full_message();
  EXPECT_EQ(request->metric_command, (std::vector<std::string>{"true"}));
  EXPECT_EQ(request->metric, "");
  EXPECT_EQ(request->metric_drop, 0.01) << "in the figure of a program, as then";
}

TEST_F(Replayed, WhatIsNoReportIsRefused) {
  const Json good = told_;
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, Json>>{{"threads_given", -1},
                                                 {"threads_given", 5000},
                                                 {"concurrency", 0},
                                                 {"seed", "seven"},
                                                 {"axes", {{"batch", {1, 2}}}},
                                                 {"shapes", {{"x", {1, "a"}}}},
                                                 {"metric_command", 5},
                                                 {"winning_chain", {{"name", "../w"}, {"backend", "b"}}},
                                                 {"winning_chain", {{"name", "original"}, {"backend", "b"}}},
                                                 {"data", Json::array()},
                                                 {"shape_mix", Json::array({1})},
                                                 {"shape_mix", Json::array({{{"shapes", {{"x", {1}}}}}})}}) {
    told_ = good;
    told_[key] = value;
    const auto refused = replay();
    ASSERT_FALSE(refused.ok()) << key << " " << value;
    EXPECT_EQ(refused.error().kind(), ErrorKind::kBadInput) << refused.error().full_message();
    EXPECT_THAT(refused.error().message(), testing::AllOf(HasSubstr("[recipe] expected"), HasSubstr("; try what")));
  }
  told_ = good;
  told_.erase("winning_chain");
  EXPECT_THAT(replay().error().message(), HasSubstr("kept the original"));
  ASSERT_TRUE(write_file(request_.recipe, "{}").ok());
  EXPECT_THAT(replayed(request_).error().message(), HasSubstr("another file"));
  ASSERT_TRUE(write_file(request_.recipe, "no JSON").ok());
  EXPECT_EQ(replayed(request_).error().kind(), ErrorKind::kBadInput);
}

TEST_F(Replayed, AMixOfShapesIsTakenWhereNoShapesAreGiven) {
  told_.erase("shapes");
  told_["shape_mix"] = {{{"shapes", {{"x", {1, 3}}}}, {"share", 3}}, {{"shapes", {{"x", {8, 3}}}}, {"share", 0.5}}};
  const auto request = replay();
  ASSERT_TRUE(request.ok()) << request.error().full_message();
  ASSERT_EQ(request->shape_mix.size(), 2U);
  EXPECT_EQ(request->shape_mix[1].shapes.at("x"), (std::vector<std::int64_t>{8, 3}));
  EXPECT_EQ(request->shape_mix[1].share, 0.5);
  request_.shapes["x"] = {2, 3};
  const auto own = replay();
  ASSERT_TRUE(own.ok());
  EXPECT_TRUE(own->shape_mix.empty());
}

}  // namespace
}  // namespace speedster
