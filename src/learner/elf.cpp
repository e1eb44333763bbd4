#include "learner/elf.h"

#include <elf.h>

#include <cstring>

#include "base/files.h"
#include "package/manifest.h"

namespace speedster::learner {
namespace {

constexpr std::size_t kMaxEntries = 65536;

/// Typed reading within bounds; nothing where the file ends before.
class Bytes {
 public:
  explicit Bytes(std::span<const std::byte> bytes) : bytes_(bytes) {}
  template <typename T>
  std::optional<T> at(std::uint64_t offset) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof(T));
    return value;
  }
  /// A zero-terminated text that ends inside the table.
  std::optional<std::string> text(std::uint64_t table, std::uint64_t size, std::uint64_t index) const {
    if (table > bytes_.size() || size > bytes_.size() - table || index >= size) return std::nullopt;
    const auto* begin = reinterpret_cast<const char*>(bytes_.data()) + table + index;
    const auto* end = static_cast<const char*>(std::memchr(begin, 0, size - index));
    if (end == nullptr) return std::nullopt;
    return std::string(begin, end);
  }

 private:
  std::span<const std::byte> bytes_;
};

class Reader {
 public:
  Reader(std::span<const std::byte> bytes, std::string_view name) : bytes_(bytes), name_(name) {}

  Result<ElfInfo> read() {
    const auto header = bytes_.at<Elf64_Ehdr>(0);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64 ||
        header->e_ident[EI_DATA] != ELFDATA2LSB || header->e_phentsize != sizeof(Elf64_Phdr))
      return wrong("an ELF file of 64 bits, little-endian");
    std::optional<Elf64_Phdr> dynamic;
    for (std::size_t i = 0; i < header->e_phnum; ++i) {
      const auto segment = bytes_.at<Elf64_Phdr>(header->e_phoff + i * sizeof(Elf64_Phdr));
      if (!segment) return wrong("program headers inside the file");
      if (segment->p_type == PT_LOAD) loads_.push_back(*segment);
      if (segment->p_type == PT_DYNAMIC) dynamic = segment;
    }
    if (!dynamic) return ElfInfo{};  // statically linked
    SPEEDSTER_TRY(read_tags(*dynamic));
    SPEEDSTER_TRY(read_names());
    SPEEDSTER_TRY(read_versions());
    return std::move(info_);
  }

 private:
  Error wrong(const std::string& expected) const {
    return {ErrorKind::kBadInput, "[elf] expected " + expected + ", got another in " + name_};
  }

  /// Where an address of memory lies in the file.
  std::optional<std::uint64_t> offset_of(std::uint64_t address) const {
    for (const Elf64_Phdr& load : loads_)
      if (address >= load.p_vaddr && address - load.p_vaddr < load.p_filesz)
        return load.p_offset + (address - load.p_vaddr);
    return std::nullopt;
  }

  Result<void> read_tags(const Elf64_Phdr& dynamic) {
    const std::size_t count = std::min<std::size_t>(dynamic.p_filesz / sizeof(Elf64_Dyn), kMaxEntries);
    for (std::size_t i = 0; i < count; ++i) {
      const auto entry = bytes_.at<Elf64_Dyn>(dynamic.p_offset + i * sizeof(Elf64_Dyn));
      if (!entry) return wrong("a dynamic section inside the file");
      if (entry->d_tag == DT_NULL) break;
      if (entry->d_tag == DT_NEEDED)
        needed_.push_back(entry->d_un.d_val);
      else
        tags_[entry->d_tag] = entry->d_un.d_val;
    }
    const auto strings = tags_.contains(DT_STRTAB) ? offset_of(tags_[DT_STRTAB]) : std::nullopt;
    if (!strings) return wrong("a table of names");
    strings_ = *strings;
    return {};
  }

  std::optional<std::string> name_at(std::uint64_t index) { return bytes_.text(strings_, tags_[DT_STRSZ], index); }

  Result<void> read_names() {
    for (const std::uint64_t index : needed_) {
      auto name = name_at(index);
      if (!name) return wrong("names inside their table");
      info_.needed.push_back(std::move(*name));
    }
    for (const auto& [tag, target] :
         {std::pair{DT_SONAME, &info_.soname}, {DT_RPATH, &info_.search_path}, {DT_RUNPATH, &info_.search_path}}) {
      if (!tags_.contains(tag)) continue;
      auto name = name_at(tags_[tag]);
      if (!name) return wrong("names inside their table");
      *target = std::move(*name);
    }
    return {};
  }

  Result<void> read_versions() {
    if (!tags_.contains(DT_VERNEED)) return {};
    auto offset = offset_of(tags_[DT_VERNEED]);
    const std::uint64_t count = std::min<std::uint64_t>(tags_[DT_VERNEEDNUM], kMaxEntries);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto need = offset ? bytes_.at<Elf64_Verneed>(*offset) : std::nullopt;
      const auto file = need ? name_at(need->vn_file) : std::nullopt;
      if (!file) return wrong("needed versions inside the file");
      SPEEDSTER_TRY(read_versions_of(*file, *offset + need->vn_aux, need->vn_cnt));
      if (need->vn_next == 0) break;
      offset = *offset + need->vn_next;
    }
    return {};
  }

  Result<void> read_versions_of(const std::string& file, std::uint64_t offset, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto aux = bytes_.at<Elf64_Vernaux>(offset);
      const auto version = aux ? name_at(aux->vna_name) : std::nullopt;
      if (!version) return wrong("needed versions inside the file");
      info_.versions[file].insert(*version);
      if (aux->vna_next == 0) break;
      offset += aux->vna_next;
    }
    return {};
  }

  Bytes bytes_;
  std::string name_;
  std::vector<Elf64_Phdr> loads_;
  std::map<std::int64_t, std::uint64_t> tags_;
  std::vector<std::uint64_t> needed_;
  std::uint64_t strings_ = 0;
  ElfInfo info_;
};

}  // namespace

bool is_elf(std::span<const std::byte> bytes) {
  return bytes.size() >= SELFMAG && std::memcmp(bytes.data(), ELFMAG, SELFMAG) == 0;
}

Result<ElfInfo> read_elf(std::span<const std::byte> bytes, std::string_view name) { return Reader(bytes, name).read(); }

Result<ElfInfo> read_elf_file(const fs::path& path) {
  SPEEDSTER_ASSIGN(const MappedFile file, MappedFile::open(path));
  return read_elf(file.bytes(), path.string());
}

std::optional<std::string> lowest_glibc(const ElfInfo& info) {
  constexpr std::string_view kPrefix = "GLIBC_";
  std::optional<std::string> highest;
  for (const auto& [library, versions] : info.versions)
    for (const std::string& version : versions) {
      // GLIBC_PRIVATE and GLIBC_ABI_* name no release.
      if (!version.starts_with(kPrefix) || version.size() == kPrefix.size() || version[kPrefix.size()] < '0' ||
          version[kPrefix.size()] > '9')
        continue;
      const std::string number = version.substr(kPrefix.size());
      if (!highest || package::compare_versions(number, *highest) > 0) highest = number;
    }
  return highest;
}

}  // namespace speedster::learner
