/// The worker as the search drives it, on the reference backend: steps in jobs, then a served draft that checks and
/// times.
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <fstream>

#include "base/files.h"
#include "hardware/cpu.h"
#include "job/failures.h"
#include "job/job.h"
#include "job/sanitizer.h"
#include "model/signature.h"
#include "onnx/model.h"
#include "package/manifest.h"
#include "samples/store.h"
#include "support/models.h"
#include "tensor/difference.h"

namespace speedster {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::size_t kSamples = 6;

class Worker : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::create("speedster-worker-test-");
    ASSERT_TRUE(folder.ok());
    folder_.emplace(std::move(*folder));
    ::setenv("SPEEDSTER_STATE_DIR", path("state").c_str(), 1);
    ::setenv("SPEEDSTER_CACHE_DIR", path("cache").c_str(), 1);
    const auto worker = job::find_worker();
    ASSERT_TRUE(worker.ok()) << worker.error().message();
    auto supervisor = job::Supervisor::start(*worker, Log());
    ASSERT_TRUE(supervisor.ok()) << supervisor.error().message();
    supervisor_ = std::move(*supervisor);
    auto cache = job::JobCache::open(path("cache") / "jobs", std::uint64_t{1} << 40U);
    ASSERT_TRUE(cache.ok());
    cache_.emplace(std::move(*cache));
    use(testing::models::mlp());
  }
  void TearDown() override {
    cache_.reset();
    supervisor_.reset();
    folder_.reset();
  }

  fs::path path(const std::string& name) const { return folder_->path() / name; }

  /// The model, and samples for it with dynamic axes of this extent.
  void use(const testing::OnnxWriter& writer, std::int64_t extent = 2) {
    fs::create_directories(path("model"));
    model_ = path("model") / "model.onnx";
    writer.save(model_);
    const auto model = onnx_model::OnnxModel::read(model_);
    ASSERT_TRUE(model.ok()) << model.error().message();
    const auto signature = model->signature();
    ASSERT_TRUE(signature.ok());
    signature_ = *signature;
    samples::SampleOptions options;
    options.random = true;
    options.random_count = kSamples;
    for (const TensorSpec& input : signature_.inputs) {
      Shape shape = input.shape();
      for (std::int64_t& size : shape) size = size < 0 ? extent : size;
      options.shapes[input.name] = shape;
    }
    const auto store = samples::build_store(options, signature_, path("store"));
    ASSERT_TRUE(store.ok()) << store.error().message();
  }

  job::JobRequest request(const std::string& step, const Json& options) const {
    job::JobRequest request;
    request.step = step;
    request.inputs["model"] = model_;
    request.options = options;
    request.limits.threads = 1;
    return request;
  }
  job::JobRequest rewrite_request(const Json& more = Json::object()) const {
    job::JobRequest rewrite = request("rewrite", {{"backend", "reference"}});
    rewrite.options.update(more);
    rewrite.inputs["samples"] = path("store");
    rewrite.owned = {"samples"};
    return rewrite;
  }
  job::JobResult run(const job::JobRequest& request) {
    auto result = cache_->run(*supervisor_, request, Deadline::in(120), CancelToken());
    EXPECT_TRUE(result.ok()) << result.error().message();
    return result ? *result : job::JobResult();
  }
  static Json compile_options(const Json& load = Json::object(), const std::string& backend = "reference") {
    return {{"name", "draft"}, {"backend", backend},     {"format", "onnx"},
            {"load", load},    {"techniques", {"none"}}, {"threads", 1}};
  }
  job::JobResult compile(const fs::path& model, const Json& load = Json::object()) {
    job::JobRequest compile = request("compile", compile_options(load));
    compile.inputs["model"] = model;
    compile.options["signature"] = to_json(signature_);
    return run(compile);
  }

  /// A child that serves the draft, with shared memory for its outputs.
  job::Child serve() {
    shared_ = UniqueFd(::memfd_create("outputs", MFD_CLOEXEC));
    job::Command command;
    command.argv = {supervisor_->worker().string(), "serve"};
    command.directory = path("serve" + std::to_string(served_++));
    fs::create_directories(command.directory);
    command.descriptors = {shared_.get()};
    auto child = supervisor_->spawn(command);
    EXPECT_TRUE(child.ok()) << child.error().message();
    if (!child) std::abort();
    return std::move(*child);
  }
  static Result<Json> call(job::Child& child, const Json& request) {
    return child.call(request, Deadline::in(120), CancelToken());
  }
  Json answer(job::Child& child, const Json& request) {
    auto reply = call(child, request);
    EXPECT_TRUE(reply.ok()) << reply.error().message();
    return reply ? *reply : Json::object();
  }
  Json load(job::Child& child, const fs::path& package, const Json& more = Json::object()) {
    Json request = {{"op", "load"}, {"package", package.string()}, {"threads", 1}, {"samples", path("store").string()}};
    request.update(more);
    return answer(child, request);
  }
  /// The floats of one output in the shared memory.
  std::vector<float> floats(const Json& output) const {
    std::vector<float> values(output.value("bytes", 0U) / sizeof(float));
    const auto got = ::pread(shared_.get(), values.data(), values.size() * sizeof(float), output.value("offset", 0));
    EXPECT_EQ(static_cast<std::size_t>(got), values.size() * sizeof(float));
    return values;
  }

  std::optional<TempDir> folder_;
  std::unique_ptr<job::Supervisor> supervisor_;
  std::optional<job::JobCache> cache_;
  fs::path model_;
  Signature signature_;
  UniqueFd shared_;
  int served_ = 0;
};

