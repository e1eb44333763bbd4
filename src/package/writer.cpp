#include "package/writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/digest.h"

namespace speedster::package {
namespace {

/// A new file that is digested as it is written, and synced at the end.
class DigestedFile {
 public:
  static Result<DigestedFile> create(const fs::path& path) {
    SPEEDSTER_TRY(make_directories(path.parent_path()));
    DigestedFile file;
    file.path_ = path;
    file.fd_ = UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!file.fd_.valid()) return errno_error(errno, "package", "a new file", path);
    return file;
  }
  Result<void> append(std::span<const std::byte> bytes) {
    digest_.update(bytes);
    bytes_ += bytes.size();
    return write_all(fd_.get(), bytes, path_);
  }
  Result<FileRecord> finish() {
    if (::fsync(fd_.get()) != 0) return errno_error(errno, "package", "a writable file", path_);
    return FileRecord{digest_.hex(), bytes_};
  }

 private:
  fs::path path_;
  UniqueFd fd_;
  Sha256 digest_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

Result<PackageWriter> PackageWriter::create(const fs::path& target, std::uint64_t expected_bytes) {
  SPEEDSTER_ASSIGN(FolderOutput folder, FolderOutput::create(target, {"package", "a package", is_package}));
  SPEEDSTER_ASSIGN(const std::uint64_t free, free_space(folder.path()));
  if (free < expected_bytes)
    return Error(ErrorKind::kNoSpace, "[package] expected " + std::to_string(expected_bytes) + " free bytes for " +
                                          folder.target().string() + ", got " + std::to_string(free) +
                                          "; try to free space or another folder");
  return PackageWriter(std::move(folder));
}

Result<void> PackageWriter::add_file(const fs::path& from, const std::string& as) {
  SPEEDSTER_ASSIGN(const fs::path to, place(as));
  SPEEDSTER_ASSIGN(const UniqueFd source, open_for_reading(from));
  SPEEDSTER_ASSIGN(DigestedFile file, DigestedFile::create(to));
  std::vector<std::byte> buffer(std::size_t{1} << 20U);
  while (true) {
    SPEEDSTER_ASSIGN(const std::size_t got, read_some(source.get(), buffer, from));
    if (got == 0) break;
    SPEEDSTER_TRY(file.append(std::span<const std::byte>(buffer.data(), got)));
  }
  SPEEDSTER_ASSIGN(files_[as], file.finish());
  return {};
}

Result<void> PackageWriter::add_text(std::string_view content, const std::string& as) {
  SPEEDSTER_ASSIGN(const fs::path to, place(as));
  SPEEDSTER_ASSIGN(DigestedFile file, DigestedFile::create(to));
  SPEEDSTER_TRY(file.append(std::as_bytes(std::span(content.data(), content.size()))));
  SPEEDSTER_ASSIGN(files_[as], file.finish());
  return {};
}

Result<fs::path> PackageWriter::place(const std::string& as) const {
  if (!valid_file_path(as))
    return Error(ErrorKind::kUsage, "[package] expected a relative path inside the package, got \"" + as + "\"");
  if (files_.contains(as))
    return Error(ErrorKind::kUsage, "[package] expected each file once, got \"" + as + "\" twice");
  return inside(staging(), as, "package");
}

Result<std::string> PackageWriter::commit(Manifest manifest) {
  manifest.files = files_;
  const Json json = to_json(manifest);
  // What a reader would refuse is never written.
  if (auto readable = manifest_from_json(json); !readable)
    return std::move(readable).error().wrap_as(ErrorKind::kInternal,
                                               "[package] expected a manifest that can be read back");
  const std::string text = to_text(json, 2) + "\n";
  SPEEDSTER_ASSIGN(DigestedFile file, DigestedFile::create(staging() / kManifestFile));
  SPEEDSTER_TRY(file.append(std::as_bytes(std::span(text.data(), text.size()))));
  SPEEDSTER_ASSIGN(const FileRecord record, file.finish());
  SPEEDSTER_TRY(folder_.commit());
  return record.sha256;
}

}  // namespace speedster::package
