#include "job/staging.h"

#include "base/digest.h"
#include "job/place.h"
#include "job/wire.h"

namespace speedster::job {
namespace {

/// Below it a copy costs less than the bookkeeping.
constexpr std::uint64_t kSmall = std::uint64_t{1} << 20U;

class Stager {
 public:
  Stager(const fs::path& directory, const fs::path& cache, bool native)
      : directory_(directory), cache_(cache), native_(native) {}

  Result<void> place(const fs::path& from, const std::string& relative, bool immutable) const {
    const fs::path to = directory_ / relative;
    SPEEDSTER_TRY(make_directories(to.parent_path()));
    SPEEDSTER_ASSIGN(const std::uint64_t bytes, speedster::file_size(from));
    if (bytes < kSmall) return speedster::copy_file(from, to);
    if (share_blocks(from, to)) return {};
    if (!native_) return speedster::copy_file(from, to);
    const bool ours = from.lexically_normal().string().starts_with(cache_.string() + "/");
    if ((immutable || ours) && hard_link(from, to)) return {};
    SPEEDSTER_ASSIGN(const fs::path copy, blob(from));
    return hard_link(copy, to) ? Result<void>()
                               : speedster::copy_file(from, to);  // another file system, or too many links
  }

  Result<void> place_folder(const fs::path& from, const std::string& relative, bool immutable) const {
    SPEEDSTER_TRY(make_directories(directory_ / relative));
    std::error_code error;
    for (fs::recursive_directory_iterator it(from, error), end; !error && it != end; it.increment(error)) {
      if (!it->is_regular_file(error)) continue;
      SPEEDSTER_TRY(place(it->path(), relative + "/" + it->path().lexically_relative(from).string(), immutable));
    }
    if (error) return errno_error(error.value(), "job", "a readable folder", from);
    return {};
  }

 private:
  /// The cache's own copy of a file that is not ours: it cannot change under a job that is linked to it.
  Result<fs::path> blob(const fs::path& from) const {
    SPEEDSTER_ASSIGN(const std::string digest, sha256_file(from));
    fs::path path = cache_ / "blobs" / digest;
    std::error_code error;
    if (fs::exists(path, error)) return path;
    SPEEDSTER_TRY(make_directories(path.parent_path()));
    SPEEDSTER_ASSIGN(const TempDir temporary, TempDir::create("blob-", cache_ / "staging"));
    SPEEDSTER_TRY(speedster::copy_file(from, temporary.path() / digest));
    fs::permissions(temporary.path() / digest, fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read,
                    error);
    fs::rename(temporary.path() / digest, path, error);
    if (error) return errno_error(error.value(), "job", "a writable cache", path);
    return path;
  }

  fs::path directory_, cache_;
  bool native_;
};

bool valid_name(std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  return !name.empty() && name.size() <= 64 && name.find_first_not_of(kAllowed) == std::string_view::npos;
}

}  // namespace

Result<std::map<std::string, std::string>> input_places(const JobRequest& request) {
  std::map<std::string, std::string> places;
  for (const auto& [name, path] : request.inputs) {
    if (!valid_name(name))
      return Error(ErrorKind::kUsage, "[job] expected input names of letters, digits, _ and -, got \"" + name + "\"");
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (fs::is_directory(status)) {
      places[name] = "inputs/" + name;
    } else if (fs::is_regular_file(status) && path.has_filename()) {
      places[name] = "inputs/" + name + "/" + path.filename().string();
    } else {
      return Error(ErrorKind::kNotFound,
                   "[job] expected a file or folder as the input " + name + ", got " + path.string());
    }
  }
  return places;
}

Result<std::string> companion_place(const fs::path& input, const fs::path& companion) {
  const fs::path relative = companion.lexically_normal().lexically_relative(input.lexically_normal().parent_path());
  if (relative.empty() || relative.is_absolute() || *relative.begin() == ".." || relative == ".")
    return Error(ErrorKind::kBadInput, "[job] expected " + companion.string() + " in the folder of " + input.string() +
                                           " or below, got a path outside");
  return relative.string();
}

Result<void> stage(const JobRequest& request, const fs::path& directory, const fs::path& cache) {
  SPEEDSTER_ASSIGN(const auto places, input_places(request));
  SPEEDSTER_TRY(make_directories(directory / "out"));
  const Stager stager(directory, cache, request.toolchain.empty());
  Json json = {{"step", request.step},
               {"kind", request.kind},
               {"version", request.version},
               {"toolchain", request.toolchain},
               {"inputs", Json::object()},
               {"options", request.options},
               {"threads", request.limits.threads},
               {"limits", to_json(request.limits)}};
  for (const auto& [name, path] : request.inputs) {
    const std::string& place = places.at(name);
    const bool immutable = request.owned.contains(name);
    json["inputs"][name] = place;
    if (fs::is_directory(path)) {
      SPEEDSTER_TRY(stager.place_folder(path, place, immutable));
      continue;
    }
    if (place_in_cache(path, cache)) {
      SPEEDSTER_TRY(stager.place_folder(path.parent_path(), "inputs/" + name, true));
      continue;
    }
    SPEEDSTER_TRY(stager.place(path, place, immutable));
    const auto companions = request.companions.find(name);
    if (companions == request.companions.end()) continue;
    for (const fs::path& companion : companions->second) {
      SPEEDSTER_ASSIGN(const std::string relative, companion_place(path, companion));
      SPEEDSTER_TRY(stager.place(companion, "inputs/" + name + "/" + relative, immutable));
    }
  }
  return write_file(directory / "request.json", to_text(json, 2) + "\n");
}

}  // namespace speedster::job