double relative_l2(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(a[i] - b[i], 2);
    norm += std::pow(a[i], 2);
  }
  return std::sqrt(difference / norm);
}

TEST_F(Worker, CompileWritesADraftWithOneVariant) {
  const job::JobResult job = compile(model_);
  ASSERT_TRUE(job.ok()) << to_text(job.result);
  EXPECT_EQ(job.result["files"]["package"], "out/package");
  const auto loaded = package::read_manifest(job.directory / "out" / "package");
  ASSERT_TRUE(loaded.ok()) << loaded.error().message();
  const package::EntryPoint& entry = loaded->manifest.entries.at("main");
  ASSERT_EQ(entry.variants.size(), 1U);
  EXPECT_EQ(entry.variants[0].name, "draft");
  EXPECT_EQ(entry.variants[0].backend, "reference");
  EXPECT_TRUE(fs::exists(job.directory / "out" / "package" / entry.variants[0].payload));
  EXPECT_EQ(entry.signature, signature_);
}

TEST_F(Worker, ExternalDataTravelsWithItsModel) {
  use(testing::models::external_data());
  job::JobRequest compile = request("compile", compile_options());
  compile.companions["model"] = {path("model") / "weights.bin"};
  compile.options["signature"] = to_json(signature_);
  const job::JobResult job = run(compile);
  ASSERT_TRUE(job.ok()) << to_text(job.result);
  job::Child child = serve();
  load(child, job.directory / "out" / "package");
  EXPECT_EQ(answer(child, {{"op", "run"}, {"indices", {0}}})["consumed"], 1);
}

TEST_F(Worker, StepsTakeExternalDataAsTheyTakeAModelInOneFile) {
  const std::pair<const char*, Json> steps[] = {{"rewrite", {{"backend", "reference"}}},
                                                {"quantize-dynamic", {{"target", "onnxruntime"}, {"vnni", true}}},
                                                {"convert-half", {{"kind", "fp16"}}}};
  const auto outputs = [&](const std::vector<fs::path>& companions) {
    std::vector<std::vector<float>> all;
    for (const auto& [step, options] : steps) {
      job::JobRequest one = std::string(step) == "rewrite" ? rewrite_request(options) : request(step, options);
      if (!companions.empty()) one.companions["model"] = companions;
      const job::JobResult made = run(one);
      EXPECT_TRUE(made.ok()) << step << ": " << to_text(made.result);
      if (!made.ok()) return all;
      const job::JobResult draft = compile(made.directory / "out" / "model.onnx");
      EXPECT_TRUE(draft.ok()) << step << ": " << to_text(draft.result);
      job::Child child = serve();
      load(child, draft.directory / "out" / "package");
      all.push_back(floats(answer(child, {{"op", "run"}, {"indices", {3}}})["outputs"][0][0]));
    }
    return all;
  };
  use(testing::models::mlp());
  const auto inlined = outputs({});
  use(testing::models::external_data());
  const auto external = outputs({path("model") / "weights.bin"});
  ASSERT_EQ(inlined.size(), std::size(steps));
  EXPECT_FALSE(inlined[0].empty());
  EXPECT_EQ(external, inlined);
  EXPECT_NE(inlined[1], inlined[0]) << "quantized";
}

