#include <algorithm>
#include <cmath>

#include "search/metric_program.h"
#include "search/session.h"
#include "tensor/difference.h"

namespace speedster::search {
namespace {

// The original's outputs up to this much stay in memory for the next candidate's check.
constexpr std::uint64_t kKeptBytes = std::uint64_t{48} << 20U;
// Samples asked for at once; the child returns fewer where their outputs do not fit in the slot.
constexpr std::size_t kChunk = 64;

accuracy::Label label_of(const samples::SampleStore& store, std::size_t sample) {
  if (!store.labelled()) return {};
  return {store.label(sample), store.label_text(sample)};
}

bool all_nan(const TensorView& tensor) {
  const std::int64_t count = tensor.count();
  for (std::int64_t i = 0; i < count; ++i)
    if (!std::isnan(element(tensor, i))) return false;
  return count > 0;
}

/// The user's program, where one judges; it sees the outputs of several runs of samples, so that there is an interval.
Result<std::optional<accuracy::ExternalMetric>> external_metric(const Session& session, const Candidate& candidate, const CheckPart& part,
                                                                const std::vector<std::string>& outputs) {
  std::optional<accuracy::ExternalMetric> none;
  if (session.request->metric_command.empty()) return none;
  accuracy::ExternalOptions options;
  SPEEDSTER_ASSIGN(options.command, resolve_program(session.request->metric_command));
  std::error_code error;
  if (!session.request->labels.empty()) options.labels = fs::absolute(session.request->labels, error);
  options.directory = session.work / (candidate.recipe.name + "-" + part.purpose + "-metric");
  SPEEDSTER_TRY(make_directories(options.directory));
  SPEEDSTER_ASSIGN(accuracy::ExternalMetric metric, accuracy::ExternalMetric::create(std::move(options), outputs, run_in_child(session)));
  return std::optional<accuracy::ExternalMetric>(std::move(metric));
}

}  // namespace

OriginalOutputs::OriginalOutputs(Session& session, ServedPackage child) : session_(&session), child_(std::move(child)) {}

Result<std::vector<Outputs>> OriginalOutputs::get(std::span<const std::size_t> samples) {
  std::vector<Outputs> kept;
  for (const std::size_t sample : samples) {
    const auto it = kept_.find(sample);
    if (it == kept_.end()) break;
    Outputs outputs;
    for (const Tensor& tensor : it->second) outputs.push_back(tensor.view());
    kept.push_back(std::move(outputs));
  }
  if (!kept.empty()) return kept;
  SPEEDSTER_ASSIGN(auto fresh, child_.run(samples, session_->deadline, session_->cancel));
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    std::uint64_t bytes = 0;
    for (const TensorView& tensor : fresh[i]) bytes += tensor.bytes();
    if (kept_bytes_ + bytes > kKeptBytes || kept_.contains(samples[i])) continue;
    std::vector<Tensor> copies;
    for (const TensorView& tensor : fresh[i])
      copies.push_back(Tensor::from<std::byte>(tensor.dtype, Shape(tensor.shape.begin(), tensor.shape.end()),
                                               {static_cast<const std::byte*>(tensor.data), tensor.bytes()}));
    kept_bytes_ += bytes;
    kept_[samples[i]] = std::move(copies);
  }
  return fresh;
}

Result<void> OriginalOutputs::check_finite(std::span<const std::size_t> samples) {
  if (samples.empty()) return {};
  SPEEDSTER_ASSIGN(auto outputs, get(samples.first(1)));
  for (std::size_t i = 0; i < outputs.front().size(); ++i)
    if (all_nan(outputs.front()[i]))
      return Error(ErrorKind::kBadInput, "[original] expected numbers in output \"" + session_->signature.outputs[i].name +
                                             "\", got NaN everywhere on sample " + std::to_string(samples[0]) +
                                             "; try samples like those that the model was trained on");
  return {};
}

Result<accuracy::Drop> check(Session& session, OriginalOutputs& original, Candidate& candidate, const CheckPart& part) {
  SPEEDSTER_ASSIGN(ServedPackage child,
                   ServedPackage::start(*session.supervisor, session.serve_spec(candidate, part.purpose),
                                        session.deadline.sooner(session.request->candidate_timeout_seconds), session.cancel));
  note_info(session, candidate, child.info());
  std::vector<std::string> names;
  for (const TensorSpec& output : session.signature.outputs) names.push_back(output.name);
  accuracy::DropAccumulator accumulator(*session.metric, names, session.request->output_name);
  SPEEDSTER_ASSIGN(std::optional<accuracy::ExternalMetric> external, external_metric(session, candidate, part, names));

  const bool limited = session.budget.drop && !session.budget.full_precision_only() && part.stop_when_hopeless && !external;
  std::size_t done = 0;
  std::size_t next_look = 16;
  while (done < part.samples.size()) {
    const auto rest = part.samples.subspan(done, std::min(kChunk, part.samples.size() - done));
    SPEEDSTER_ASSIGN(const auto expected, original.get(rest));
    std::size_t compared = 0;
    while (compared < expected.size()) {
      const auto wanted = rest.subspan(compared, expected.size() - compared);
      SPEEDSTER_ASSIGN(const auto got, child.run(wanted, session.deadline, session.cancel));
      for (std::size_t i = 0; i < got.size(); ++i) {
        if (got[i].size() != expected[compared].size())
          return Error(ErrorKind::kVendor, "[check] expected " + std::to_string(expected[compared].size()) + " outputs, got " +
                                               std::to_string(got[i].size()));
        SPEEDSTER_TRY(accumulator.add(expected[compared], got[i], label_of(session.store, wanted[i])));
        if (external) SPEEDSTER_TRY(external->add(wanted[i], expected[compared], got[i]));
        session.store.forget(wanted[i]);
        ++compared;
      }
    }
    done += compared;
    if (limited && done >= next_look && done < part.samples.size()) {
      if (accumulator.hopeless(*session.budget.drop, part.samples.size() - done)) break;
      next_look *= 2;
    }
  }
  candidate.row.peak_memory_bytes = std::max(candidate.row.peak_memory_bytes, child.peak_memory());
  const double confidence = session.budget.confidence.value_or(0.95);
  accuracy::Drop drop = accumulator.estimate(part.independent, confidence);
  if (!external || drop.new_non_finite) return drop;
  SPEEDSTER_ASSIGN(accuracy::Drop judged, external->finish(part.independent, confidence));
  judged.relative_l2 = drop.relative_l2;
  judged.psnr = drop.psnr;
  return judged;
}

}  // namespace speedster::search
