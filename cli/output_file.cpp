#include "cli/output_file.h"

#include <unistd.h>

#include "base/files.h"
#include "base/text.h"

namespace speedster::cli {

Result<void> check_writable(const std::string& file, const char* option, std::string_view who) {
  if (file.empty()) return {};
  std::error_code error;
  // What is written through (devices, links) is looked at itself.
  if (fs::exists(file, error) && !fs::is_regular_file(fs::symlink_status(file, error)) &&
      !fs::is_directory(file, error)) {
    if (::access(file.c_str(), W_OK) != 0)
      return errno_error(errno, who, std::string("a writable file for ") + option, file);
    return {};
  }
  const fs::path folder = fs::path(file).has_parent_path() ? fs::path(file).parent_path() : fs::path(".");
  if (!fs::is_directory(folder, error))
    return Error(ErrorKind::kUsage, std::string("[usage] expected ") + option +
                                        " to be a file in an existing folder, got " + file + "; try mkdir -p " +
                                        shell_quoted({folder.string()}));
  if (fs::is_directory(file, error))
    return Error(ErrorKind::kUsage, std::string("[usage] expected ") + option + " to be a file, got the folder " +
                                        file + "; try a name in it");
  if (::access(folder.c_str(), W_OK) != 0)
    return errno_error(errno, who, std::string("a writable folder for ") + option, folder);
  return {};
}

Result<void> check_distinct(const std::vector<NamedFile>& written, const std::vector<NamedFile>& read) {
  std::vector<NamedFile> files = written;
  files.insert(files.end(), read.begin(), read.end());
  for (std::size_t i = 0; i < written.size(); ++i)
    for (std::size_t j = i + 1; j < files.size(); ++j) {
      if (files[i].second.empty() || files[j].second.empty()) continue;
      const fs::path one = files[i].second, other = files[j].second;
      std::error_code error;
      if (fs::equivalent(one, other, error) ||
          fs::absolute(one).lexically_normal() == fs::absolute(other).lexically_normal())
        return Error(ErrorKind::kUsage, std::string("[usage] expected ") + files[i].first +
                                            " to be a file of its own, got that of " + files[j].first + ", " +
                                            one.string() + "; try another name");
    }
  return {};
}

}  // namespace speedster::cli
