#include "learner/closure.h"

#include <link.h>

#include <algorithm>

#include "base/files.h"
#include "base/text.h"

namespace speedster::learner {

bool belongs_to_glibc(std::string_view soname) {
  constexpr std::string_view kNames[] = {"libc.so.",   "libm.so.",    "libdl.so.",     "libpthread.so.",
                                         "librt.so.",  "libutil.so.", "libresolv.so.", "libnsl.so.",
                                         "libanl.so.", "libmvec.so.", "ld-linux"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [&](std::string_view name) { return soname.starts_with(name); });
}

std::vector<fs::path> loaded_files() {
  std::vector<fs::path> files;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* user) {
        std::error_code error;
        if (info->dlpi_name == nullptr || *info->dlpi_name == '\0') return 0;
        if (fs::path file = fs::canonical(info->dlpi_name, error); !error)
          static_cast<std::vector<fs::path>*>(user)->push_back(std::move(file));
        return 0;
      },
      &files);
  return files;
}

Result<fs::path> find_needed(const std::string& name, const fs::path& user, const ElfInfo& info) {
  std::error_code error;
  std::vector<fs::path> folders = {user.parent_path()};
  for (std::string folder : split(info.search_path, ':')) {
    for (const std::string_view origin : {"$ORIGIN", "${ORIGIN}"})
      if (const std::size_t at = folder.find(origin); at != std::string::npos)
        folder.replace(at, origin.size(), user.parent_path().string());
    if (folder.starts_with('/')) folders.emplace_back(folder);
  }
  for (const fs::path& folder : folders)
    if (fs::path file = fs::canonical(folder / name, error); !error) return file;
  for (fs::path& file : loaded_files()) {
    const auto loaded = file.filename() == name ? Result<ElfInfo>(ElfInfo{name, {}, {}, {}}) : read_elf_file(file);
    if (loaded.ok() && loaded->soname == name) return std::move(file);
  }
  for (const char* folder : {"/usr/local/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib64",
                             "/usr/lib64", "/usr/lib", "/lib"})
    if (fs::path file = fs::canonical(fs::path(folder) / name, error); !error) return file;
  return Error(ErrorKind::kNotFound,
               "[bundle] expected the library " + name + " that " + user.string() + " links, got none");
}

Result<std::set<fs::path>> link_closure(const std::set<fs::path>& start) {
  std::set<fs::path> known = start;
  std::vector<fs::path> open(start.begin(), start.end());
  while (!open.empty()) {
    const fs::path file = std::move(open.back());
    open.pop_back();
    SPEEDSTER_ASSIGN(const ElfInfo info, read_elf_file(file));
    for (const std::string& name : info.needed) {
      if (belongs_to_glibc(name)) continue;
      SPEEDSTER_ASSIGN(fs::path found, find_needed(name, file, info));
      if (known.insert(found).second) open.push_back(std::move(found));
    }
  }
  return known;
}

}  // namespace speedster::learner
