#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>

#include "base/files.h"
#include "job/failures.h"
#include "search/metric_program.h"
#include "search/rows.h"
#include "search/session.h"
#include "tensor/difference.h"

namespace speedster::search {
namespace {

// The original's outputs up to this much stay on disk for the next candidate's check, and so much is read at once.
constexpr std::uint64_t kKeptBytes = std::uint64_t{4} << 30U, kReadBytes = std::uint64_t{24} << 20U;
constexpr std::uint64_t kKeptInMemory = std::uint64_t{256} << 20U;
// Under a time budget: the least samples that say anything, and the part of a stage's time that may go into them where
// the user's program needs some after them.
constexpr std::size_t kLeastSamples = 16;
constexpr double kShareBesideAProgram = 0.5;
// Samples asked for at once; the child returns fewer where their outputs do not fit in the slot.
constexpr std::size_t kChunk = 64;
// Runs of the user's metric program where an interval of its drops is asked for.
constexpr std::size_t kRuns = 10;

accuracy::Label label_of(const samples::SampleStore& store, std::size_t sample) {
  if (!store.labelled()) return {};
  return {store.label(sample), store.label_text(sample)};
}

bool lies_in_memory(const UniqueFd& file) {
  struct statfs system{};
  return ::fstatfs(file.get(), &system) == 0 && (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC);
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
  return std::move(result).error().wrap_as(ErrorKind::kVendor,
                                           "[check] expected the vendor to take the candidate's graph");
}

fs::path metric_folder(const Session& session, const Candidate& candidate, const CheckPart& part) {
  return session.work / (candidate.recipe.name + "-" + part.purpose + "-metric");
}

/// What a program was given when it failed outlives the search, like a job that failed.
Error with_files(const Session& session, const Candidate& candidate, const CheckPart& part, Error error) {
  if (session.stopping()) return error;
  const auto kept = job::move_to_failures(metric_folder(session, candidate, part), candidate.recipe.name + "-metric");
  return kept.ok() ? Error(error.kind(), error.full_message() + "; its files are in " + kept->string()) : error;
}

/// The user's program, where one judges. With --metric-confidence it sees the samples in several runs, so that there is
/// an interval.
Result<std::optional<accuracy::ExternalMetric>> external_metric(const Session& session, const Candidate& candidate,
                                                                const CheckPart& part,
                                                                const std::vector<std::string>& outputs) {
  std::optional<accuracy::ExternalMetric> none;
  if (session.request->metric_command.empty()) return none;
  accuracy::ExternalOptions options;
  SPEEDSTER_ASSIGN(options.command, resolve_program(session.request->metric_command));
  std::error_code error;
  if (!session.request->labels.empty()) options.labels = fs::absolute(session.request->labels, error);
  if (session.budget.confidence) options.samples_per_run = std::max<std::size_t>(part.samples.size() / kRuns, 1);
  options.directory = metric_folder(session, candidate, part);
  SPEEDSTER_TRY(make_directories(options.directory));
  SPEEDSTER_ASSIGN(accuracy::ExternalMetric metric,
                   accuracy::ExternalMetric::create(std::move(options), outputs, run_in_child(session)));
  return std::optional<accuracy::ExternalMetric>(std::move(metric));
}

}  // namespace

Result<void> check_shapes(const Signature& signature, const Outputs& wants, const Outputs& got) {
  for (std::size_t i = 0; i < wants.size(); ++i) {
    bool fits = got[i].shape.size() == wants[i].shape.size();
    for (std::size_t axis = 0; fits && axis < got[i].shape.size(); ++axis) {
      const std::vector<Axis>& axes = signature.outputs[i].axes;
      const bool fixed = axis < axes.size() && !axes[axis].dynamic();
      fits = got[i].shape[axis] == wants[i].shape[axis] || !fixed;
    }
    if (!fits)
      return Error(ErrorKind::kVendor, "[check] expected [" + to_string(wants[i].shape) + "] as output \"" +
                                           signature.outputs[i].name + "\", got [" + to_string(got[i].shape) + "]");
  }
  return {};
}

OriginalOutputs::OriginalOutputs(Session& session, ServedPackage child, ServeSpec spec)
    : session_(&session), child_(std::move(child)), spec_(std::move(spec)) {
  const fs::path path = session.work / "original-outputs";
  file_ = UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  ::unlink(path.c_str());
  const auto free = free_space(session.work);
  if (file_.valid() && free.ok()) file_limit_ = std::min(lies_in_memory(file_) ? kKeptInMemory : kKeptBytes, *free / 4);
}

Result<std::vector<Outputs>> OriginalOutputs::get(std::span<const std::size_t> samples) {
  if (kept_.contains(samples.front())) return read(samples);
  std::size_t fresh = 1;
  while (fresh < samples.size() && !kept_.contains(samples[fresh])) ++fresh;
  if (broken_) return *broken_;
  if (!child_ || !child_->running()) {  // it rests, or the end of a stage's time came amid a call
    auto started = ServedPackage::start(*session_->supervisor, spec_, session_->deadline, session_->cancel);
    if (!started.ok()) {
      if (!session_->stopping()) broken_ = started.error();
      return std::move(started).error();
    }
    child_ = *std::move(started);
  }
  auto answer = child_->run(samples.first(fresh), session_->deadline, session_->cancel);
  if (!answer.ok()) {
    if (!session_->stopping()) broken_ = answer.error();
    return std::move(answer).error();
  }
  for (std::size_t i = 0; i < answer->size(); ++i) keep(samples[i], (*answer)[i]);
  return answer;
}

void OriginalOutputs::keep(std::size_t sample, const Outputs& outputs) {
  std::uint64_t bytes = 0;
  for (const TensorView& tensor : outputs) bytes += tensor.bytes();
  if (bytes > file_limit_ - file_bytes_) return;
  std::vector<Place> places;
  for (const TensorView& tensor : outputs) {
    places.push_back({tensor.dtype, Shape(tensor.shape.begin(), tensor.shape.end()), file_bytes_, tensor.bytes()});
    if (!write_all(file_.get(), {static_cast<const std::byte*>(tensor.data), tensor.bytes()}, "original-outputs")
             .ok()) {
      // A full disk: what follows is computed again, and what is there is not found any more.
      file_limit_ = file_bytes_ = 0;
      kept_.clear();
      return;
    }
    file_bytes_ += tensor.bytes();
  }
  kept_[sample] = std::move(places);
}

Result<std::vector<Outputs>> OriginalOutputs::read(std::span<const std::size_t> samples) {
  constexpr std::uint64_t kAlign = 64;
  const auto place_of = [](std::uint64_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; };
  std::vector<const std::vector<Place>*> found;
  std::uint64_t bytes = 0;
  for (const std::size_t sample : samples) {
    const auto kept = kept_.find(sample);
    if (kept == kept_.end() || (!found.empty() && bytes > kReadBytes)) break;
    for (const Place& place : kept->second) bytes += place_of(place.bytes);
    found.push_back(&kept->second);
  }
  if (bytes > current_.size()) current_.resize(bytes);
  std::vector<Outputs> views;
  std::byte* to = current_.data();
  for (const std::vector<Place>* places : found) {
    Outputs& outputs = views.emplace_back();
    for (const Place& place : *places) {
      std::uint64_t done = 0;
      while (done < place.bytes) {
        const ssize_t got =
            ::pread(file_.get(), to + done, place.bytes - done, static_cast<off_t>(place.offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return errno_error(got < 0 ? errno : EIO, "check", "the original's outputs", "original-outputs");
        done += static_cast<std::uint64_t>(got);
      }
      outputs.push_back({place.dtype, place.shape, to});
      to += place_of(place.bytes);
    }
  }
  return views;
}

Result<void> OriginalOutputs::check_finite(std::span<const std::size_t> samples) {
  if (samples.empty()) return {};
  SPEEDSTER_ASSIGN(auto outputs, get(samples.first(1)));
  for (std::size_t i = 0; i < outputs.front().size(); ++i)
    if (all_nan(outputs.front()[i]))
      return Error(ErrorKind::kBadInput, "[original] expected numbers in output \"" +
                                             session_->signature.outputs[i].name + "\", got NaN everywhere on sample " +
                                             std::to_string(samples[0]) +
                                             "; try samples like those that the model was trained on");
  return {};
}

Result<Json> agrees(Session& session, OriginalOutputs& original, Candidate& candidate, std::size_t sample) {
  const std::size_t one[] = {sample};
  SPEEDSTER_ASSIGN(ServedPackage child,
                   ServedPackage::start(*session.supervisor, session.serve_spec(candidate, "check"), session.deadline,
                                        session.cancel));
  candidate.row.load_seconds = child.load_seconds();
  SPEEDSTER_ASSIGN(const auto wants, original.get(one));
  SPEEDSTER_ASSIGN(const auto got, child.run(one, session.deadline, session.cancel));
  SPEEDSTER_TRY(check_shapes(session.signature, wants.front(), got.front()));
  for (std::size_t i = 0; i < wants.front().size(); ++i) {
    const std::string& name = session.signature.outputs[i].name;
    if (!session.request->output_name.empty() && session.request->output_name != name) continue;
    const Difference off = difference(wants.front()[i], got.front()[i]);
    if (off.same_shape && !off.new_non_finite && off.relative_l2 <= accuracy::kFullPrecision) continue;
    const Error wrong(ErrorKind::kVendor,
                      "[check] expected the original's numbers, got " +
                          (off.new_non_finite ? std::string("NaN or infinity")
                                              : "a relative L2 of " + short_number(off.relative_l2)) +
                          " in output \"" + name + "\"");
    child.report_wrong(wrong, sample);
    return wrong;
  }
  candidate.row.peak_memory_bytes = std::max(candidate.row.peak_memory_bytes, child.peak_memory());
  return child.stats(session.deadline, session.cancel);
}

Result<accuracy::Drop> check(Session& session, OriginalOutputs& original, Candidate& candidate, const CheckPart& part) {
  ServeSpec spec = session.serve_spec(candidate, part.purpose);
  const auto tell = [&](const std::string& option, const std::string& value) {
    const auto known = session.load_options.find(candidate.recipe.backend);
    if (known != session.load_options.end() && known->second.contains(option)) spec.options[option] = value;
  };
  if (part.beside_jobs && !session.total.limited()) tell("spinning", "0");
  // Nothing is timed here, and which precision ran is asked for at the end: without it some compile once more for that.
  if (candidate.row.ran_precision.empty() && !candidate.recipe.options.contains("inspect")) tell("inspect", "1");
  SPEEDSTER_ASSIGN(ServedPackage child,
                   as_vendors(ServedPackage::start(*session.supervisor, spec, session.deadline, session.cancel)));
  candidate.row.load_seconds = child.load_seconds();
  std::vector<std::string> names;
  for (const TensorSpec& output : session.signature.outputs) names.push_back(output.name);
  accuracy::DropAccumulator accumulator(*session.metric, names, session.request->output_name);
  SPEEDSTER_ASSIGN(std::optional<accuracy::ExternalMetric> external, external_metric(session, candidate, part, names));

  const bool limited = session.budget.drop && !session.budget.full_precision_only() &&
                       part.extent == CheckPart::Extent::kUntilHopeless && !external;
  std::size_t done = 0;
  std::size_t next_look = 16;
  std::optional<std::size_t> wrong;  // the first sample with NaN or infinity where the original has numbers
  const bool timed = session.deadline.limited();
  const double share = external ? std::min(part.time_share, kShareBesideAProgram) : part.time_share;
  const double allowed = timed ? share * session.deadline.left() : 0;
  const double started = now_seconds();
  double longest = 0;  // what the next samples may take: with them the end of the time would undo the others, too
  candidate.check_cut = false;
  while (done < part.samples.size()) {
    const double begun = now_seconds();
    if (timed && done >= kLeastSamples && begun - started + longest > allowed) {
      candidate.check_cut = true;
      break;
    }
    const auto rest = part.samples.subspan(done, std::min(timed ? kLeastSamples : kChunk, part.samples.size() - done));
    SPEEDSTER_ASSIGN(const auto expected, original.get(rest));
    std::size_t compared = 0;
    while (compared < expected.size()) {
      const auto wanted = rest.subspan(compared, expected.size() - compared);
      const double begin = now_seconds();
      SPEEDSTER_ASSIGN(const auto got, as_vendors(child.run(wanted, session.deadline, session.cancel)));
      candidate.rough_seconds = (now_seconds() - begin) / static_cast<double>(std::max<std::size_t>(got.size(), 1));
      for (std::size_t i = 0; i < got.size(); ++i) {
        const Outputs& wants = expected[compared];
        if (auto fits = check_shapes(session.signature, wants, got[i]); !fits.ok()) {
          child.report_wrong(fits.error(), wanted[i]);
          return std::move(fits).error();
        }
        SPEEDSTER_TRY(accumulator.add(wants, got[i], label_of(session.store, wanted[i])));
        if (!wrong && accumulator.new_non_finite()) wrong = wanted[i];
        if (external)
          if (auto added = external->add(wanted[i], wants, got[i]); !added.ok())
            return with_files(session, candidate, part, std::move(added).error());
        session.store.forget(wanted[i]);
        ++compared;
      }
    }
    done += compared;
    longest = std::max(longest, now_seconds() - begun);
    if (limited && done >= next_look && done < part.samples.size()) {
      if (accumulator.hopeless(*session.budget.drop, part.samples.size() - done)) break;
      next_look *= 2;
    }
  }
  candidate.row.peak_memory_bytes = std::max(candidate.row.peak_memory_bytes, child.peak_memory());
  if (candidate.row.ran_precision.empty()) {
    SPEEDSTER_ASSIGN(const Json info, as_vendors(child.stats(session.deadline, session.cancel)));
    note_info(session, candidate, info);
  }
  if (wrong)
    child.report_wrong(Error(ErrorKind::kVendor,
                             "[check] expected numbers where the original has some, got NaN or infinity on "
                             "sample " +
                                 std::to_string(*wrong)),
                       wrong);
  const double confidence = session.budget.confidence.value_or(0.95);
  accuracy::Drop drop = accumulator.estimate(part.independent, confidence);
  if (drop.samples > 0 && drop.blank == drop.samples)
    return Error(ErrorKind::kBadInput,
                 "[original] expected numbers in every output, got NaN or infinity everywhere on all " +
                     std::to_string(drop.samples) + " samples; try samples like those that the model was trained on");
  if (!external || drop.new_non_finite) return drop;
  Result<accuracy::Drop> finished = external->finish(part.independent, confidence);
  if (!finished.ok()) return with_files(session, candidate, part, std::move(finished).error());
  accuracy::Drop judged = *std::move(finished);
  judged.relative_l2 = drop.relative_l2;
  judged.largest_l2 = drop.largest_l2;
  judged.psnr = drop.psnr;
  judged.blank = drop.blank;
  return judged;
}

}  // namespace speedster::search
