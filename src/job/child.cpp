#include "job/child.h"

#include <cerrno>
#include <csignal>
#include <ctime>

#include "base/text.h"
#include "job/reply.h"

namespace speedster::job {
namespace {

/// SIGKILL takes effect at once but for a process stuck in the kernel; a stop needs every thread to reach user mode.
constexpr double kEndSeconds = 10, kPauseSeconds = 5, kGraceSeconds = 1;

}  // namespace

Child::State::~State() { end("kill"); }

void Child::State::tell(Json body) const {
  const std::shared_ptr<Link> watchdog = link.lock();
  if (watchdog == nullptr) return;
  body["id"] = record->id;
  (void)watchdog->send(body);  // failing means that the watchdog is gone, and the record will say so
}

bool Child::State::ended() const {
  const std::lock_guard lock(record->mutex);
  return record->ended;
}

Exit Child::State::end(std::string_view reason) {
  if (!ended()) {
    tell({{"op", "kill"}, {"reason", reason}});
    record->wait_for(Deadline::in(kEndSeconds), CancelToken(), [&] { return record->ended; });
  }
  const std::lock_guard lock(record->mutex);
  if (!record->ended) record->exit.fate = reason == "timeout" ? Fate::kTimeout : Fate::kCancelled;
  return record->exit;
}

Error Child::State::rubbish(std::string_view got) {
  end("kill");
  std::string shown(trim(got.substr(0, 80)));
  return {ErrorKind::kVendor, "[" + name + "] expected a JSON object on descriptor 4, got \"" + shown +
                                  "\"; try log.txt in its job directory"};
}

Result<std::optional<Json>> Child::State::take_line(const std::string& line,
                                                    const std::function<void(const Json&)>& progress) const {
  SPEEDSTER_ASSIGN(Json json, parse_json(line, name));
  if (!json.is_object()) return Error(ErrorKind::kVendor, "[" + name + "] expected an object");
  if (!json.contains("progress") || json.contains("ok")) return std::optional<Json>(std::move(json));
  if (progress) progress(json);
  return std::optional<Json>();
}

Child::Child(std::shared_ptr<State> state) : state_(std::move(state)) {}
Child::Child(Child&&) noexcept = default;
Child& Child::operator=(Child&&) noexcept = default;
Child::~Child() = default;

int Child::pid() const { return state_->record->pid; }
bool Child::running() const { return !state_->ended(); }
void Child::kill() { state_->end("kill"); }
void Child::watch_memory(bool on) { state_->tell({{"op", "watch"}, {"on", on}}); }

double Child::cpu_seconds() const {
  const std::lock_guard lock(state_->record->mutex);
  if (state_->record->ended) return state_->record->exit.cpu_seconds;
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(state_->record->pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

Result<Json> Child::call(const Json& request, const Deadline& deadline, const CancelToken& cancel,
                         const std::function<void(const Json&)>& progress) {
  State& state = *state_;
  state.channel.queue(request);
  std::optional<Deadline> grace;  // from the moment at which no answer can come any more
  while (true) {
    if (cancel.cancelled()) return to_error(state.end("cancel"), state.name);
    if (deadline.passed()) return to_error(state.end("timeout"), state.name);
    const Channel::State happened = state.channel.pump(std::min(deadline.left(), Record::kSlice));
    if (happened == Channel::State::kRubbish) return state.rubbish("an endless line");
    while (const std::optional<std::string> line = state.channel.next_line()) {
      Result<std::optional<Json>> taken = state.take_line(*line, progress);
      if (!taken) return state.rubbish(*line);
      if (!taken->has_value()) continue;
      const Json& reply = **taken;
      if (reply.value("ok", Json(true)) != Json(false)) return std::move(**taken);
      return error_from_reply(reply, state.name);
    }
    if (happened != Channel::State::kClosed && !state.ended()) continue;
    // What it wrote before its end was read above; its end, if it is one, is reported in a moment.
    if (!grace) grace = Deadline::in(kGraceSeconds);
    const bool ended =
        state.record->wait_for(Deadline::in(Record::kSlice), cancel, [&] { return state.record->ended; });
    if (ended && happened != Channel::State::kWaiting) return to_error(state.end("kill"), state.name);
    if (!grace->passed()) continue;
    if (ended) return to_error(state.end("kill"), state.name);  // a stray holds the pipe open
    state.end("kill");
    return Error(ErrorKind::kVendor, "[" + state.name +
                                         "] expected a reply on descriptor 4, got a child that closed it; "
                                         "try log.txt in its job directory");
  }
}

Exit Child::wait(const Deadline& deadline, const CancelToken& cancel,
                 const std::function<void(const Json&)>& progress) {
  State& state = *state_;
  bool open = true;
  while (true) {
    if (cancel.cancelled()) return state.end("cancel");
    if (deadline.passed()) return state.end("timeout");
    if (!open) {
      if (state.record->wait_for(deadline, cancel, [&] { return state.record->ended; })) return state.end("");
      continue;
    }
    const Channel::State happened = state.channel.pump(std::min(deadline.left(), Record::kSlice));
    while (const std::optional<std::string> line = state.channel.next_line()) {
      // Its end is what counts here: lines that say nothing are passed over.
      const Result<std::optional<Json>> taken = state.take_line(*line, progress);
      if (taken && taken->has_value() && progress) progress(**taken);
    }
    open = happened == Channel::State::kWaiting || happened == Channel::State::kLine;
    if (open && happened == Channel::State::kWaiting && state.ended()) return state.end("");
  }
}

Result<void> Child::pause() {
  State& state = *state_;
  Record& record = *state.record;
  {
    const std::lock_guard lock(record.mutex);
    record.paused = false;
  }
  state.tell({{"op", "pause"}});
  const bool seen =
      record.wait_for(Deadline::in(kPauseSeconds), CancelToken(), [&] { return record.paused || record.ended; });
  const std::lock_guard lock(record.mutex);
  if (record.ended) return to_error(record.exit, state.name);
  if (!seen)
    return Error(ErrorKind::kTimeout, "[" + state.name + "] expected a child that stops, got one that still runs");
  return {};
}

Result<void> Child::resume() {
  State& state = *state_;
  {
    const std::lock_guard lock(state.record->mutex);
    if (state.record->ended) return to_error(state.record->exit, state.name);
  }
  state.tell({{"op", "resume"}});
  return {};
}

}  // namespace speedster::job
