#include "worker/serve/serve.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>

#include "backend/vendor.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "job/reply.h"
#include "worker/serve/caller.h"
#include "worker/serve/shared_outputs.h"
#include "worker/serve/timed_block.h"

namespace speedster::worker {
namespace {

constexpr const char* kWho = "serve";
constexpr std::size_t kMaxRequest = std::size_t{64} << 20U;

std::uint64_t peak_rss() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

/// JSON lines from the parent; the end of the stream is the end of the child.
class Requests {
 public:
  explicit Requests(int descriptor) : descriptor_(descriptor) {}
  std::optional<std::string> next() {
    while (true) {
      if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return line;
      }
      std::array<std::byte, 65536> piece;
      const auto got = read_some(descriptor_, piece, "requests");
      if (!got.ok() || *got == 0 || buffer_.size() > kMaxRequest) return std::nullopt;
      buffer_.append(reinterpret_cast<const char*>(piece.data()), *got);
    }
  }

 private:
  int descriptor_;
  std::string buffer_;
};

class Session {
 public:
  explicit Session(int shared) : outputs_(shared) {}

  Result<Json> answer(const Json& request) {
    SPEEDSTER_ASSIGN(const std::string op, json_string(request, "op", kWho));
    struct Operation { const char* name; Result<Json> (Session::*run)(const Json&); };
    constexpr Operation kOperations[] = {{"probe", &Session::probe}, {"load", &Session::load}, {"run", &Session::run},
                                         {"run_shape", &Session::run_shape}, {"block", &Session::block}, {"tail", &Session::tail}};
    for (const Operation& operation : kOperations) {
      if (op != operation.name) continue;
      SPEEDSTER_ASSIGN(Json reply, (this->*operation.run)(request));
      reply["ok"] = true;
      reply["peak_rss"] = peak_rss();
      return reply;
    }
    return Error(ErrorKind::kInternal, "[serve] expected an operation, got \"" + op + "\"");
  }

 private:
  /// What the vendor says of itself here; a vendor that is not there is an answer, not an error.
  Result<Json> probe(const Json& request) {
    SPEEDSTER_ASSIGN(const std::string name, json_string(request, "backend", kWho));
    SPEEDSTER_ASSIGN(backend::Plugin plugin, backend::find_plugin(name));
    auto vendor = backend::open_vendor(std::make_shared<const backend::Plugin>(std::move(plugin)), {}, {}, {});
    if (!vendor.ok()) return Json{{"probe", {{"usable", false}, {"reason", vendor.error().full_message()}}}};
    Json probe = vendor->probe;
    probe["library"] = vendor->library.path.string();
    probe["source"] = vendor->library.source;
    return Json{{"probe", std::move(probe)}};
  }

  Result<Json> load(const Json& request) {
    SPEEDSTER_ASSIGN(const std::string package, json_string(request, "package", kWho));
    LoadOptions options;
    options.entry = request.value("entry", std::string("main"));
    options.require_variant = request.value("variant", std::string());
    options.threads = request.value("threads", 0);
    options.contexts = std::max(1, request.value("contexts", 1));
    options.allow_code = true;  // the search made it
    if (request.contains("options"))
      for (const auto& [key, value] : request["options"].items())
        if (value.is_string()) options.options[key] = value.get<std::string>();
    const double begin = now_seconds();
    SPEEDSTER_ASSIGN(learner_, Learner::load(package, options));
    const double seconds = now_seconds() - begin;
    for (int i = 0; i < options.contexts; ++i) {
      SPEEDSTER_ASSIGN(Caller caller, Caller::create(*learner_));
      callers_.push_back(std::move(caller));
    }
    if (request.contains("samples")) {
      SPEEDSTER_ASSIGN(const std::string samples, json_string(request, "samples", kWho));
      SPEEDSTER_ASSIGN(store_, samples::SampleStore::open(samples));
    }
    SPEEDSTER_ASSIGN(const std::string text, learner_->info());
    SPEEDSTER_ASSIGN(Json info, parse_json(text, kWho));
    return Json{{"load_seconds", seconds}, {"info", std::move(info)}};
  }

  Result<std::vector<std::size_t>> indices_of(const Json& request) const {
    if (!learner_ || !store_) return Error(ErrorKind::kInternal, "[serve] expected a load with samples first");
    SPEEDSTER_ASSIGN(const Json* list, json_array(request, "indices", kWho));
    std::vector<std::size_t> indices;
    for (const Json& item : *list) {
      if (!item.is_number_unsigned() || item.get<std::size_t>() >= store_->size())
        return Error(ErrorKind::kInternal, "[serve] expected indices below " + std::to_string(store_->size()) + ", got " + item.dump());
      indices.push_back(item.get<std::size_t>());
    }
    return indices;
  }

  /// Runs one owned sample with outputs of the learner's and puts them into the slot.
  Result<Json> run_one(const OwnedSample& sample, bool& fits, bool first) {
    Caller& caller = callers_.front();
    for (std::uint32_t i = 0; i < learner_->outputs().size(); ++i) SPEEDSTER_TRY(caller.context().unbind_output(i));
    SPEEDSTER_TRY(caller.bind(sample));
    SPEEDSTER_TRY(caller.context().run());
    std::vector<TensorView> views;
    std::uint64_t bytes = 0;
    for (std::uint32_t i = 0; i < learner_->outputs().size(); ++i) {
      SPEEDSTER_ASSIGN(const TensorView view, caller.context().output(i));
      bytes += (view.bytes() + 63) / 64 * 64;
      views.push_back(view);
    }
    fits = first || outputs_.fits(bytes);
    Json places = Json::array();
    if (!fits) return places;
    for (const TensorView& view : views) {
      SPEEDSTER_ASSIGN(Json place, outputs_.add(view));
      places.push_back(std::move(place));
    }
    return places;
  }