TEST_F(Worker, PackTakesAFileAsItIs) {
  job::JobRequest pack = request("pack", compile_options());
  pack.options["signature"] = to_json(signature_);
  const job::JobResult job = run(pack);
  ASSERT_TRUE(job.ok()) << to_text(job.result);
  job::Child child = serve();
  load(child, job.directory / "out" / "package");
  EXPECT_EQ(answer(child, {{"op", "stats"}})["stats"]["variant"], "draft");
}

TEST_F(Worker, StaticQuantizationFromCalibrationToDraft) {
  const Json options = {{"target", "onnxruntime"}, {"vnni", true}, {"calibration", "minmax"}};
  const job::JobResult rewritten = run(rewrite_request());
  ASSERT_TRUE(rewritten.ok()) << to_text(rewritten.result);
  const fs::path model = rewritten.directory / "out" / "model.onnx";

  job::JobRequest calibrate = request("calibrate", options);
  calibrate.options["backend"] = "reference";
  calibrate.options["indices"] = {0, 1, 2, 3};
  calibrate.inputs = {{"model", model}, {"samples", path("store")}};
  calibrate.owned = {"samples"};
  const job::JobResult ranges = run(calibrate);
  ASSERT_TRUE(ranges.ok()) << to_text(ranges.result);
  EXPECT_EQ(ranges.result["summary"]["samples"], 4);

  job::JobRequest quantize = request("quantize-static", options);
  quantize.inputs = {{"model", model}, {"ranges", ranges.directory / "out" / "ranges.json"}};
  const job::JobResult quantized = run(quantize);
  ASSERT_TRUE(quantized.ok()) << to_text(quantized.result);
  EXPECT_EQ(quantized.result["summary"]["quantized_nodes"], 2);

  const job::JobResult exact = compile(model_), draft = compile(quantized.directory / "out" / "model.onnx");
  ASSERT_TRUE(exact.ok() && draft.ok()) << to_text(draft.result);
  job::Child original = serve();
  load(original, exact.directory / "out" / "package");
  const auto expected = floats(answer(original, {{"op", "run"}, {"indices", {5}}})["outputs"][0][0]);
  job::Child candidate = serve();
  load(candidate, draft.directory / "out" / "package");
  EXPECT_EQ(answer(candidate, {{"op", "stats"}})["stats"]["precision"], "int8");
  const auto got = floats(answer(candidate, {{"op", "run"}, {"indices", {5}}})["outputs"][0][0]);
  ASSERT_EQ(got.size(), expected.size());
  EXPECT_GT(relative_l2(expected, got), 0);
  EXPECT_LT(relative_l2(expected, got), 0.1);
}

