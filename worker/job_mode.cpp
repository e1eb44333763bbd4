#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <new>

#include "job/exec.h"
#include "job/reply.h"
#include "worker/modes.h"
#include "worker/pipes.h"
#include "worker/steps/step.h"

namespace speedster::worker {
namespace {

constexpr int kFailedExit = 1;

struct Request {
  StepContext context;
  std::string toolchain;
};

Result<Request> read_request(const fs::path& directory) {
  SPEEDSTER_ASSIGN(const std::string text, read_file(directory / "request.json"));
  SPEEDSTER_ASSIGN(const Json json, parse_json(text, "job"));
  Request request;
  StepContext& context = request.context;
  SPEEDSTER_ASSIGN(context.step, json_string(json, "step", "job"));
  SPEEDSTER_ASSIGN(request.toolchain, json_string(json, "toolchain", "job"));
  SPEEDSTER_ASSIGN(const Json* inputs, json_object(json, "inputs", "job"));
  for (const auto& [name, place] : inputs->items()) {
    if (!place.is_string()) return Error(ErrorKind::kCorrupt, "[job] expected a path as the input " + name);
    SPEEDSTER_ASSIGN(context.inputs[name], inside(directory, place.get<std::string>(), "job"));
  }
  SPEEDSTER_ASSIGN(const Json* options, json_object(json, "options", "job"));
  context.options = *options;
  SPEEDSTER_ASSIGN(const std::int64_t threads, json_int(json, "threads", "job"));
  context.threads = static_cast<int>(std::clamp<std::int64_t>(threads, 1, 4096));
  context.directory = directory;
  context.out = directory / "out";
  SPEEDSTER_TRY(make_directories(context.out));
  return request;
}

Result<Json> run(const fs::path& directory, const Pipes& pipes) {
  SPEEDSTER_ASSIGN(Request request, read_request(directory));
  request.context.progress = [&pipes](double share, const std::string& message) { pipes.progress(share, message); };
  if (!request.toolchain.empty()) return become_toolchain_step(request.context, request.toolchain);
  for (const Step& step : steps())
    if (step.name == request.context.step) return step.run(request.context);
  return Error(ErrorKind::kNotFound, "[job] expected a step of this worker, got \"" + request.context.step + "\"");
}

}  // namespace

int job_mode(const std::string& given) {
  std::error_code error;
  const fs::path directory = fs::canonical(given, error);
  if (error) {
    std::fprintf(stderr, "[job] expected a job's directory, got %s: %s\n", given.c_str(), error.message().c_str());
    return 2;
  }
  const Pipes pipes;
  auto end = [&](const Json& result, int code) {
    // Where the disk is full, the last line on the pipe still says so.
    if (const Result<void> written = write_file(directory / "result.json", to_text(result, 2) + "\n"); !written)
      std::fprintf(stderr, "%s\n", written.error().message().c_str());
    pipes.send(result);
    return code;
  };
  try {
    Result<Json> summary = run(directory, pipes);
    if (!summary) {
      const int code = summary.error().kind() == ErrorKind::kOutOfMemory ? job::kOutOfMemoryExit : kFailedExit;
      return end(job::to_reply(summary.error()), code);
    }
    Json result = {{"ok", true}};
    result.update(*summary);
    return end(result, 0);
  } catch (const std::bad_alloc&) {
    return end(
        job::to_reply(Error(ErrorKind::kOutOfMemory, "[job] expected memory, got a refusal; try a larger limit")),
        job::kOutOfMemoryExit);
  } catch (const std::exception& exception) {
    return end(job::to_reply(
                   Error(ErrorKind::kInternal, std::string("[job] expected no exception, got: ") + exception.what())),
               kFailedExit);
  }
}

}  // namespace speedster::worker