  Result<Json> run(const Json& request) {
    SPEEDSTER_ASSIGN(const std::vector<std::size_t> indices, indices_of(request));
    SPEEDSTER_TRY(outputs_.begin(request.value("slot_bytes", std::uint64_t{1} << 20U)));
    Json all = Json::array();
    for (const std::size_t index : indices) {
      SPEEDSTER_ASSIGN(const OwnedSample sample, copy_sample(*store_, index));
      bool fits = true;
      SPEEDSTER_ASSIGN(Json places, run_one(sample, fits, all.empty()));
      if (!fits) break;
      all.push_back(std::move(places));
    }
    return Json{{"consumed", all.size()}, {"outputs", std::move(all)}, {"map_bytes", outputs_.size()}};
  }

  Result<Json> run_shape(const Json& request) {
    if (!learner_ || !store_) return Error(ErrorKind::kInternal, "[serve] expected a load with samples first");
    SPEEDSTER_ASSIGN(const Json* shapes, json_object(request, "shapes", kWho));
    SPEEDSTER_ASSIGN(const OwnedSample original, copy_sample(*store_, request.value("sample", std::size_t{0})));
    std::vector<OwnedSample> samples(1);
    for (std::size_t i = 0; i < original.size(); ++i) {
      const std::string& input = learner_->inputs()[i].name;
      Shape shape = original[i].shape();
      if (shapes->contains(input)) shape = (*shapes)[input].get<Shape>();
      SPEEDSTER_ASSIGN(Tensor tensor, resized(original[i], shape));
      samples.front().push_back(std::move(tensor));
    }
    SPEEDSTER_TRY(outputs_.begin(1));
    bool fits = true;
    SPEEDSTER_ASSIGN(Json places, run_one(samples.front(), fits, true));
    SPEEDSTER_TRY(callers_.front().bind_outputs(samples));
    SPEEDSTER_ASSIGN(std::vector<double> calls, timed_calls(callers_.front(), samples, std::max(1, request.value("calls", 5))));
    bound_.clear();
    std::nth_element(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(calls.size() / 2), calls.end());
    return Json{{"outputs", Json::array({std::move(places)})}, {"map_bytes", outputs_.size()}, {"call_seconds", calls[calls.size() / 2]}};
  }

  /// Copies the samples and binds outputs, unless that was done for the same samples before.
  Result<void> ready(const std::vector<std::size_t>& indices) {
    if (indices.empty()) return Error(ErrorKind::kInternal, "[serve] expected samples to time, got none");
    if (indices == bound_) return {};
    samples_.clear();
    for (const std::size_t index : indices) {
      SPEEDSTER_ASSIGN(OwnedSample sample, copy_sample(*store_, index));
      samples_.push_back(std::move(sample));
    }
    for (Caller& caller : callers_) SPEEDSTER_TRY(caller.bind_outputs(samples_));
    bound_ = indices;
    return {};
  }

  Result<Json> block(const Json& request) {
    SPEEDSTER_ASSIGN(const std::vector<std::size_t> indices, indices_of(request));
    SPEEDSTER_TRY(ready(indices));
    BlockRequest how;
    how.warm_calls = request.value("warm_calls", how.warm_calls);
    how.warm_seconds = request.value("warm_seconds", how.warm_seconds);
    how.calls = std::max(1, request.value("calls", how.calls));
    how.seconds = request.value("seconds", how.seconds);
    how.slow_calls = std::max(1, request.value("slow_calls", how.slow_calls));
    SPEEDSTER_ASSIGN(const BlockReply reply, timed_block(callers_, samples_, how));
    return Json{{"value", reply.value}, {"calls", reply.calls}, {"major_faults", reply.major_faults}, {"cpu_seconds", reply.cpu_seconds}};
  }

  Result<Json> tail(const Json& request) {
    SPEEDSTER_ASSIGN(const std::vector<std::size_t> indices, indices_of(request));
    SPEEDSTER_TRY(ready(indices));
    SPEEDSTER_ASSIGN(const std::vector<double> calls, timed_calls(callers_.front(), samples_, std::max(1, request.value("calls", 300))));
    return Json{{"calls", calls}};
  }

  SharedOutputs outputs_;
  std::optional<Learner> learner_;
  std::vector<Caller> callers_;
  std::optional<samples::SampleStore> store_;
  std::vector<OwnedSample> samples_;
  std::vector<std::size_t> bound_;
};

Json reply_to(Session& session, const std::string& line) {
  try {
    auto request = parse_json(line, kWho);
    if (!request.ok()) return job::to_reply(request.error());
    auto reply = session.answer(*request);
    return reply.ok() ? *std::move(reply) : job::to_reply(reply.error());
  } catch (const std::bad_alloc&) {
    return job::to_reply(Error(ErrorKind::kOutOfMemory, "[serve] expected enough memory, got none"));
  } catch (const std::exception& exception) {
    return job::to_reply(Error(ErrorKind::kInternal, std::string("[serve] expected no exception, got ") + exception.what()));
  }
}

}  // namespace

int serve_main(int in, int out, int shared) {
  Session session(shared);
  Requests requests(in);
  while (const auto line = requests.next()) {
    const std::string reply = to_text(reply_to(session, *line)) + "\n";
    if (!write_all(out, std::as_bytes(std::span(reply.data(), reply.size())), "replies").ok()) return 1;
  }
  return 0;
}

}  // namespace speedster::worker
