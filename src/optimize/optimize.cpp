#include <speedster/optimize.h>
#include <speedster/version.h>

#include <algorithm>
#include <thread>

#include "base/digest.h"
#include "base/text.h"
#include "job/job.h"
#include "onnx/model.h"
#include "optimize/disk.h"
#include "optimize/keys.h"
#include "optimize/replay.h"
#include "optimize/save.h"
#include "package/writer.h"
#include "rewrite/rewrite.h"
#include "search/call_shapes.h"
#include "search/search.h"
#include "toolchain/toolchain.h"

namespace speedster {
namespace {

constexpr std::uint64_t kCacheBytes = std::uint64_t{20} << 30U, kStoreBytes = std::uint64_t{10} << 30U;
// What a package holds beside payloads.
constexpr std::uint64_t kLittleFiles = std::uint64_t{16} << 20U;
// What a slow disk writes in a second; how much of a faster one's speed is relied on; what is written to find out,
// where the model is worth it.
constexpr double kSlowDisk = 150e6, kReliable = 0.5;
constexpr std::uint64_t kProbeBytes = std::uint64_t{24} << 20U, kWorthProbing = std::uint64_t{128} << 20U;

/// Turns the caller's answer into the token that all stages look at.
class CancelWatch {
 public:
  CancelWatch(const std::function<bool()>& cancel, const CancelToken& token) {
    if (!cancel) return;
    thread_ = std::jthread([&cancel, token](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        try {
          if (cancel()) {
            token.cancel();
            return;
          }
        } catch (...) {  // NOLINT(bugprone-empty-catch)
          // An exception would end this thread, and with it the whole process.
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
      }
    });
  }