TEST_F(Worker, MigratedScalesChangeNoOutput) {
  job::JobRequest calibrate = request("calibrate", {{"backend", "reference"}, {"vnni", true}, {"channels", true}});
  calibrate.inputs["samples"] = path("store");
  calibrate.owned = {"samples"};
  const job::JobResult ranges = run(calibrate);
  ASSERT_TRUE(ranges.ok()) << to_text(ranges.result);
  job::JobRequest migrate = request("migrate-scales", {{"insert", true}});
  migrate.inputs["ranges"] = ranges.directory / "out" / "ranges.json";
  const job::JobResult migrated = run(migrate);
  ASSERT_TRUE(migrated.ok()) << to_text(migrated.result);
  EXPECT_EQ(migrated.result["summary"]["absorbed"], Json({"r"})) << to_text(migrated.result);
  const auto outputs_of = [&](const fs::path& model) {
    const job::JobResult draft = compile(model);
    job::Child child = serve();
    load(child, draft.directory / "out" / "package");
    return floats(answer(child, {{"op", "run"}, {"indices", {5}}})["outputs"][0][0]);
  };
  EXPECT_LT(relative_l2(outputs_of(model_), outputs_of(migrated.directory / "out" / "model.onnx")), 1e-5);

  migrate.options["strength"] = 1.5;
  EXPECT_EQ(run(migrate).error().kind(), ErrorKind::kUsage);
  calibrate.options.erase("channels");
  migrate = request("quantize-static", {{"target", "onnxruntime"}, {"bias_correction", true}});
  migrate.inputs["ranges"] = run(calibrate).directory / "out" / "ranges.json";
  const job::JobResult without = run(migrate);
  ASSERT_FALSE(without.ok()) << "ranges without channels";
  EXPECT_NE(without.error().message().find("channels"), std::string::npos) << without.error().message();
}

TEST_F(Worker, WhatEachNodeLosesInInt8) {
  const Json options = {{"target", "onnxruntime"}, {"vnni", true}, {"calibration", "minmax"}, {"backend", "reference"}};
  job::JobRequest calibrate = request("calibrate", options);
  calibrate.inputs["samples"] = path("store");
  calibrate.owned = {"samples"};
  const job::JobResult ranges = run(calibrate);
  ASSERT_TRUE(ranges.ok()) << to_text(ranges.result);
  job::JobRequest look = request("sensitivity", options);
  look.options["indices"] = {1, 2, 3};
  look.inputs["samples"] = path("store");
  look.inputs["ranges"] = ranges.directory / "out" / "ranges.json";
  look.owned = {"samples"};
  const job::JobResult looked = run(look);
  ASSERT_TRUE(looked.ok()) << to_text(looked.result);
  EXPECT_EQ(looked.result["summary"]["samples"], 3);
  const auto text = read_file(looked.directory / "out" / "sensitivities.json");
  ASSERT_TRUE(text.ok());
  const Json found = parse_json(*text, "test").value();
  ASSERT_EQ(found["nodes"].size(), 2U);
  double squares = 0;
  for (const Json& node : found["nodes"]) {
    EXPECT_GT(node["error"], 0) << node;
    EXPECT_GT(node["seconds"], 0) << node;
    squares += node["error"].get<double>();
  }
  EXPECT_EQ(found["nodes"][0]["node"], "fc1");
  EXPECT_LT(squares, 4 * found["all"].get<double>());
  EXPECT_LT(found["all"].get<double>(), 4 * squares);
  EXPECT_FALSE(fs::exists(looked.directory / "graphs"));

  look.options["output"] = "no such output";
  const job::JobResult none = run(look);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().kind(), ErrorKind::kUsage);
}

TEST_F(Worker, RewritingIsComparedOnRealSamples) {
  use(testing::models::small_cnn(), 9);
  const job::JobResult done = run(rewrite_request({{"indices", {4, 1}}}));
  ASSERT_TRUE(done.ok()) << to_text(done.result);
  const Json& summary = done.result["summary"];
  EXPECT_EQ(summary["samples"], 2);
  EXPECT_EQ(summary["changes"], 1);
  EXPECT_EQ(summary["nodes_after"].get<int>() + 1, summary["nodes_before"].get<int>());
  for (const Json& pass : summary["passes"]) {
    EXPECT_EQ(pass["undone"], "");
    EXPECT_EQ(pass["relative_l2"].is_null(), pass["changes"] == 0) << pass;
  }
  EXPECT_FALSE(fs::exists(done.directory / "graphs"));
  const job::JobResult none = run(rewrite_request({{"disable", {"all"}}}));
  ASSERT_TRUE(none.ok()) << to_text(none.result);
  EXPECT_EQ(none.result["summary"]["changes"], 0);
  EXPECT_EQ(run(rewrite_request({{"disable", {"no-such-pass"}}})).error().kind(), ErrorKind::kUsage);
  EXPECT_EQ(run(rewrite_request({{"indices", Json::array()}})).error().kind(), ErrorKind::kUsage);
  EXPECT_EQ(run(rewrite_request({{"indices", {99}}})).error().kind(), ErrorKind::kUsage);
}

