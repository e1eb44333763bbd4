#include "search/served.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/files.h"

namespace speedster::search {
namespace {

constexpr const char* kWho = "serve";
// One slot of the ring. A sample that needs more grows it; fewer, larger slots would only cost memory.
constexpr std::uint64_t kSlotBytes = std::uint64_t{32} << 20U;

Json run_request(std::span<const std::size_t> samples) {
  return {{"op", "run"},
          {"indices", std::vector<std::size_t>(samples.begin(), samples.end())},
          {"slot_bytes", kSlotBytes},
          {"offset", 0}};
}

/// The samples, or the mix of shapes made from them, that are timed.
void add_inputs(Json& request, const measure::BlockSpec& spec, std::span<const std::size_t> samples) {
  request["indices"] = std::vector<std::size_t>(samples.begin(), samples.end());
  if (!spec.mix) return;
  request["mix"] = Json::array();
  for (const measure::CallShape& one : *spec.mix)
    request["mix"].push_back({{"shapes", one.shapes}, {"share", one.share}});
}

}  // namespace

struct ServedPackage::State {
  State(job::Child started, ServeSpec what) : child(std::move(started)), spec(std::move(what)) {}
  ~State() { unmap(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// Sends a request within the time that one may take, and tells the listener where it failed.
  Result<Json> call(const Json& request, const Deadline& deadline, const CancelToken& cancel) {
    latest = request;
    at_sample.reset();
    auto reply = awake_call(request, deadline, cancel);
    if (!reply.ok() && reply.error().kind() != ErrorKind::kCancelled) report(request, reply.error());
    return reply;
  }

  Result<Json> awake_call(const Json& request, const Deadline& deadline, const CancelToken& cancel) {
    if (paused) {
      SPEEDSTER_TRY(child.resume());
      paused = false;
    }
    return child.call(request, deadline.sooner(spec.call_timeout_seconds), cancel, [this](const Json& progress) {
      if (progress.contains("sample") && progress["sample"].is_number_unsigned())
        at_sample = progress["sample"].get<std::size_t>();
    });
  }

  void report(const Json& request, const Error& error) const {
    if (!spec.failed) return;
    job::ServeFailure failure{spec.directory, spec.package, spec.samples, {loaded}, error, spec.limits, {}, {}, {}};
    failure.limits.wall_seconds = 2 * spec.call_timeout_seconds;  // the loading and the call
    if (request != loaded) failure.requests.push_back(request);
    failure.sample = at_sample;
    spec.failed(std::move(failure));
  }

  void unmap() {
    if (map != nullptr) ::munmap(map, map_bytes);
    map = nullptr;
    map_bytes = 0;
  }

  /// Maps what the child says it wrote; the file's real size is checked, so that a lie cannot reach beyond it.
  Result<void> remap(std::uint64_t bytes) {
    if (bytes <= map_bytes) return {};
    struct stat status{};
    if (::fstat(memory.get(), &status) != 0 || static_cast<std::uint64_t>(status.st_size) < bytes)
      return Error(ErrorKind::kInternal, "[serve] expected a shared slot of " + std::to_string(bytes) + " bytes, got " +
                                             std::to_string(status.st_size));
    unmap();
    void* mapped = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, memory.get(), 0);
    if (mapped == MAP_FAILED) return errno_error(errno, kWho, "shared memory", "outputs");
    map = mapped;
    map_bytes = bytes;
    return {};
  }

  Result<Outputs> outputs_of(const Json& sample) {
    Outputs outputs;
    if (!sample.is_array()) return Error(ErrorKind::kInternal, "[serve] expected a list of outputs");
    for (const Json& item : sample) {
      SPEEDSTER_ASSIGN(const std::string dtype, json_string(item, "dtype", kWho));
      SPEEDSTER_ASSIGN(const std::int64_t offset, json_int(item, "offset", kWho));
      SPEEDSTER_ASSIGN(const Json* dims, json_array(item, "shape", kWho));
      const auto known = dtype_from_name(dtype);
      auto shape = std::make_unique<Shape>();
      for (const Json& d : *dims) {
        if (!d.is_number_integer()) return Error(ErrorKind::kInternal, "[serve] expected integer dimensions");
        shape->push_back(d.get<std::int64_t>());
      }
      const auto count = element_count(*shape);
      if (!known || !count || offset < 0 || static_cast<std::uint64_t>(offset) > map_bytes ||
          static_cast<std::uint64_t>(*count) > (map_bytes - static_cast<std::uint64_t>(offset)) / byte_size(*known))
        return Error(ErrorKind::kInternal, "[serve] expected an output inside the shared slot, got " + item.dump());
      outputs.push_back({*known, *shape, static_cast<std::byte*>(map) + offset});
      shapes.push_back(std::move(shape));
    }
    return outputs;
  }

  Result<std::vector<Outputs>> outputs_in(const Json& reply) {
    SPEEDSTER_ASSIGN(const std::int64_t bytes, json_int(reply, "map_bytes", kWho));
    SPEEDSTER_TRY(remap(static_cast<std::uint64_t>(std::max<std::int64_t>(bytes, 0))));
    SPEEDSTER_ASSIGN(const Json* list, json_array(reply, "outputs", kWho));
    shapes.clear();
    std::vector<Outputs> all;
    for (const Json& sample : *list) {
      SPEEDSTER_ASSIGN(Outputs outputs, outputs_of(sample));
      if (spec.outputs > 0 && outputs.size() != spec.outputs) {
        const Error error(ErrorKind::kVendor, "[serve] expected " + std::to_string(spec.outputs) + " outputs, got " +
                                                  std::to_string(outputs.size()));
        report(latest, error);
        return error;
      }
      all.push_back(std::move(outputs));
    }
    note_peak(reply);
    return all;
  }

  void note_peak(const Json& reply) {
    if (!asked && reply.contains("peak_rss") && reply["peak_rss"].is_number())
      peak_memory = std::max(peak_memory, reply["peak_rss"].get<std::uint64_t>());
  }

  job::Child child;
  ServeSpec spec;
  Json loaded;  // the request that loaded the package
  Json latest;
  std::optional<std::size_t> at_sample;  // of a request of several, the last that was begun
  UniqueFd memory;
  void* map = nullptr;
  std::size_t map_bytes = 0;
  std::vector<std::unique_ptr<Shape>> shapes;  // behind the views of the last run
  double load_seconds = 0;
  std::uint64_t peak_memory = 0;
  bool asked = false;  // for stats: what it takes is not the package's
  bool paused = false;
};

ServedPackage::ServedPackage(std::unique_ptr<State> state) : state_(std::move(state)) {}
ServedPackage::ServedPackage(ServedPackage&&) noexcept = default;
ServedPackage& ServedPackage::operator=(ServedPackage&&) noexcept = default;
ServedPackage::~ServedPackage() = default;

Result<ServedPackage> ServedPackage::start(job::Supervisor& supervisor, const ServeSpec& spec, const Deadline& deadline,
                                           const CancelToken& cancel) {
  UniqueFd memory(::memfd_create("speedster-outputs", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory.valid()) return errno_error(errno, kWho, "shared memory", "outputs");
  // The child makes it larger; were it to make it smaller, reading what is mapped here would end this process.
  if (::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
    return errno_error(errno, kWho, "shared memory that cannot shrink", "outputs");
  SPEEDSTER_TRY(make_directories(spec.directory));
  job::Command command;
  command.argv = {supervisor.worker().string(), "serve"};
  command.directory = spec.directory;
  command.limits = spec.limits;
  command.descriptors = {memory.get()};
  SPEEDSTER_ASSIGN(job::Child child, supervisor.spawn(command));
  auto state = std::make_unique<State>(std::move(child), spec);
  state->memory = std::move(memory);
  Json request = {{"op", "load"},
                  {"package", spec.package.string()},
                  {"variant", spec.variant},
                  {"entry", spec.entry},
                  {"threads", spec.threads},
                  {"contexts", spec.contexts},
                  {"options", Json::object()}};
  for (const auto& [key, value] : spec.options) request["options"][key] = value;
  if (!spec.samples.empty()) request["samples"] = spec.samples.string();
  state->loaded = request;
  SPEEDSTER_ASSIGN(Json reply, state->call(request, deadline, cancel));
  SPEEDSTER_ASSIGN(state->load_seconds, json_number(reply, "load_seconds", kWho));
  state->note_peak(reply);
  return ServedPackage(std::move(state));
}

double ServedPackage::load_seconds() const { return state_->load_seconds; }
std::uint64_t ServedPackage::peak_memory() const { return state_->peak_memory; }

Result<Json> ServedPackage::stats(const Deadline& deadline, const CancelToken& cancel) {
  state_->asked = true;
  SPEEDSTER_ASSIGN(Json reply, state_->call({{"op", "stats"}}, deadline, cancel));
  SPEEDSTER_ASSIGN(const Json* stats, json_object(reply, "stats", kWho));
  return *stats;
}

void ServedPackage::report_wrong(const Error& error, std::optional<std::size_t> sample) {
  const std::size_t one[] = {sample.value_or(0)};
  state_->at_sample = sample;
  state_->report(sample ? run_request(one) : state_->latest, error);
}

Result<std::vector<Outputs>> ServedPackage::run(std::span<const std::size_t> samples, const Deadline& deadline,
                                                const CancelToken& cancel) {
  SPEEDSTER_ASSIGN(Json reply, state_->call(run_request(samples), deadline, cancel));
  SPEEDSTER_ASSIGN(auto all, state_->outputs_in(reply));
  if (all.empty() || all.size() > samples.size())
    return Error(ErrorKind::kInternal, "[serve] expected outputs of 1 to " + std::to_string(samples.size()) +
                                           " samples, got " + std::to_string(all.size()));
  return all;
}

Result<ServedPackage::ShapeRun> ServedPackage::run_shape(const std::map<std::string, Shape>& shapes, std::size_t sample,
                                                         int calls, const Deadline& deadline,
                                                         const CancelToken& cancel) {
  Json request = {{"op", "run_shape"}, {"shapes", Json::object()}, {"sample", sample}, {"calls", calls}};
  for (const auto& [name, shape] : shapes) request["shapes"][name] = shape;
  SPEEDSTER_ASSIGN(Json reply, state_->call(request, deadline, cancel));
  SPEEDSTER_ASSIGN(auto all, state_->outputs_in(reply));
  SPEEDSTER_ASSIGN(const double seconds, json_number(reply, "call_seconds", kWho));
  if (all.size() != 1) return Error(ErrorKind::kInternal, "[serve] expected the outputs of one call");
  SPEEDSTER_TRY(pause());  // the outputs lie in memory of ours
  return ShapeRun{std::move(all.front()), seconds};
}

Result<measure::Block> ServedPackage::block(const measure::BlockSpec& spec, std::span<const std::size_t> samples,
                                            const Deadline& deadline, const CancelToken& cancel) {
  Json request = {{"op", "block"},
                  {"warm_calls", spec.warm_calls},
                  {"warm_seconds", spec.warm_seconds},
                  {"calls", spec.calls},
                  {"seconds", spec.seconds},
                  {"slow_calls", spec.slow_calls},
                  {"concurrency", spec.concurrency},
                  {"interval_seconds", spec.interval_seconds}};
  add_inputs(request, spec, samples);
  SPEEDSTER_ASSIGN(Json reply, state_->call(request, deadline, cancel));
  measure::Block block;
  SPEEDSTER_ASSIGN(block.value, json_number(reply, "value", kWho));
  SPEEDSTER_ASSIGN(const Json* calls, json_array(reply, "calls", kWho));
  for (const Json& call : *calls)
    if (call.is_number()) block.calls.push_back(call.get<double>());
  SPEEDSTER_ASSIGN(const std::int64_t faults, json_int(reply, "major_faults", kWho));
  block.major_faults = static_cast<std::uint64_t>(std::max<std::int64_t>(faults, 0));
  SPEEDSTER_ASSIGN(block.own_cpu_seconds, json_number(reply, "cpu_seconds", kWho));
  SPEEDSTER_ASSIGN(block.call_cpu_seconds, json_number(reply, "call_cpu_seconds", kWho));
  if (spec.interval_seconds <= 0) state_->note_peak(reply);  // else the host's memory is in it
  if (!(block.value > 0))
    return Error(ErrorKind::kInternal, "[serve] expected a positive time, got " + std::to_string(block.value));
  SPEEDSTER_TRY(pause());
  return block;
}

Result<std::vector<double>> ServedPackage::tail(int calls, const measure::BlockSpec& profile,
                                                std::span<const std::size_t> samples, const Deadline& deadline,
                                                const CancelToken& cancel) {
  Json request = {{"op", "tail"},
                  {"calls", calls},
                  {"concurrency", profile.concurrency},
                  {"interval_seconds", profile.interval_seconds}};
  add_inputs(request, profile, samples);
  SPEEDSTER_ASSIGN(Json reply, state_->call(request, deadline, cancel));
  SPEEDSTER_ASSIGN(const Json* list, json_array(reply, "calls", kWho));
  std::vector<double> seconds;
  for (const Json& call : *list)
    if (call.is_number()) seconds.push_back(call.get<double>());
  SPEEDSTER_TRY(pause());
  return seconds;
}

Result<void> ServedPackage::pause() {
  if (state_->paused) return {};
  if (auto paused = state_->child.pause(); !paused.ok()) {
    state_->report(state_->latest, paused.error());
    return paused;
  }
  state_->paused = true;
  return {};
}

bool ServedPackage::running() const { return state_->child.running(); }

void ServedPackage::watch_memory(bool on) { state_->child.watch_memory(on); }

job::Exit ServedPackage::end() {
  state_->child.kill();
  return state_->child.wait(Deadline::in(5), CancelToken());
}

}  // namespace speedster::search
