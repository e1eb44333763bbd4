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

/// A candidate's graph that its vendor refuses is no fault of the user's input.
template <typename T>
Result<T> as_vendors(Result<T> result) {
  if (result.ok()) return result;
  const ErrorKind kind = result.error().kind();
  if (kind != ErrorKind::kBadInput && kind != ErrorKind::kUsage) return result;
  return std::move(result).error().wrap_as(ErrorKind::kVendor, "[check] expected the vendor to take the candidate's graph");
}

/// A shape is wrong where the model fixes it; extents that depend on the data may differ, the metric judges those.
Result<void> check_shapes(const Signature& signature, const Outputs& wants, const Outputs& got) {
  for (std::size_t i = 0; i < wants.size(); ++i) {
    bool fits = got[i].shape.size() == wants[i].shape.size();
    for (std::size_t axis = 0; fits && axis < got[i].shape.size(); ++axis) {
      const std::vector<Axis>& axes = signature.outputs[i].axes;
      const bool fixed = axis < axes.size() && !axes[axis].dynamic();
      fits = got[i].shape[axis] == wants[i].shape[axis] || !fixed;
    }
    if (!fits)
      return Error(ErrorKind::kVendor, "[check] expected [" + to_string(wants[i].shape) + "] as output \"" + signature.outputs[i].name +
                                           "\", got [" + to_string(got[i].shape) + "]");
  }
  return {};
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

OriginalOutputs::OriginalOutputs(Session& session, ServedPackage child, ServeSpec spec)
    : session_(&session), child_(std::move(child)), spec_(std::move(spec)) {}

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
  if (!child_.running() && !broken_) {  // the end of a stage's time came in the middle of a call
    SPEEDSTER_ASSIGN(child_, ServedPackage::start(*session_->supervisor, spec_, session_->deadline, session_->cancel));
  }
  auto answer = child_.run(samples, session_->deadline, session_->cancel);
  if (!answer.ok()) {
    if (!session_->stopping()) broken_ = answer.error();
    return std::move(answer).error();
  }
  std::vector<Outputs> fresh = *std::move(answer);
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
                   as_vendors(ServedPackage::start(*session.supervisor, session.serve_spec(candidate, part.purpose), session.deadline,
                                                   session.cancel)));
  note_info(session, candidate, child.info());
  candidate.row.load_seconds = child.load_seconds();
  std::vector<std::string> names;
  for (const TensorSpec& output : session.signature.outputs) names.push_back(output.name);
  accuracy::DropAccumulator accumulator(*session.metric, names, session.request->output_name);
  SPEEDSTER_ASSIGN(std::optional<accuracy::ExternalMetric> external, external_metric(session, candidate, part, names));

  const bool limited = session.budget.drop && !session.budget.full_precision_only() && part.stop_when_hopeless && !external;
  std::size_t done = 0;
  std::size_t next_look = 16;
  while (done < part.samples.size()) {
    const auto rest = part.samples.subspan(done, std::min(kChunk, part.samples.size() - done));
    const auto expected = original.get(rest);
    if (!expected.ok()) return expected.error();
    std::size_t compared = 0;
    while (compared < expected->size()) {
      const auto wanted = rest.subspan(compared, expected->size() - compared);
      const double begin = now_seconds();
      SPEEDSTER_ASSIGN(const auto got, as_vendors(child.run(wanted, session.deadline, session.cancel)));
      candidate.rough_seconds = (now_seconds() - begin) / static_cast<double>(std::max<std::size_t>(got.size(), 1));
      for (std::size_t i = 0; i < got.size(); ++i) {
        const Outputs& wants = (*expected)[compared];
        if (got[i].size() != wants.size())
          return Error(ErrorKind::kVendor, "[check] expected " + std::to_string(wants.size()) + " outputs, got " +
                                               std::to_string(got[i].size()));
        SPEEDSTER_TRY(check_shapes(session.signature, wants, got[i]));
        SPEEDSTER_TRY(accumulator.add(wants, got[i], label_of(session.store, wanted[i])));
        if (external) SPEEDSTER_TRY(external->add(wanted[i], wants, got[i]));
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
  judged.largest_l2 = drop.largest_l2;
  judged.psnr = drop.psnr;
  return judged;
}

}  // namespace speedster::search
