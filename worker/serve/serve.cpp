/// The serve mode: one request after another, each answered (docs/design/worker.md has the table).
#include <new>

#include "base/clock.h"
#include "hardware/cpu.h"
#include "job/exec.h"
#include "job/reply.h"
#include "worker/modes.h"
#include "worker/pipes.h"
#include "worker/probe.h"
#include "worker/serve/block.h"
#include "worker/serve/loaded.h"
#include "worker/serve/slot.h"

namespace speedster::worker {
namespace {

constexpr const char* kWho = "serve";

double number(const Json& request, const char* key, double fallback) {
  const Result<double> value = json_number(request, key, kWho);
  return value ? *value : fallback;
}

int integer(const Json& request, const char* key, int fallback) {
  const Result<std::int64_t> value = json_int(request, key, kWho);
  return value ? static_cast<int>(std::clamp<std::int64_t>(*value, 0, 1'000'000'000)) : fallback;
}

class Server {
 public:
  explicit Server(const Pipes& pipes) : pipes_(pipes) {}

  Result<Json> answer(const std::string& op, const Json& request) {
    if (op == "probe") {
      SPEEDSTER_ASSIGN(const std::string name, json_string(request, "backend", kWho));
      SPEEDSTER_ASSIGN(Json found, probe(name));
      return Json{{"probe", std::move(found)}};
    }
    if (op == "load") return load(request);
    if (loaded_ == nullptr) return Error(ErrorKind::kUsage, "[serve] expected \"load\" first, got \"" + op + "\"");
    if (op == "run") return run(request);
    if (op == "run_shape") return run_shape(request);
    if (op == "block") return block(request);
    if (op == "tail") return tail(request);
    if (op == "stats") return stats();
    if (op == "profile") return profile(request);
    return Error(ErrorKind::kUsage, "[serve] expected an operation, got \"" + op + "\"");
  }

 private:
  Result<Json> load(const Json& request) {
    if (loaded_ != nullptr) return Error(ErrorKind::kUsage, "[serve] expected one \"load\" a process, got another");
    double seconds = 0;
    SPEEDSTER_ASSIGN(loaded_, Loaded::load(request, &seconds));
    return Json{{"load_seconds", seconds}, {"signature", signature_json(loaded_->learner())}};
  }

  /// Not a part of load: to say which precision ran, a vendor may compile and run the model a second time.
  Result<Json> stats() {
    SPEEDSTER_ASSIGN(const std::string text, loaded_->learner().info());
    SPEEDSTER_ASSIGN(Json info, parse_json(text, kWho));
    return Json{{"stats", std::move(info)}};
  }

  /// Samples are run until the slot is as full as the parent wants it; a large one grows it.
  Result<Json> run(const Json& request) {
    SPEEDSTER_ASSIGN(const std::vector<std::size_t> indices, read_indices(request, "indices"));
    const auto slot_bytes = static_cast<std::uint64_t>(std::max(number(request, "slot_bytes", 32e6), 0.0));
    const auto begin = static_cast<std::size_t>(integer(request, "offset", 0));
    if (begin >= indices.size()) return Error(ErrorKind::kUsage, "[serve] expected samples to run, got none");
    slot_.clear();
    Json outputs = Json::array();
    std::size_t done = begin;
    do {
      // Where a vendor ends this process, the parent knows on which.
      pipes_.send({{"progress", 0}, {"sample", indices[done]}});
      SPEEDSTER_ASSIGN(const Inputs* sample, loaded_->sample(indices[done]));
      SPEEDSTER_ASSIGN(Json described, run_into_slot(*sample));
      outputs.push_back(std::move(described));
      loaded_->forget(indices[done]);
      ++done;
    } while (done < indices.size() && slot_.used() < slot_bytes);
    return Json{{"consumed", done - begin}, {"outputs", std::move(outputs)}, {"map_bytes", slot_.mapped()}};
  }

  Result<Json> run_into_slot(const Inputs& inputs) {
    Caller& caller = loaded_->caller(0);
    SPEEDSTER_TRY(caller.release_outputs());
    SPEEDSTER_TRY(caller.run(inputs));
    SPEEDSTER_ASSIGN(const std::vector<TensorView> views, caller.outputs());
    return slot_.add(views);
  }

  Result<Json> run_shape(const Json& request) {
    SPEEDSTER_ASSIGN(const Json* shapes, json_object(request, "shapes", kWho));
    const auto index = static_cast<std::size_t>(integer(request, "sample", 0));
    SPEEDSTER_ASSIGN(const std::unique_ptr<Inputs> inputs, loaded_->reshaped(index, *shapes));
    slot_.clear();
    SPEEDSTER_ASSIGN(Json described, run_into_slot(*inputs));
    std::vector<double> seconds;
    Caller& caller = loaded_->caller(0);
    for (int i = 0; i < std::max(integer(request, "calls", 1), 1); ++i) {
      const double begin = now_seconds();
      SPEEDSTER_TRY(caller.run(*inputs));
      seconds.push_back(now_seconds() - begin);
    }
    return Json{{"outputs", Json::array({std::move(described)})},
                {"map_bytes", slot_.mapped()},
                {"call_seconds", median(std::move(seconds))}};
  }

  Result<Json> block(const Json& request) {
    BlockPlan plan;
    plan.warm_calls = integer(request, "warm_calls", plan.warm_calls);
    plan.warm_seconds = number(request, "warm_seconds", plan.warm_seconds);
    plan.calls = integer(request, "calls", plan.calls);
    plan.seconds = number(request, "seconds", plan.seconds);
    plan.slow_calls = integer(request, "slow_calls", plan.slow_calls);
    plan.concurrency = integer(request, "concurrency", plan.concurrency);
    plan.interval_seconds = number(request, "interval_seconds", 0);
    return timed(request, plan);
  }

  Result<Json> tail(const Json& request) {
    BlockPlan plan;
    plan.each_shape = false;
    plan.calls = plan.slow_calls = std::max(integer(request, "calls", 300), 1);
    plan.seconds = 0;
    plan.batches = false;
    plan.concurrency = integer(request, "concurrency", plan.concurrency);
    plan.interval_seconds = number(request, "interval_seconds", 0);
    return timed(request, plan);
  }

  /// The samples, or the shapes of the mix, that a request names.
  Result<CallInputs> inputs_of(const Json& request) {
    SPEEDSTER_ASSIGN(const std::vector<std::size_t> indices, read_indices(request, "indices"));
    if (request.contains("mix")) return loaded_->mixed(indices, request["mix"]);
    CallInputs inputs;
    SPEEDSTER_ASSIGN(inputs.samples, loaded_->only(indices));
    return inputs;
  }

  Result<Json> timed(const Json& request, const BlockPlan& plan) {
    SPEEDSTER_ASSIGN(const CallInputs inputs, inputs_of(request));
    SPEEDSTER_ASSIGN(const BlockTimes times, run_block(*loaded_, inputs, plan));
    return Json{{"calls", times.calls},
                {"value", times.value},
                {"major_faults", times.major_faults},
                {"cpu_seconds", times.cpu_seconds},
                {"call_cpu_seconds", times.call_cpu_seconds}};
  }

  Result<Json> profile(const Json& request) {
    SPEEDSTER_ASSIGN(const Inputs* sample, loaded_->sample(static_cast<std::size_t>(integer(request, "sample", 0))));
    Caller& caller = loaded_->caller(0);
    SPEEDSTER_TRY(caller.run(*sample));
    SPEEDSTER_ASSIGN(const std::string text, caller.profile());
    SPEEDSTER_ASSIGN(Json json, parse_json(text, kWho));
    return Json{{"profile", std::move(json)}};
  }

  const Pipes& pipes_;
  std::unique_ptr<Loaded> loaded_;
  Slot slot_;
};

}  // namespace

int serve_mode() {
  Pipes pipes;
  Server server(pipes);
  while (true) {
    const Result<std::optional<Json>> request = pipes.next();
    if (!request) {
      pipes.send(job::to_reply(request.error()));
      return 1;
    }
    if (!request->has_value()) return 0;
    const Result<std::string> op = json_string(**request, "op", kWho);
    if (op && *op == "quit") {
      pipes.send({{"ok", true}});
      return 0;
    }
    try {
      Result<Json> answer = op ? server.answer(*op, **request) : Result<Json>(op.error());
      if (!answer) {
        pipes.send(job::to_reply(answer.error()));
        continue;
      }
      Json reply = {{"ok", true}};
      reply.update(*answer);
      reply["peak_rss"] = hardware::peak_memory();
      pipes.send(reply);
    } catch (const std::bad_alloc&) {
      return job::kOutOfMemoryExit;  // what was bound or half-built is not to be trusted any more
    } catch (const std::exception& error) {
      pipes.send(job::to_reply(
          Error(ErrorKind::kInternal, std::string("[serve] expected no exception, got: ") + error.what())));
    }
  }
}

}  // namespace speedster::worker
