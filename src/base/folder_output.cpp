#include "base/folder_output.h"

#include <sys/stat.h>
#include <unistd.h>

namespace speedster {
namespace {

Result<fs::path> normal(const fs::path& target, const std::string& who) {
  std::error_code error;
  fs::path path = fs::absolute(target, error).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  if (error || target.empty() || !path.has_filename())
    return Error(ErrorKind::kUsage, "[" + who + "] expected the path of a folder to write, got \"" + target.string() +
                                        "\"; try another name");
  return path;
}

Result<void> check_replaceable(const fs::path& target, const FolderOutput::Replaces& replaces) {
  std::error_code error;
  const fs::file_type type = fs::symlink_status(target, error).type();
  if (type == fs::file_type::not_found) return {};
  if (type == fs::file_type::directory && (fs::is_empty(target, error) || replaces.ours(target))) return {};
  return Error(ErrorKind::kUsage, "[" + replaces.who + "] expected " + replaces.what + " or nothing at " +
                                      target.string() + ", got something else, which is kept; try another name");
}

/// mkdtemp makes folders private; this one gets the mode that any new folder would get.
void open_up(const fs::path& folder) {
  const fs::path probe = folder / "mode";
  struct stat status{};
  if (::mkdir(probe.c_str(), 0777) == 0 && ::stat(probe.c_str(), &status) == 0)
    ::chmod(folder.c_str(), status.st_mode & 0777U);
  ::rmdir(probe.c_str());
}

}  // namespace

Result<FolderOutput> FolderOutput::create(const fs::path& target, Replaces replaces) {
  SPEEDSTER_ASSIGN(fs::path path, normal(target, replaces.who));
  SPEEDSTER_TRY(check_replaceable(path, replaces));
  SPEEDSTER_TRY(make_directories(path.parent_path()));
  SPEEDSTER_ASSIGN(TempDir staging, TempDir::create("." + path.filename().string() + ".", path.parent_path()));
  open_up(staging.path());
  return FolderOutput(std::move(staging), std::move(path), std::move(replaces));
}

Result<void> FolderOutput::commit() {
  SPEEDSTER_TRY(sync_tree(staging_.path()));
  SPEEDSTER_TRY(check_replaceable(target_, replaces_));
  SPEEDSTER_TRY(replace_directory(staging_.path(), target_));
  staging_.release();
  return sync_directory(target_.parent_path());
}

}  // namespace speedster