TEST_F(Worker, DynamicQuantizationAndHalfPrecision) {
  const job::JobResult dynamic = run(request("quantize-dynamic", {{"target", "onnxruntime"}, {"vnni", true}}));
  ASSERT_TRUE(dynamic.ok()) << to_text(dynamic.result);
  EXPECT_EQ(dynamic.result["summary"]["quantized_nodes"], 2);
  const job::JobResult half = run(request("convert-half", {{"kind", "fp16"}}));
  ASSERT_TRUE(half.ok()) << to_text(half.result);
  EXPECT_EQ(run(request("convert-half", {{"kind", "fp12"}})).error().kind(), ErrorKind::kUsage);
}

TEST_F(Worker, AStepThatFindsNothingToDoSaysSo) {
  const job::JobResult none =
      run(request("quantize-dynamic", {{"target", "onnxruntime"}, {"vnni", true}, {"exclude", {"Gemm"}}}));
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().kind(), ErrorKind::kUnsupported);
}

TEST_F(Worker, FailuresKeepTheirKindAcrossTheProcess) {
  EXPECT_EQ(run(request("no-such-step", Json::object())).error().kind(), ErrorKind::kNotFound);
  job::JobRequest unknown = request("compile", compile_options(Json::object(), "no_such_backend"));
  unknown.options["signature"] = to_json(signature_);
  EXPECT_EQ(run(unknown).error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(compile(model_, {{"no_such_option", "1"}}).error().kind(), ErrorKind::kUsage);
  std::ofstream(model_) << "this is no ONNX";
  EXPECT_EQ(run(rewrite_request()).error().kind(), ErrorKind::kBadInput);
}

TEST_F(Worker, ACrashInTheBackendIsARowWithAScript) {
  const job::JobResult crashed = compile(model_, {{"fault", "abort"}, {"fault_at", "compile"}});
  EXPECT_EQ(crashed.error().kind(), ErrorKind::kCrashed) << to_text(crashed.result);
  EXPECT_TRUE(fs::exists(crashed.directory / "repro.sh"));
  const int status = ::system(("SPEEDSTER_WORKER='" + supervisor_->worker().string() + "' '" +
                               (crashed.directory / "repro.sh").string() + "' >'" + path("said").string() + "' 2>&1")
                                  .c_str());
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGABRT);
}

TEST_F(Worker, ProbeAnswersForEveryBackendAndKnowsWhichIsNone) {
  job::Child child = serve();
  const Json reply = answer(child, {{"op", "probe"}, {"backend", "reference"}});
  EXPECT_EQ(reply["probe"]["usable"], true);
  const auto none = call(child, {{"op", "probe"}, {"backend", "no_such_backend"}});
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().kind(), ErrorKind::kNotFound);
}

class Served : public Worker {
 protected:
  fs::path draft(const Json& load_options = Json::object()) {
    const job::JobResult job = compile(model_, load_options);
    EXPECT_TRUE(job.ok()) << to_text(job.result);
    return job.directory / "out" / "package";
  }
};

TEST_F(Served, LoadTellsWhatRuns) {
  job::Child child = serve();
  const Json reply = load(child, draft());
  EXPECT_GT(reply["load_seconds"], 0.0);
  EXPECT_GT(reply["peak_rss"], 1'000'000);
  EXPECT_FALSE(reply.contains("stats")) << "to say which precision ran a vendor may compile the model again";
  EXPECT_EQ(answer(child, {{"op", "stats"}})["stats"]["precision"], "f32");
  const auto signature = signature_from_json(reply["signature"], "test");
  ASSERT_TRUE(signature.ok());
  EXPECT_EQ(signature->inputs[0].name, "x");
  EXPECT_EQ(signature->inputs[0].axes[0].name, "batch");
}

