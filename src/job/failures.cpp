#include "job/failures.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/digest.h"
#include "job/place.h"
#include "job/reply.h"

namespace speedster::job {
namespace {

constexpr std::size_t kKept = 16;

fs::path folder() { return state_directory() / "failed"; }

/// Newest first.
std::vector<fs::path> kept() {
  std::vector<std::pair<fs::file_time_type, fs::path>> found;
  std::error_code error;
  for (fs::directory_iterator it(folder(), error), end; !error && it != end; it.increment(error))
    found.emplace_back(fs::last_write_time(it->path(), error), it->path());
  std::sort(found.rbegin(), found.rend());
  std::vector<fs::path> paths;
  for (auto& [time, path] : found) paths.push_back(std::move(path));
  return paths;
}

/// The request with paths inside the directory in place of those of this machine.
Json relocated(Json request, const ServeFailure& failure) {
  if (request.contains("package")) request["package"] = "package";
  if (request.contains("samples") && !failure.samples.empty()) request["samples"] = "samples";
  return request;
}

}  // namespace

Result<fs::path> move_to_failures(const fs::path& directory, const std::string& name) {
  fs::path place = folder() / name;
  SPEEDSTER_TRY(make_directories(folder()));
  std::error_code error;
  fs::remove_all(place, error);
  fs::rename(directory, place, error);
  if (error) {  // the state folder is on another file system
    fs::copy(directory, place, fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
    if (error) return errno_error(error.value(), "job", "a place for what failed", place);
    fs::remove_all(directory, error);
  }
  ::utimensat(AT_FDCWD, place.c_str(), nullptr, 0);
  const std::vector<fs::path> all = kept();
  for (std::size_t i = kKept; i < all.size(); ++i) fs::remove_all(all[i], error);
  return place;
}

Result<fs::path> keep_failure(const ServeFailure& failure) {
  SPEEDSTER_TRY(make_directories(folder()));
  SPEEDSTER_ASSIGN(TempDir made, TempDir::create(".new-", folder()));
  const fs::path& directory = made.path();
  Sha256 name;
  std::string lines;
  name.field(failure.package.string());
  for (const Json& request : failure.requests) {
    lines += to_text(relocated(request, failure)) + "\n";
    name.field(to_text(request));
  }
  SPEEDSTER_TRY(write_file(directory / "requests.jsonl", lines));
  SPEEDSTER_TRY(write_file(directory / "result.json", to_text(to_reply(failure.error), 2) + "\n"));
  if (!failure.package.empty()) {
    SPEEDSTER_TRY(place_tree(failure.package, directory / "package"));
  }
  if (!failure.samples.empty()) {
    SPEEDSTER_TRY(place_tree(failure.samples, directory / "samples"));
  }
  std::error_code error;
  if (fs::is_regular_file(failure.directory / "log.txt", error)) {
    SPEEDSTER_TRY(speedster::copy_file(failure.directory / "log.txt", directory / "log.txt"));
  }
  SPEEDSTER_TRY(write_serve_repro(directory, failure.limits));
  if (failure.vendor) {
    VendorRepro vendor = *failure.vendor;
    if (!failure.package.empty()) vendor.model = "package/" + vendor.model;
    if (!failure.inputs.empty()) {
      SPEEDSTER_TRY(speedster::copy_file(failure.inputs, directory / "inputs.npz"));
      vendor.sample = "inputs.npz";
    }
    // A backend without a vendor has no script; what else there is tells enough.
    if (const auto written = write_vendor_repro(directory, vendor);
        !written && written.error().kind() != ErrorKind::kUnsupported)
      return written.error();
  }
  SPEEDSTER_ASSIGN(fs::path place, move_to_failures(directory, name.hex()));
  made.release();
  return place;
}

}  // namespace speedster::job
