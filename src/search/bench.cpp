#include "search/bench.h"

#include <algorithm>
#include <numeric>

#include "measure/statistics.h"
#include "measure/sweep.h"
#include "samples/join.h"
#include "search/bench_setup.h"
#include "search/call_shapes.h"

namespace speedster::search {
namespace {

/// Alive at once in a sweep: neighbours in time to compare with, and memory for each.
constexpr int kSweepLive = 4;
constexpr int kSweepLoads = 5;
/// Of one batch size: larger batches hold more of the samples each, and need not fill the disk.
constexpr std::size_t kMostSweepSamples = 16;
constexpr double kMostSweepBytes = 1e9;

/// Samples of one batch size.
struct Batch {
  std::int64_t rows = 1;  ///< of each; 0 where they differ
  double mean_rows = 1;
  fs::path store;
  std::size_t samples = 0;
};

class Sweep {
 public:
  explicit Sweep(const SweepRequest& request) : request_(request) {}

  Result<SweepResult> run() {
    const std::size_t points = std::max<std::size_t>(request_.batches.size(), 1) * request_.concurrencies.size() *
                               (request_.bench.second.empty() ? 1 : 2);
    const int live = static_cast<int>(std::min<std::size_t>(points, kSweepLive));
    SPEEDSTER_ASSIGN(setup_, BenchSetup::make(request_.bench, live));
    SPEEDSTER_ASSIGN(contenders_.emplace_back(), setup_->open(request_.bench.first, "first"));
    if (!request_.bench.second.empty()) {
      SPEEDSTER_ASSIGN(contenders_.emplace_back(), setup_->open(request_.bench.second, "second"));
      SPEEDSTER_TRY(check_same_inputs(contenders_[0], contenders_[1]));
    }
    SPEEDSTER_TRY(make_batches());
    std::vector<measure::SweepEntrant> entrants = lay_out();
    measure::Policy policy = setup_->policy();
    policy.max_live = live;
    SPEEDSTER_ASSIGN(const measure::SweepTimes times, measure::sweep(entrants, kSweepLoads, policy, setup_->foreign(),
                                                                     setup_->deadline(), request_.bench.cancel));
    SPEEDSTER_TRY(fill_in(times));
    result_.threads = setup_->threads();
    result_.loads = times.loads;
    result_.dropped_rounds = times.dropped_rounds;
    result_.busy = times.busy;
    result_.cut = times.cut;
    return std::move(result_);
  }

 private:
  Result<void> make_batches() {
    std::vector<const Contender*> contenders;
    for (const Contender& contender : contenders_) contenders.push_back(&contender);
    SPEEDSTER_ASSIGN(const samples::SampleStore store, setup_->open_samples(contenders, result_.samples_from));
    const Signature& signature = contenders_[0].signature;
    SPEEDSTER_ASSIGN(const std::vector<std::int64_t> rows, samples::rows_of(store, signature, kMostBenchSamples));
    if (request_.batches.empty()) {
      const auto [fewest, most] = std::ranges::minmax(rows);
      const double mean = std::accumulate(rows.begin(), rows.end(), 0.0) / static_cast<double>(rows.size());
      batches_.push_back({fewest == most ? fewest : 0, mean, setup_->work() / "store", rows.size()});
    }
    const double row_bytes =
        static_cast<double>(store.bytes(0)) / static_cast<double>(std::max<std::int64_t>(rows[0], 1));
    for (const std::int64_t size : request_.batches) {
      const auto fit = static_cast<std::size_t>(kMostSweepBytes / std::max(row_bytes * static_cast<double>(size), 1.0));
      const std::size_t count = std::clamp<std::size_t>(std::min(store.size(), fit), 1, kMostSweepSamples);
      const std::string name = "batch" + std::to_string(size);
      samples::SampleOptions options;
      options.data = setup_->work() / (name + ".safetensors");
      options.cancel = request_.bench.cancel;
      options.deadline = setup_->deadline();
      SPEEDSTER_TRY(samples::write_batches(options.data, store, signature, count, size));
      SPEEDSTER_ASSIGN(const samples::SampleStore made,
                       samples::build_store(options, signature, setup_->work() / name));
      std::error_code ignored;
      fs::remove(options.data, ignored);
      batches_.push_back({size, static_cast<double>(size), setup_->work() / name, made.size()});
    }
    return {};
  }