TEST_F(Served, RunFillsTheSlotAndGoesOnWhereItStopped) {
  job::Child child = serve();
  load(child, draft());
  const Json all = answer(child, {{"op", "run"}, {"indices", {0, 1, 2, 3, 4, 5}}, {"slot_bytes", 1'000'000}});
  EXPECT_EQ(all["consumed"], 6);
  const Json some = answer(child, {{"op", "run"}, {"indices", {0, 1, 2, 3, 4, 5}}, {"slot_bytes", 90}, {"offset", 1}});
  EXPECT_EQ(some["consumed"], 2);  // 32 bytes each, 64 apart: the second passes 90
  EXPECT_EQ(some["outputs"][0][0]["shape"], Json({2, 4}));
  EXPECT_EQ(some["outputs"][0][0]["dtype"], "float32");
  const auto again = floats(some["outputs"][0][0]);
  const Json one = answer(child, {{"op", "run"}, {"indices", {1}}, {"slot_bytes", 1}});
  EXPECT_EQ(one["consumed"], 1);  // at least one, however small the slot
  EXPECT_EQ(floats(one["outputs"][0][0]), again);
}

TEST_F(Served, OtherShapesAreMadeFromASample) {
  job::Child child = serve();
  load(child, draft());
  const auto sample = floats(answer(child, {{"op", "run"}, {"indices", {3}}})["outputs"][0][0]);
  const Json reply = answer(child, {{"op", "run_shape"}, {"shapes", {{"x", {5, 16}}}}, {"sample", 3}, {"calls", 3}});
  EXPECT_GT(reply["call_seconds"], 0.0);
  EXPECT_EQ(reply["outputs"][0][0]["shape"], Json({5, 4}));
  const auto rows = floats(reply["outputs"][0][0]);
  for (std::size_t row = 0; row < 5; ++row)  // rows repeat: 0 1 0 1 0
    for (std::size_t column = 0; column < 4; ++column)
      EXPECT_FLOAT_EQ(rows[row * 4 + column], sample[row % 2 * 4 + column]);
  EXPECT_EQ(call(child, {{"op", "run_shape"}, {"shapes", {{"x", {5}}}}}).error().kind(), ErrorKind::kBadInput);
}

TEST_F(Served, ABlockTakesAsLongAsTheCallsDo) {
  job::Child child = serve();
  load(child, draft({{"delay_us", "3000"}}));
  const Json block =
      answer(child, {{"op", "block"}, {"indices", {0, 1, 2}}, {"calls", 10}, {"seconds", 0.1}, {"slow_calls", 5}});
  EXPECT_GE(block["value"], 0.003);
  EXPECT_LT(block["value"], 0.006);
  EXPECT_GE(block["calls"].size(), 10U);
  double total = 0;
  for (const Json& seconds : block["calls"]) total += seconds.get<double>();
  EXPECT_GE(total, 0.09);
  EXPECT_GE(block["cpu_seconds"], 0.05);
}

TEST_F(Served, CallsWithAnIntervalBeginSoFarApart) {
  job::Child child = serve();
  load(child, draft({{"delay_us", "2000"}}));
  const double begin = now_seconds();
  const Json block = answer(child, {{"op", "block"},
                                    {"indices", {0, 1}},
                                    {"calls", 6},
                                    {"slow_calls", 6},
                                    {"seconds", 0.1},
                                    {"warm_calls", 1},
                                    {"interval_seconds", 0.05}});
  EXPECT_GE(now_seconds() - begin, 6 * 0.05) << "the host works and waits before each";
  EXPECT_EQ(block["calls"].size(), 6U);
  EXPECT_GE(block["value"], 0.002);
  EXPECT_LT(block["value"], 0.02) << "neither the wait nor the host's work is the call's";
  EXPECT_GE(block["call_cpu_seconds"], 0.001);
  EXPECT_LT(block["call_cpu_seconds"], 0.02) << "nor its CPU time";
  const Json back_to_back = answer(child, {{"op", "block"}, {"indices", {0}}, {"calls", 10}, {"seconds", 0.05}});
  EXPECT_GE(back_to_back["call_cpu_seconds"], 0.001);
  EXPECT_LT(back_to_back["call_cpu_seconds"], 0.01);
}

