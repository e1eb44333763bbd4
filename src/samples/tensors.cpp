#include <fcntl.h>
#include <minizip/zip.h>
#include <unistd.h>

#include <algorithm>
#include <new>

#include "base/files.h"
#include "samples/arrays.h"
#include "samples/npy.h"
#include "samples/store.h"
#include "tensor/safetensors.h"

namespace speedster::samples {
namespace {

constexpr uLong kUtf8Name = 1U << 11U;  // general purpose bit 11 of the zip format
constexpr unsigned kPiece = 1U << 30U;  // minizip counts bytes in 32 bits
constexpr int kVersionMadeBy = 20;

/// The archive under its temporary name; unfinished it disappears.
class ZipWriter {
 public:
  ~ZipWriter() {
    if (zip_ != nullptr) zipClose(zip_, nullptr);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }
  Result<void> open(const fs::path& path) {
    path_ = path;
    temporary_ = path.string() + ".tmp." + std::to_string(::getpid());
    // minizip hides why a file cannot be opened.
    UniqueFd probe(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!probe.valid()) return errno_error(errno, "samples", "a writable file", path);
    zip_ = zipOpen64(temporary_.c_str(), APPEND_STATUS_CREATE);
    return zip_ == nullptr ? errno_error(errno, "samples", "a writable file", path) : Result<void>();
  }
  Result<void> add(const std::string& name, std::string_view header, std::span<const std::byte> data) {
    const bool ascii = std::ranges::all_of(name, [](char c) { return static_cast<unsigned char>(c) < 128; });
    const zip_fileinfo when{};
    const int zip64 = data.size() + header.size() >= 0xFFFFFFFFU ? 1 : 0;
    int status = zipOpenNewFileInZip4_64(zip_, name.c_str(), &when, nullptr, 0, nullptr, 0, nullptr, 0, 0, 0,
                                         -MAX_WBITS, DEF_MEM_LEVEL, Z_DEFAULT_STRATEGY, nullptr, 0, kVersionMadeBy,
                                         ascii ? 0 : kUtf8Name, zip64);
    if (status == ZIP_OK) status = zipWriteInFileInZip(zip_, header.data(), static_cast<unsigned>(header.size()));
    for (; status == ZIP_OK && !data.empty(); data = data.subspan(std::min<std::size_t>(data.size(), kPiece)))
      status =
          zipWriteInFileInZip(zip_, data.data(), static_cast<unsigned>(std::min<std::size_t>(data.size(), kPiece)));
    if (status == ZIP_OK) status = zipCloseFileInZip(zip_);
    return status == ZIP_OK ? Result<void>() : failed();
  }
  Result<void> finish() {
    if (zipClose(std::exchange(zip_, nullptr), nullptr) != ZIP_OK) return failed();
    if (::rename(temporary_.c_str(), path_.c_str()) != 0)
      return errno_error(errno, "samples", "a replaceable file", path_);
    temporary_.clear();
    return {};
  }

 private:
  Error failed() const {
    return {ErrorKind::kNoSpace, "[samples] expected to write " + path_.string() +
                                     ", got a failed write; try to free space or another folder"};
  }
  zipFile zip_ = nullptr;
  fs::path path_;
  std::string temporary_;
};

}  // namespace

Result<std::vector<NamedTensor>> read_tensors(const std::filesystem::path& file) {
  SPEEDSTER_ASSIGN(const std::unique_ptr<ArrayFile> arrays, open_arrays(file));
  std::vector<NamedTensor> tensors;
  for (std::size_t i = 0; i < arrays->arrays().size(); ++i) {
    const ArrayInfo& array = arrays->arrays()[i];
    SPEEDSTER_ASSIGN(const std::unique_ptr<Stream> elements, arrays->elements(i));
    try {
      tensors.push_back({array.name, Tensor(array.dtype, array.shape)});
    } catch (const std::bad_alloc&) {
      return Error(ErrorKind::kOutOfMemory, "[samples] expected memory for " + to_string(array.shape) + " of \"" +
                                                array.name + "\" in " + file.string() + ", got none");
    }
    Tensor& tensor = tensors.back().tensor;
    SPEEDSTER_TRY(elements->read({static_cast<std::byte*>(tensor.data()), tensor.bytes()}));
  }
  return tensors;
}

Result<void> write_npz(const std::filesystem::path& file, const std::vector<NamedTensor>& tensors) {
  ZipWriter zip;
  SPEEDSTER_TRY(zip.open(file));
  for (const NamedTensor& t : tensors) {
    SPEEDSTER_ASSIGN(const std::string header, make_npy_header(t.tensor.dtype(), t.tensor.shape()));
    SPEEDSTER_TRY(zip.add(t.name + ".npy", header, {static_cast<const std::byte*>(t.tensor.data()), t.tensor.bytes()}));
  }
  return zip.finish();
}

}  // namespace speedster::samples