 private:
  std::jthread thread_;
};

Result<void> validate(const OptimizeRequest& request) {
  auto usage = [](std::string message) { return Error(ErrorKind::kUsage, std::move(message)); };
  if (request.model.empty())
    return usage("[optimize] expected a model, got none; try speedster optimize MODEL.onnx --data SAMPLES.npz");
  if (!request.metric.empty() && !request.metric_command.empty())
    return usage("[optimize] expected --metric or --metric-command, got both; try one of them");
  if (request.metric_drop && !(*request.metric_drop >= 0))
    return usage("[optimize] expected a --metric-drop of at least 0, got " + std::to_string(*request.metric_drop));
  if (request.metric_confidence && !(*request.metric_confidence > 0.5 && *request.metric_confidence < 1))
    return usage("[optimize] expected a --metric-confidence between 0.5 and 1, got " +
                 std::to_string(*request.metric_confidence));
  if (request.metric_confidence && !request.metric_drop)
    return usage("[optimize] expected --metric-drop with --metric-confidence, got none; try --metric-drop 0.01");
  if (request.time_budget_seconds && !(*request.time_budget_seconds > 0))
    return usage("[optimize] expected a --time-budget above 0, got " + std::to_string(*request.time_budget_seconds));
  if (!(request.candidate_timeout_seconds > 0))
    return usage("[optimize] expected a --candidate-timeout above 0, got " +
                 std::to_string(request.candidate_timeout_seconds));
  if (!request.shapes.empty() && !request.shape_mix.empty())
    return usage("[optimize] expected shapes of all calls or a mix of shapes, got both; try one of them");
  if (request.threads < 0)
    return usage("[optimize] expected --threads of at least 1, got " + std::to_string(request.threads));
  if (request.concurrency < 1)
    return usage("[optimize] expected --concurrency of at least 1, got " + std::to_string(request.concurrency));
  if (!(request.interval_seconds >= 0 && request.interval_seconds <= 10))
    return usage("[optimize] expected an --interval up to 10 s, got " + std::to_string(request.interval_seconds));
  if (!request.objective.empty() && request.objective != "latency" && request.objective != "throughput")
    return usage("[optimize] expected --objective latency or throughput, got \"" + request.objective + "\"");
  if (auto known = rewrite::check_names(request.disable_passes); !known.ok())
    return std::move(known).error().wrap("[optimize] expected --disable-pass with names of passes");
  return {};
}

/// Reads "random", "random:SEED" or a path, and everything else that was said about samples.
Result<samples::SampleOptions> sample_options(const OptimizeRequest& request, const Signature& signature) {
  samples::SampleOptions options;
  if (request.data.empty())
    return Error(ErrorKind::kUsage, "[samples] expected --data, got none; try --data FILE with a file as below\n" +
                                        samples::how_to_write(signature));
  if (request.data == "random" || request.data.starts_with("random:")) {
    options.random = true;
    options.seed = request.seed;
    if (request.data.size() > 7) {
      const auto seed = parse_number<std::uint64_t>(std::string_view(request.data).substr(7));
      if (!seed)
        return Error(ErrorKind::kUsage, "[samples] expected random:SEED with a number, got \"" + request.data + "\"");
      options.seed = *seed;
    }
  } else {
    options.data = request.data;
  }
  options.labels = request.labels;
  options.ranges = request.ranges;
  options.shapes = request.shapes;
  for (const auto& one : request.shape_mix) options.mix.push_back({one.shapes, one.share});
  SPEEDSTER_TRY(search::settle_mix(options, signature));
  for (const auto& [name, range] : request.axes) options.axes[name] = {range.min, range.opt, range.max};
  return options;
}

/// The store of these samples, built once and kept in the cache; without a cache in the scratch folder.
Result<samples::SampleStore> open_store(const samples::SampleOptions& options, const Signature& signature,
                                        bool use_cache, const fs::path& work, fs::path& directory) {
  const std::string key = store_key(options, signature);
  const fs::path root = use_cache ? cache_directory() / "samples" : work;
  directory = root / key;
  std::error_code error;
  if (use_cache) samples::bound_stores(root, kStoreBytes);
  if (fs::exists(directory, error)) {
    auto store = samples::SampleStore::open(directory);
    if (store.ok()) {
      fs::last_write_time(directory, fs::file_time_type::clock::now(), error);
      return store;
    }
    SPEEDSTER_TRY(samples::remove_store(directory));
  }
  return samples::build_store(options, signature, directory);
}

Result<void> refuse_non_finite(const samples::SampleStore& store, const Signature& signature) {
  if (store.non_finite().empty()) return {};
  return Error(ErrorKind::kBadInput, "[samples] expected finite numbers, got NaN or infinity in " + store.non_finite() +
                                         "; try numpy.isfinite on the data\n" + samples::how_to_write(signature));
}

/// An error about samples shows what would be right, if it does not already.
Error with_how_to_write(Error error, const Signature& signature) {
  const bool about_samples = error.kind() == ErrorKind::kBadInput || error.kind() == ErrorKind::kNotFound;
  const std::string said = error.full_message();
  if (!about_samples || said.find("import numpy") != std::string::npos) return error;
  return {error.kind(),
          (said.starts_with("[samples]") ? said : "[samples] expected samples that can be read: " + said) +
              (said.find("; try ") == std::string::npos ? "; try a file as below\n" : "\n") +
              samples::how_to_write(signature)};
}

class Optimization {
 public:
  Optimization(const OptimizeRequest& request, std::optional<compiler::CandidatesFile> recipe) : request_(request) {
    session_.replayed = std::move(recipe);
  }

  Result<Report> run() {
    SPEEDSTER_TRY(validate(request_));
    // A target that cannot be written is said now, not after the search.
    if (!request_.output.empty()) SPEEDSTER_TRY(package::PackageWriter::create(request_.output));
    begin();
    SPEEDSTER_TRY(open_model());
    SPEEDSTER_TRY(open_scratch());
    SPEEDSTER_TRY(open_samples());
    SPEEDSTER_TRY(open_metric());
    SPEEDSTER_TRY(open_workshop());
    SPEEDSTER_ASSIGN(search::Outcome outcome, search::run(session_));
    return conclude(std::move(outcome));
  }

