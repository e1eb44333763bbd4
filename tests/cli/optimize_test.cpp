#include "cli/optimize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <speedster/tensor.h>

#include <optional>

#include "base/files.h"
#include "cli/parse.h"
#include "search/command_line.h"
#include "support.h"
#include "unit/report/example.h"

namespace speedster::cli {
namespace {

using cli_test::Ran;
using testing::ElementsAre;
using testing::HasSubstr;

/// Parses the words and returns the request that the search was given.
std::optional<OptimizeRequest> request_of(std::vector<std::string> words, Ran* ran = nullptr) {
  std::optional<OptimizeRequest> seen;
  words.insert(words.begin(), "optimize");
  const Ran done = cli_test::run(words, {optimize_command([&](const OptimizeRequest& request) -> Result<Report> {
                                   seen = request;
                                   return report_test::example_report();
                                 })});
  if (ran != nullptr) *ran = done;
  return seen;
}

TEST(OptimizeOptions, DefaultsAreThoseOfTheRequest) {
  const auto request = request_of({"m.onnx", "--data", "x.npz"});
  ASSERT_TRUE(request);
  EXPECT_EQ(request->model, "m.onnx");
  EXPECT_EQ(request->data, "x.npz");
  EXPECT_EQ(request->threads, 0);
  EXPECT_FALSE(request->metric_drop);
  EXPECT_FALSE(request->time_budget_seconds);
  EXPECT_TRUE(request->use_cache);
  EXPECT_EQ(request->candidate_timeout_seconds, 600);
}

TEST(OptimizeOptions, FillEveryField) {
  const auto request = request_of({"m.onnx",
                                   "-o",
                                   "m.speedster",
                                   "--data",
                                   "random:7",
                                   "--labels",
                                   "l.txt",
                                   "--shapes",
                                   "a=1x3,b=2",
                                   "--range",
                                   "a=0:5",
                                   "--metric-command",
                                   "python3 'my m.py' {original}",
                                   "--metric-drop",
                                   "0.01",
                                   "--metric-confidence",
                                   "0.95",
                                   "--output",
                                   "logits",
                                   "--p99",
                                   "5ms",
                                   "--max-load-time",
                                   "1.5s",
                                   "--max-memory",
                                   "400MB",
                                   "--max-size",
                                   "1GiB",
                                   "--backends",
                                   "onnxruntime,openvino",
                                   "--precisions",
                                   "fp32,static-int8",
                                   "--exclude",
                                   "nncf",
                                   "--exclude",
                                   "*-bf16",
                                   "--exclude-nodes",
                                   "/head/*",
                                   "--disable-pass",
                                   "affine-after,affine-before",
                                   "--candidates",
                                   "c.json",
                                   "--threads",
                                   "2",
                                   "--objective",
                                   "throughput",
                                   "--concurrency",
                                   "4",
                                   "--interval",
                                   "33ms",
                                   "--spinning",
                                   "off",
                                   "--arena",
                                   "on",
                                   "--optimization-level",
                                   "extended",
                                   "--session",
                                   "mem_pattern=0",
                                   "--time-budget",
                                   "1m30s",
                                   "--candidate-timeout",
                                   "20s",
                                   "--memory-limit",
                                   "2GiB",
                                   "--seed",
                                   "18446744073709551615",
                                   "--no-cache"});
  ASSERT_TRUE(request);
  EXPECT_EQ(request->output, "m.speedster");
  EXPECT_EQ(request->data, "random:7");
  EXPECT_EQ(request->labels, "l.txt");
  EXPECT_EQ(request->shapes.at("a"), (Shape{1, 3}));
  EXPECT_EQ(request->ranges.at("a"), std::pair(0.0, 5.0));
  EXPECT_THAT(request->metric_command, ElementsAre("python3", "my m.py", "{original}"));
  EXPECT_EQ(request->metric_drop, 0.01);
  EXPECT_EQ(request->metric_confidence, 0.95);
  EXPECT_EQ(request->output_name, "logits");
  EXPECT_EQ(request->max_p99_seconds, 0.005);
  EXPECT_EQ(request->max_load_seconds, 1.5);
  EXPECT_EQ(request->max_memory_bytes, 400000000U);
  EXPECT_EQ(request->max_size_bytes, 1U << 30U);
  EXPECT_THAT(request->backends, ElementsAre("onnxruntime", "openvino"));
  EXPECT_THAT(request->precisions, ElementsAre("fp32", "static-int8"));
  EXPECT_THAT(request->exclude, ElementsAre("nncf", "*-bf16"));
  EXPECT_THAT(request->exclude_nodes, ElementsAre("/head/*"));
  EXPECT_THAT(request->disable_passes, ElementsAre("affine-after", "affine-before"));
  EXPECT_EQ(request->candidates, "c.json");
  EXPECT_EQ(request->threads, 2);
  EXPECT_EQ(request->objective, "throughput");
  EXPECT_EQ(request->concurrency, 4);
  EXPECT_EQ(request->interval_seconds, 0.033);
  EXPECT_EQ(request->session,
            (std::map<std::string, std::string>{
                {"arena", "1"}, {"mem_pattern", "0"}, {"optimization", "extended"}, {"spinning", "0"}}));
  EXPECT_EQ(request->time_budget_seconds, 90);
  EXPECT_EQ(request->candidate_timeout_seconds, 20);
  EXPECT_EQ(request->memory_limit_bytes, 2147483648U);
  EXPECT_EQ(request->seed, 18446744073709551615U);
  EXPECT_FALSE(request->use_cache);
}

TEST(OptimizeOptions, AListTakesOneWordOnly) {
  const auto request = request_of({"--exclude", "nncf", "m.onnx", "--data", "x.npz"});
  ASSERT_TRUE(request);
  EXPECT_EQ(request->model, "m.onnx");
}

TEST(OptimizeOptions, TheCommandLineCanBePastedBack) {
  const auto request = request_of({"my model.onnx", "--data", "x.npz"});
  ASSERT_TRUE(request);
  EXPECT_EQ(request->command_line, "speedster optimize 'my model.onnx' --data x.npz");
}

/// The command of a request, parsed again.
std::optional<OptimizeRequest> again(const OptimizeRequest& request) {
  const auto words = split_command(search::command_of(request), "the command");
  EXPECT_TRUE(words.ok()) << words.error().full_message();
  if (!words.ok()) return std::nullopt;
  return request_of({words->begin() + 2, words->end()});  // without "speedster optimize"
}

TEST(OptimizeOptions, ARequestFromCxxHasACommandThatAsksTheSame) {
  OptimizeRequest request;
  request.model = "my model.onnx";
  request.output = "out.speedster";
  request.data = "random:3";
  request.labels = "l.npy";
  request.shapes = {{"a", {1, 3}}, {"b", {2}}};
  request.ranges = {{"a", {-0.5, 5}}};
  request.axes = {{"width", {80, 320, 1280}}};
  request.metric_command = {"python3", "it's.py", "{original}"};
  request.metric_drop = 0.015;
  request.metric_confidence = 0.9;
  request.output_name = "y";
  request.backends = {"openvino", "onnxruntime"};
  request.precisions = {"fp32"};
  request.exclude = {"*int8*"};
  request.exclude_nodes = {"head", "Softmax"};
  request.disable_passes = {"affine-after"};
  request.threads = 3;
  request.session = {{"arena", "0"}, {"streams", "2"}};
  request.concurrency = 2;
  request.time_budget_seconds = 90.5;
  request.candidate_timeout_seconds = 61;
  request.memory_limit_bytes = 123456789;
  request.seed = 42;
  request.use_cache = false;
  const auto read = again(request);
  ASSERT_TRUE(read);
  EXPECT_EQ(search::command_of(*read), search::command_of(request)) << "nothing is lost on the way";
  EXPECT_EQ(read->model, request.model);
  EXPECT_EQ(read->metric_command, request.metric_command);
  EXPECT_EQ(read->shapes, request.shapes);
  EXPECT_EQ(read->ranges, request.ranges);
  EXPECT_EQ(read->session, request.session);
  EXPECT_EQ(read->exclude_nodes, request.exclude_nodes);
  EXPECT_EQ(read->disable_passes, request.disable_passes);
  EXPECT_EQ(read->time_budget_seconds, request.time_budget_seconds);
  EXPECT_EQ(read->memory_limit_bytes, request.memory_limit_bytes);
  EXPECT_FALSE(read->use_cache);
}

TEST(OptimizeOptions, TheCommandThatAcceptsHoldsTheDrop) {
  OptimizeRequest request;
  request.model = "m.onnx";
  request.data = "x.npz";
  request.metric_drop = 0.001;
  const search::Settings budget = {search::budget_setting(0.01234)};
  EXPECT_EQ(search::accept_command(request, budget), "speedster optimize m.onnx --data x.npz --metric-drop 0.013");
  request.command_line = "speedster optimize m.onnx --metric-drop=0.001 --data x.npz";
  EXPECT_EQ(search::accept_command(request, budget), "speedster optimize m.onnx --data x.npz --metric-drop 0.013");
}

TEST(OptimizeOptions, TheCommandThatAcceptsHoldsTheLimits) {
  OptimizeRequest request;
  request.model = "m.onnx";
  request.data = "x.npz";
  request.max_size_bytes = 1000000;
  request.max_p99_seconds = 0.005;
  const search::Settings settings = {{"--max-size", "2MB"}, {"--p99", "7ms"}};
  EXPECT_EQ(search::accept_command(request, settings),
            "speedster optimize m.onnx --data x.npz --max-size 2MB --p99 7ms");
  request.command_line = "speedster optimize --p99 5ms m.onnx --data x.npz --max-size 1MB";
  EXPECT_EQ(search::accept_command(request, settings),
            "speedster optimize m.onnx --data x.npz --max-size 2MB --p99 7ms");
  EXPECT_EQ(search::accept_command(request, {{"--max-size", "2MB"}}),
            "speedster optimize --p99 5ms m.onnx --data x.npz --max-size 2MB");
}

TEST(OptimizeOptions, WrongValuesAreUsage) {
  const std::vector<std::vector<std::string>> wrong = {{},
                                                       {"m.onnx", "--threads", "-1"},
                                                       {"m.onnx", "--threads", "two"},
                                                       {"m.onnx", "--concurrency", "0"},
                                                       {"m.onnx", "--time-budget", "soon"},
                                                       {"m.onnx", "--time-budget", "0"},
                                                       {"m.onnx", "--precisions", "int4"},
                                                       {"m.onnx", "--spinning", "maybe"},
                                                       {"m.onnx", "--optimization-level", "9"},
                                                       {"m.onnx", "--shapes", "a"},
                                                       {"m.onnx", "--metric-drop", "small"},
                                                       {"m.onnx", "--metric", "mse", "--metric-command", "x"},
                                                       {"m.onnx", "--report", "/no/such/folder/r.json"},
                                                       {"m.onnx", "--html", "/tmp"}};
  for (const auto& words : wrong) {
    Ran ran;
    EXPECT_FALSE(request_of(words, &ran)) << (words.empty() ? "" : words.back());
    EXPECT_EQ(ran.code, kUsage);
    EXPECT_THAT(ran.err, HasSubstr("expected"));
  }
}

TEST(Optimize, PrintsTheTableAndWritesTheReports) {
  auto folder = TempDir::create("cli");
  ASSERT_TRUE(folder);
  const fs::path json = folder->path() / "r.json", html = folder->path() / "r.html";
  Ran ran;
  ASSERT_TRUE(request_of({"m.onnx", "--report", json.string(), "--html", html.string()}, &ran));
  EXPECT_EQ(ran.code, kOk);
  EXPECT_THAT(ran.out, HasSubstr("improvement"));
  EXPECT_TRUE(report_from_json(*read_file(json)));
  EXPECT_THAT(*read_file(html), HasSubstr("<!doctype html>"));
}

TEST(Optimize, JsonIsTheReport) {
  Ran ran;
  request_of({"m.onnx", "--json"}, &ran);
  EXPECT_TRUE(report_from_json(ran.out));
}

TEST(Optimize, OutcomesHaveTheirExitCodes) {
  for (const auto& [outcome, code] : {std::pair<const char*, int>{"optimized", kOk},
                                      {"original kept", kOriginalKept},
                                      {"cancelled", kCancelled},
                                      {"time", kTime}}) {
    const Ran ran =
        cli_test::run({"optimize", "m.onnx"}, {optimize_command([&](const OptimizeRequest&) -> Result<Report> {
                        Report report = report_test::example_report();
                        report.outcome = outcome;
                        return report;
                      })});
    EXPECT_EQ(ran.code, code) << outcome;
  }
}

TEST(Optimize, ShowsProgressAndWarningsOnStderrOnly) {
  const Command command = optimize_command([&](const OptimizeRequest& request) -> Result<Report> {
    if (request.progress) request.progress({.stage = "race", .candidates_total = 3});
    request.log(1, "detail");
    request.log(2, "the machine is busy");
    return report_test::example_report();
  });
  const Ran ran = cli_test::run({"optimize", "m.onnx", "--json"}, {command});
  EXPECT_THAT(ran.err, HasSubstr("race  0 of 3 done"));
  EXPECT_THAT(ran.err, HasSubstr("warning: the machine is busy"));
  EXPECT_THAT(ran.err, testing::Not(HasSubstr("detail")));
  EXPECT_TRUE(report_from_json(ran.out));
  const Ran quiet = cli_test::run({"optimize", "m.onnx", "-q", "-v"}, {command});
  EXPECT_THAT(quiet.err, testing::Not(HasSubstr("race")));
  EXPECT_THAT(quiet.err, HasSubstr("info: detail"));
}

}  // namespace
}  // namespace speedster::cli