TEST_F(Served, AMixCountsEachShapeByItsShare) {
  job::Child child = serve();
  load(child, draft({{"delay_element_ns", "50000"}}), {{"contexts", 2}});  // 0.8 ms for each row of 16
  const Json mix = {{{"shapes", {{"x", {1, 16}}}}, {"share", 0.75}}, {{"shapes", {{"x", {5, 16}}}}, {"share", 0.25}}};
  Json request = {{"op", "block"}, {"indices", {0, 1}}, {"mix", mix}, {"seconds", 0.05}};
  const Json block = answer(child, request);
  EXPECT_GE(block["value"], 0.75 * 0.0008 + 0.25 * 0.004);
  EXPECT_LT(block["value"], 0.003) << "0.8 ms and 4 ms, and what the machine adds";
  EXPECT_TRUE(block["calls"].empty()) << "they are no sample of the mix";
  request["concurrency"] = 2;
  EXPECT_GE(answer(child, request)["value"], 0.75 * 0.0008 + 0.25 * 0.004);

  const Json tail = answer(child, {{"op", "tail"}, {"indices", {0, 1}}, {"mix", mix}, {"calls", 256}});
  ASSERT_EQ(tail["calls"].size(), 256U);
  const auto slow = std::count_if(tail["calls"].begin(), tail["calls"].end(),
                                  [](const Json& seconds) { return seconds.get<double>() >= 0.004; });
  EXPECT_GE(slow, 64) << "a quarter, and what the machine held up";
  EXPECT_LE(slow, 80);
}

TEST_F(Served, AMixThatIsNoneIsRefused) {
  job::Child child = serve();
  load(child, draft());
  for (const Json& mix : {Json::array(), Json{{"share", 1}}, Json::array({{{"shapes", {{"x", {1, 16}}}}}}),
                          Json::array({{{"shapes", {{"x", {"a"}}}}, {"share", 1}}})})
    EXPECT_FALSE(call(child, {{"op", "block"}, {"indices", {0}}, {"mix", mix}}).ok()) << mix;
}

TEST_F(Served, SlowCallsNeedFewerAndShortOnesAreStampedTogether) {
  job::Child slow = serve();
  load(slow, draft({{"delay_us", "60000"}}));
  const Json few = answer(
      slow, {{"op", "block"}, {"indices", {0}}, {"calls", 10}, {"seconds", 0.1}, {"slow_calls", 4}, {"warm_calls", 1}});
  EXPECT_EQ(few["calls"].size(), 4U);

  job::Child fast = serve();
  load(fast, draft());
  const Json many = answer(fast, {{"op", "block"}, {"indices", {0}}, {"seconds", 0.2}});
  if (job::kSanitized) GTEST_SKIP() << "no call is short here";
  ASSERT_LT(many["value"], 50e-6) << "the reference backend runs this model in some microseconds";
  EXPECT_LT(many["calls"].size(), 0.2 / 100e-6);  // stamps are some 200 µs apart
  const Json tail = answer(fast, {{"op", "tail"}, {"indices", {0, 1}}, {"calls", 300}});
  EXPECT_EQ(tail["calls"].size(), 300U);
}

TEST_F(Served, CallersInClosedLoopsShareTheWork) {
  job::Child child = serve();
  const int callers = 4 * std::max(1, hardware::probe().usable_cores);
  load(child, draft({{"delay_us", "500"}}), {{"contexts", callers}});
  const Json block = answer(child, {{"op", "block"}, {"indices", {0, 1}}, {"concurrency", callers}, {"seconds", 0.2}});
  // Four busy loops of 0.5 ms to a core: 2 ms, where one caller would see 0.5. Calls end by the wall clock, so that one
  // that waits for its core may end without having had it.
  EXPECT_GE(block["value"], 0.00075);
  EXPECT_LT(block["value"], 0.02);
  EXPECT_GE(block["calls"].size(), 30U);
}