 private:
  void begin() {
    session_.request = &request_;
    session_.started = session_.stage_started = now_seconds();
    if (request_.time_budget_seconds) session_.total = session_.deadline = Deadline::in(*request_.time_budget_seconds);
    if (request_.log)
      session_.log = Log([this](LogLevel level, std::string_view text) {
        try {
          request_.log(static_cast<int>(level), std::string(text));
        } catch (...) {  // NOLINT(bugprone-empty-catch)
          // It may have been called from a thread of ours, which an exception would end with the whole process.
        }
      });
    watch_.emplace(request_.cancel, session_.cancel);
  }

  Result<void> open_model() {
    session_.enter("model");
    SPEEDSTER_ASSIGN(onnx_model::OnnxModel model, onnx_model::OnnxModel::read(request_.model));
    std::error_code error;
    session_.model = fs::absolute(request_.model, error);
    SPEEDSTER_ASSIGN(session_.model_companions, model.external_files());
    SPEEDSTER_TRY(session_.remember_model());
    SPEEDSTER_ASSIGN(session_.model_digest, model.digest());
    SPEEDSTER_ASSIGN(session_.signature, model.signature());
    const auto operators = model.operators();
    for (const char* op : {"Compress", "If", "Loop", "NonMaxSuppression", "NonZero", "Scan", "Unique"})
      session_.data_dependent_shapes = session_.data_dependent_shapes || operators.contains(op);
    SPEEDSTER_TRY(check_room());
    if (!request_.output_name.empty() && session_.signature.output(request_.output_name) == nullptr) {
      std::vector<std::string> names;
      for (const TensorSpec& output : session_.signature.outputs) names.push_back(output.name);
      return Error(ErrorKind::kUsage,
                   "[optimize] expected an output of " + join(names, ", ") + ", got --output " + request_.output_name);
    }
    return {};
  }

  /// What is written there goes with this process, however that ends.
  Result<void> open_scratch() {
    SPEEDSTER_ASSIGN(work_, TempDir::create("speedster-"));
    session_.work = work_->path();
    SPEEDSTER_ASSIGN(const fs::path worker, job::find_worker());
    SPEEDSTER_ASSIGN(session_.supervisor, job::Supervisor::start(worker, session_.log));
    return session_.supervisor->remove_at_end(session_.work);
  }

  Result<void> open_samples() {
    session_.enter("samples");
    SPEEDSTER_ASSIGN(samples::SampleOptions options, sample_options(request_, session_.signature));
    options.cancel = session_.cancel;
    options.deadline = session_.total;
    auto store = open_store(options, session_.signature, request_.use_cache, session_.work, session_.store_directory);
    if (!store.ok()) return with_how_to_write(std::move(store).error(), session_.signature);
    session_.store = *std::move(store);
    SPEEDSTER_TRY(refuse_non_finite(session_.store, session_.signature));
    SPEEDSTER_ASSIGN(session_.signature, samples::with_ranges(session_.signature, session_.store, options));
    session_.call_shapes = search::call_shapes(options.mix, session_.signature);
    session_.split = samples::split(session_.store.size(), request_.seed);
    if (request_.metric_confidence && !session_.split.independent)
      return Error(ErrorKind::kUsage, "[optimize] expected at least 32 samples for --metric-confidence, got " +
                                          std::to_string(session_.store.size()) +
                                          "; try more samples, or --metric-drop alone, which the estimate decides");
    return {};
  }

  /// The package needs the original and, as large at most, the winner. Both also take time to be written.
  Result<void> check_room() {
    std::uint64_t bytes = 0;
    std::error_code error;
    const auto add = [&](const fs::path& file) {
      if (const auto size = fs::file_size(file, error); !error) bytes += size;
    };
    add(session_.model);
    for (const fs::path& file : session_.model_companions) add(file);
    double per_second = kSlowDisk;
    if (!request_.output.empty()) {
      SPEEDSTER_TRY(package::PackageWriter::create(request_.output, bytes + kLittleFiles));
      const fs::path folder = fs::absolute(request_.output, error).parent_path();
      if (session_.total.limited() && bytes > kWorthProbing) {
        if (const double seen = saving::bytes_written_per_second(folder, kProbeBytes); seen > 0)
          per_second = seen < kSlowDisk ? seen : std::max(kSlowDisk, kReliable * seen);
      }
    }
    session_.held_back = 2 * static_cast<double>(bytes) / per_second;
    return {};
  }

