#include "optimize/keys.h"

#include <speedster/version.h>

#include <algorithm>

#include "base/digest.h"
#include "base/text.h"
#include "search/metric_program.h"
#include "toolchain/toolchain.h"

namespace speedster {
namespace {

/// What tells a file from its next version without reading it: size, where it is a regular file, and time stamp.
void add_stamp(Sha256& digest, const fs::path& path) {
  std::error_code error;
  if (fs::is_regular_file(path, error)) digest.field(std::to_string(fs::file_size(path, error)));
  digest.field(std::to_string(fs::last_write_time(path, error).time_since_epoch().count()));
}

/// A file by its content where it is small, else by size and time stamp; what is no file adds nothing.
void add_content(Sha256& digest, const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return;
  const auto content = read_file(path, std::uint64_t{4} << 20U);
  if (content.ok())
    digest.field(*content);
  else
    add_stamp(digest, path);
}

/// A program's words that are files, and what lies beside a script and may be imported by it.
void add_program(Sha256& digest, const std::vector<std::string>& command) {
  constexpr std::size_t kMost = 1000;
  const auto resolved = search::resolve_program(command);  // one that cannot be run is told later
  for (const std::string& word : resolved.ok() ? *resolved : command) {
    add_content(digest, word);
    const fs::path script(word);
    std::error_code error;
    if (script.extension().empty() || !fs::is_regular_file(script, error)) continue;
    std::vector<fs::path> beside;
    for (fs::directory_iterator it(script.parent_path(), error), end; !error && it != end && beside.size() < kMost;
         it.increment(error))
      if (it->path().extension() == script.extension()) beside.push_back(it->path());
    std::ranges::sort(beside);
    for (const fs::path& file : beside) {
      digest.field(file.filename().string());
      add_content(digest, file);
    }
  }
}

}  // namespace

std::string store_key(const samples::SampleOptions& options, const Signature& signature) {
  Sha256 digest;
  auto add_file = [&](const fs::path& path) {
    std::error_code error;
    digest.field(fs::absolute(path, error).string());
    add_stamp(digest, path);
  };
  if (options.random)
    digest.field("random").field(std::to_string(options.seed)).field(std::to_string(options.random_count));
  else {
    add_file(options.data);
    std::error_code error;
    if (fs::is_directory(options.data, error)) {
      std::vector<fs::path> files;
      for (fs::directory_iterator it(options.data, error), end; !error && it != end; it.increment(error))
        files.push_back(it->path());
      std::ranges::sort(files);
      for (const fs::path& file : files) add_file(file);
    }
  }
  if (!options.labels.empty()) add_file(options.labels);
  for (const auto& [name, range] : options.ranges) digest.field(name).field(to_text(Json{range.first, range.second}));
  for (const auto& [name, shape] : options.shapes) digest.field(name).field(to_string(shape));
  digest.field(to_text(to_json(signature))).field(SPEEDSTER_VERSION_STRING);
  return digest.hex();
}

std::string search_key(const search::Session& session) {
  const OptimizeRequest& request = *session.request;
  Sha256 digest;
  digest.field(SPEEDSTER_VERSION_STRING)
      .field(session.model_digest)
      .field(session.store.digest())
      .field(session.fingerprint);
  digest.field(request.metric).field(join(request.metric_command, "\n")).field(request.output_name);
  digest.field(std::to_string(request.metric_confidence.value_or(0)));
  // The metric's own files and the vendors that the user chose: editing them asks another question.
  add_program(digest, request.metric_command);
  if (!request.candidates.empty()) add_content(digest, request.candidates);
  if (session.replayed) {
    if (session.replayed->original) digest.field(to_text(compiler::to_json(*session.replayed->original)));
    for (const compiler::Recipe& recipe : session.replayed->candidates)
      digest.field(to_text(compiler::to_json(recipe)));
  }
  for (const char* vendor : {"ONNXRUNTIME", "OPENVINO"}) {
    const std::string library = environment(("SPEEDSTER_" + std::string(vendor) + "_LIBRARY").c_str());
    if (!library.empty()) digest.field(library), add_content(digest, library);
  }
  digest.field(std::to_string(session.threads))
      .field(std::to_string(request.concurrency))
      .field(std::to_string(request.interval_seconds))
      .field(std::to_string(request.seed));
  digest.field(to_text(to_json(session.signature)));
  if (session.call_shapes)
    for (const measure::CallShape& one : *session.call_shapes)
      digest.field(to_text(Json(one.shapes))).field(to_text(Json(one.share)));
  for (const auto& [key, value] : request.session) digest.field(key).field(value);
  for (const toolchain::Row& row : toolchain::list())
    if (row.installed) digest.field(row.name).field(row.environment.lock_digest);
  return digest.hex();
}

}  // namespace speedster