TEST_F(Served, ShapesThatTheSamplesMixAreBoundForTheLargest) {
  use(testing::models::attention());
  samples::SampleOptions ragged;
  std::vector<NamedTensor> tensors;
  for (int i = 0; i < 4; ++i)
    tensors.push_back({"tokens." + std::to_string(i), Tensor(DType::kFloat32, {1, 3 + i * 2, 8})});
  for (NamedTensor& tensor : tensors)
    for (float& value : tensor.tensor.as<float>()) value = 0.25F;
  ASSERT_TRUE(samples::write_npz(path("ragged.npz"), tensors).ok());
  ragged.data = path("ragged.npz");
  fs::remove_all(path("store"));
  const auto store = samples::build_store(ragged, signature_, path("store"));
  ASSERT_TRUE(store.ok()) << store.error().message();
  job::Child child = serve();
  load(child, draft());
  const Json block = answer(child, {{"op", "block"}, {"indices", {0, 3, 1, 2}}, {"seconds", 0.05}});
  EXPECT_GT(block["value"], 0.0);
  EXPECT_EQ(answer(child, {{"op", "run"}, {"indices", {3}}})["outputs"][0][0]["shape"], Json({1, 9, 8}));
}

TEST_F(Served, RequestsThatMakeNoSense) {
  job::Child child = serve();
  EXPECT_EQ(call(child, {{"op", "run"}, {"indices", {0}}}).error().kind(), ErrorKind::kUsage);
  load(child, draft());
  for (const Json& request :
       {Json{{"op", "dance"}}, Json{{"no", "op"}}, Json{{"op", "run"}, {"indices", {99}}},
        Json{{"op", "run"}, {"indices", Json::array()}}, Json{{"op", "run"}, {"indices", {-1}}},
        Json{{"op", "block"}, {"indices", Json::array()}}, Json{{"op", "load"}, {"package", "again"}}}) {
    const auto reply = call(child, request);
    EXPECT_FALSE(reply.ok()) << to_text(request);
    EXPECT_TRUE(child.running()) << to_text(request);
  }
  EXPECT_TRUE(call(child, {{"op", "quit"}}).ok());
  EXPECT_EQ(child.wait(Deadline::in(10), CancelToken()).fate, job::Fate::kOk);
}

TEST_F(Served, APackageThatIsNone) {
  job::Child child = serve();
  const auto reply = call(child, {{"op", "load"}, {"package", path("nothing").string()}});
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().kind(), ErrorKind::kNotFound) << reply.error().message();
}

TEST_F(Served, ACrashDuringACallIsKeptAndHappensAgain) {
  const fs::path package = draft({{"fault", "abort"}, {"fault_at", "execute:3"}});
  job::Child child = serve();
  load(child, package);
  const Json block = {{"op", "block"}, {"indices", {0}}};
  const auto reply = call(child, block);
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().kind(), ErrorKind::kCrashed);
  EXPECT_THAT(reply.error().message(), HasSubstr("SIGABRT"));

  const Json load_request = {
      {"op", "load"}, {"package", package.string()}, {"threads", 1}, {"samples", path("store").string()}};
  const auto kept = job::keep_failure(
      {path("serve0"), package, path("store"), {load_request, block}, reply.error(), job::Limits(), std::nullopt});
  ASSERT_TRUE(kept.ok()) << kept.error().message();
  const int status = ::system(("SPEEDSTER_WORKER='" + supervisor_->worker().string() + "' '" +
                               (*kept / "repro.sh").string() + "' >'" + path("said").string() + "' 2>&1")
                                  .c_str());
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGABRT) << *read_file(path("said"));
}

}  // namespace
}  // namespace speedster
