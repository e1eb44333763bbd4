#include <algorithm>

#include "base/digest.h"
#include "job/reply.h"
#include "job/staging.h"

namespace speedster::job {
namespace {

constexpr std::string_view kKeyVersion = "speedster job 1";

Result<void> add_content(Sha256& digest, const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    SPEEDSTER_ASSIGN(const std::string content, sha256_file(path));
    digest.field("file").field(content);
    return {};
  }
  std::vector<std::filesystem::path> files;
  for (std::filesystem::recursive_directory_iterator it(path, error), end; !error && it != end; it.increment(error))
    if (it->is_regular_file(error)) files.push_back(it->path());
  if (error) return errno_error(error.value(), "job", "a readable folder", path);
  std::sort(files.begin(), files.end());
  for (const std::filesystem::path& file : files) {
    SPEEDSTER_ASSIGN(const std::string content, sha256_file(file));
    digest.field(file.lexically_relative(path).string()).field(content);
  }
  return {};
}

}  // namespace

std::optional<std::string> place_in_cache(const std::filesystem::path& path, const std::filesystem::path& cache) {
  if (cache.empty()) return std::nullopt;
  const std::string relative = path.lexically_normal().lexically_relative(cache).string();
  const std::string key = relative.substr(0, relative.find('/'));
  const bool is_key = key.size() == 64 && key.find_first_not_of("0123456789abcdef") == std::string::npos;
  return is_key && relative.find("..") == std::string::npos ? std::optional(relative) : std::nullopt;
}

Error JobResult::error() const {
  return error_from_reply(result, exit.fate == Fate::kOk ? "job" : "job: " + describe(exit));
}

Result<std::string> job_key(const JobRequest& request, const std::filesystem::path& cache) {
  Sha256 digest;
  digest.field(kKeyVersion).field(request.step).field(request.kind).field(std::to_string(request.version));
  digest.field(request.toolchain).field(request.toolchain_version).field(request.fingerprint);
  digest.field(to_text(request.options));
  SPEEDSTER_ASSIGN(const auto places, input_places(request));
  for (const auto& [name, path] : request.inputs) {
    digest.field("input").field(places.at(name));
    const auto known = request.input_digests.find(name);
    if (known != request.input_digests.end() && !known->second.empty()) {
      digest.field("known").field(known->second);
      continue;
    }
    if (const auto place = place_in_cache(path, cache)) {
      digest.field("job").field(*place);
      continue;
    }
    SPEEDSTER_TRY(add_content(digest, path));
    const auto companions = request.companions.find(name);
    if (companions == request.companions.end()) continue;
    for (const std::filesystem::path& companion : companions->second) {
      SPEEDSTER_ASSIGN(const std::string place, companion_place(path, companion));
      digest.field(place);
      SPEEDSTER_TRY(add_content(digest, companion));
    }
  }
  return digest.hex();
}

}  // namespace speedster::job
