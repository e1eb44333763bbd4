/// Reads what the dynamic linker would read of a shared object or program: names, search paths, versions. ELF of 64
/// bits and little-endian byte order (System V ABI, gABI 4.1; symbol versions as in the LSB core specification). Every
/// offset and size is checked against the file before it is used.
#pragma once
#include <speedster/error.h>

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace speedster::learner {

struct ElfInfo {
  std::string soname;                                     ///< empty where there is none
  std::vector<std::string> needed;                        ///< DT_NEEDED in file order
  std::string search_path;                                ///< DT_RUNPATH, else DT_RPATH; "$ORIGIN" not expanded
  std::map<std::string, std::set<std::string>> versions;  ///< library -> versions needed of it ("GLIBC_2.34")
};

/// Whether the bytes start as an ELF file does.
bool is_elf(std::span<const std::byte> bytes);
/// Kind bad input for what is no ELF file of this kind or damaged.
Result<ElfInfo> read_elf(std::span<const std::byte> bytes, std::string_view name);
Result<ElfInfo> read_elf_file(const std::filesystem::path& path);
/// The highest N.M of "GLIBC_N.M" over the versions needed; nothing if no library of glibc is versioned.
std::optional<std::string> lowest_glibc(const ElfInfo& info);

}  // namespace speedster::learner