  /// A point and an entrant for each contender, batch and number of callers.
  std::vector<measure::SweepEntrant> lay_out() {
    std::vector<measure::SweepEntrant> entrants;
    for (const Contender& contender : contenders_)
      for (const Batch& batch : batches_)
        for (const int concurrency : request_.concurrencies) {
          SweepPoint& point = result_.points.emplace_back();
          point.second = &contender != contenders_.data();
          point.batch = batch.rows;
          mean_rows_.push_back(batch.mean_rows);
          point.concurrency = concurrency;
          notes_.push_back(std::make_shared<TimingNotes>());
          ServeSpec spec = setup_->serve_spec(contender, batch.store, concurrency);
          spec.directory /= std::to_string(entrants.size());
          specs_.push_back(spec);
          entrants.push_back({contender.path.string() + ", batch " + std::to_string(batch.rows) + ", callers " +
                                  std::to_string(concurrency),
                              load_served(setup_->timing(batch.samples), spec, notes_.back()), concurrency});
        }
    return entrants;
  }

  Result<void> fill_in(const measure::SweepTimes& times) {
    const std::size_t each = times.rows.size() / contenders_.size();
    for (std::size_t k = 0; k < times.rows.size(); ++k) {
      const measure::SweepRow& row = times.rows[k];
      SweepPoint& point = result_.points[k];
      if (row.error) {
        point.error = row.error->full_message();
        continue;
      }
      point.seconds = row.seconds;
      point.calls = row.calls;
      point.peak_memory = notes_[k]->peak_memory;
      if (!notes_[k]->call_cpu_seconds.empty()) point.call_cpu_seconds = measure::median(notes_[k]->call_cpu_seconds);
      const double each_caller = std::max(row.seconds.value, request_.bench.interval_seconds);
      point.rows_per_second = mean_rows_[k] * point.concurrency / each_caller;
    }
    for (std::size_t i = 0; i < contenders_.size(); ++i) {
      const auto begin = times.rows.begin() + static_cast<std::ptrdiff_t>(i * each);
      const auto ran = std::find_if(begin, begin + static_cast<std::ptrdiff_t>(each),
                                    [](const measure::SweepRow& row) { return !row.error; });
      if (ran == begin + static_cast<std::ptrdiff_t>(each)) {
        Error error = *begin->error;
        return std::move(error).wrap("[bench] expected the " + contenders_[i].which +
                                     " to run at one point at least, got failures");
      }
      const auto k = static_cast<std::size_t>(ran - times.rows.begin());
      SPEEDSTER_ASSIGN(result_.sides.emplace_back(), setup_->side(contenders_[i], specs_[k], *notes_[k]));
    }
    return {};
  }

  const SweepRequest& request_;
  std::unique_ptr<BenchSetup> setup_;
  std::vector<Contender> contenders_;
  std::vector<Batch> batches_;
  std::vector<std::shared_ptr<TimingNotes>> notes_;
  std::vector<ServeSpec> specs_;
  std::vector<double> mean_rows_;  ///< of a call of each point
  SweepResult result_;
};

}  // namespace

Result<BenchResult> bench(const BenchRequest& request) {
  SPEEDSTER_ASSIGN(const std::unique_ptr<BenchSetup> setup, BenchSetup::make(request, 2));
  SPEEDSTER_ASSIGN(const Contender first, setup->open(request.first, "first"));
  SPEEDSTER_ASSIGN(const Contender second, setup->open(request.second, "second"));
  SPEEDSTER_TRY(check_same_inputs(first, second));
  BenchResult result;
  SPEEDSTER_ASSIGN(const samples::SampleStore store, setup->open_samples({&first, &second}, result.samples_from));
  result.samples = std::min(store.size(), kMostBenchSamples);
  result.threads = setup->threads();
  result.concurrency = request.concurrency;

  const TimingContext context = setup->timing(result.samples);
  measure::Policy policy = setup->policy();
  policy.block.concurrency = request.concurrency;
  if (request.samples && !request.samples->mix.empty()) {
    SPEEDSTER_ASSIGN(const Signature ranged, samples::with_ranges(first.signature, store, *request.samples));
    policy.block.mix = call_shapes(request.samples->mix, ranged);
  }
  const fs::path folder = setup->work() / "store";
  const ServeSpec one = setup->serve_spec(first, folder, request.concurrency);
  const ServeSpec other = setup->serve_spec(second, folder, request.concurrency);
  const auto first_notes = std::make_shared<TimingNotes>(), second_notes = std::make_shared<TimingNotes>();
  SPEEDSTER_ASSIGN(result.comparison,
                   measure::compare(load_served(context, one, first_notes), load_served(context, other, second_notes),
                                    policy, setup->foreign(), context.deadline, request.cancel));
  SPEEDSTER_ASSIGN(result.first, setup->side(first, one, *first_notes));
  SPEEDSTER_ASSIGN(result.second, setup->side(second, other, *second_notes));
  return result;
}

Result<SweepResult> sweep(const SweepRequest& request) { return Sweep(request).run(); }

}  // namespace speedster::search