  Result<void> open_metric() {
    SPEEDSTER_ASSIGN(session_.metric, accuracy::make_metric(request_.metric.empty() ? "cosine" : request_.metric));
    if (session_.metric->needs_labels() && !session_.store.labelled())
      return Error(ErrorKind::kUsage,
                   "[accuracy] expected --labels for the metric " + request_.metric + ", got none; try --labels FILE");
    session_.budget.drop = request_.metric_drop;
    session_.budget.confidence = request_.metric_confidence;
    return {};
  }

  Result<void> open_workshop() {
    session_.machine = hardware::probe();
    session_.fingerprint = hardware::fingerprint(session_.machine);
    session_.threads = request_.threads > 0 ? request_.threads : session_.machine.usable_cores;
    if (request_.objective == "throughput" && request_.concurrency == 1)
      request_.concurrency = session_.machine.usable_cores;
    session_.workers =
        std::clamp(session_.machine.usable_cores / 2, 1, 4);  // what is checked meanwhile needs the other half
    session_.limits.memory_bytes =
        request_.memory_limit_bytes > 0 ? request_.memory_limit_bytes : hardware::available_memory() / 5 * 4;
    const fs::path root = request_.use_cache ? cache_directory() : session_.work;
    SPEEDSTER_ASSIGN(job::JobCache cache, job::JobCache::open(root / "jobs", kCacheBytes));
    session_.cache = std::make_unique<job::JobCache>(std::move(cache));
    SPEEDSTER_ASSIGN(search::Journal journal,
                     search::Journal::open(request_.use_cache ? root / "searches" : fs::path(), search_key(session_)));
    session_.journal = std::make_unique<search::Journal>(std::move(journal));
    return {};
  }

  Result<Report> conclude(search::Outcome outcome) {
    session_.enter("save");
    outcome.report.stages = session_.stages;
    outcome.report.seconds = now_seconds() - session_.started;  // the package's own report cannot know how long it took
    // Cancelled with nothing confirmed: there is nothing to package, and what was found out is in the journal.
    const bool nothing = outcome.report.outcome == "cancelled" && !outcome.report.winner;
    if (!request_.output.empty() && !nothing) {
      if (auto saved = saving::save(session_, outcome); !saved.ok()) {
        if (!request_.use_cache || saved.error().kind() == ErrorKind::kInternal) return std::move(saved).error();
        return Error(saved.error().kind(), saved.error().full_message() +
                                               "; what was found out is in the cache: the same command with another "
                                               "-o takes seconds");
      }
    }
    session_.end_stage();
    outcome.report.stages = session_.stages;
    outcome.report.seconds = now_seconds() - session_.started;
    session_.tell();
    return std::move(outcome.report);
  }

  OptimizeRequest request_;
  std::optional<TempDir> work_;
  search::Session session_;  // after work_: children end before their folders go
  std::optional<CancelWatch> watch_;
};

}  // namespace

Result<Report> optimize(const OptimizeRequest& request) {
  try {
    if (request.recipe.empty()) return Optimization(request, std::nullopt).run();
    SPEEDSTER_ASSIGN(Replay replay, replayed(request));
    return Optimization(replay.request, std::move(replay.chains)).run();
  } catch (const std::bad_alloc&) {
    return Error(ErrorKind::kOutOfMemory,
                 "[optimize] expected enough memory, got none; try fewer threads or a smaller batch");
  } catch (const std::exception& exception) {
    return Error(ErrorKind::kInternal, std::string("[optimize] expected no exception, got ") + exception.what());
  }
}

}  // namespace speedster
