#include "samples/arrays.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/files.h"
#include "samples/npy.h"
#include "samples/npz.h"
#include "tensor/safetensors.h"

namespace speedster::samples {
namespace {

class NpzFile final : public ArrayFile {
 public:
  explicit NpzFile(NpzReader reader) : reader_(std::move(reader)) {
    for (const NpzReader::Entry& entry : reader_.entries())
      arrays_.push_back({entry.name, entry.header.dtype, entry.header.shape});
  }
  Result<std::unique_ptr<Stream>> elements(std::size_t i) const override { return reader_.elements(i); }

 private:
  NpzReader reader_;
};

class NpyFile final : public ArrayFile {
 public:
  NpyFile(std::shared_ptr<const Bytes> bytes, std::string who, const NpyHeader& header)
      : bytes_(std::move(bytes)), who_(std::move(who)) {
    arrays_.push_back({"", header.dtype, header.shape});
  }
  Result<std::unique_ptr<Stream>> elements(std::size_t) const override {
    std::unique_ptr<Stream> elements = stream(bytes_, who_);
    SPEEDSTER_ASSIGN(const NpyHeader header, read_npy_header(*elements, who_));
    return row_major(std::move(elements), header);
  }

 private:
  std::shared_ptr<const Bytes> bytes_;
  std::string who_;
};

/// A view that gives its pages back behind itself.
class ViewStream final : public Stream {
 public:
  ViewStream(SafetensorsFile file, std::string name, TensorView view)
      : file_(std::move(file)), name_(std::move(name)), view_(view) {}
  Result<void> read(std::span<std::byte> to) override {
    if (to.size() > view_.bytes() - offset_)
      return Error(ErrorKind::kInternal, "[samples] expected a read inside \"" + name_ + "\", got one beyond its end");
    std::copy_n(static_cast<const std::byte*>(view_.data) + offset_, to.size(), to.begin());
    file_.forget(name_, offset_, to.size());
    offset_ += to.size();
    return {};
  }

 private:
  SafetensorsFile file_;
  std::string name_;
  TensorView view_;
  std::size_t offset_ = 0;
};

class SafetensorsArrays final : public ArrayFile {
 public:
  explicit SafetensorsArrays(SafetensorsFile file) : file_(std::move(file)) {
    for (const std::string& name : file_.names()) {
      const TensorView view = *file_.tensor(name);
      arrays_.push_back({name, view.dtype, Shape(view.shape.begin(), view.shape.end())});
    }
  }
  Result<std::unique_ptr<Stream>> elements(std::size_t i) const override {
    SPEEDSTER_ASSIGN(const TensorView view, file_.tensor(arrays_[i].name));
    return std::unique_ptr<Stream>(std::make_unique<ViewStream>(file_, arrays_[i].name, view));
  }

 private:
  SafetensorsFile file_;
};

}  // namespace

Result<std::unique_ptr<ArrayFile>> open_arrays(const std::filesystem::path& path) {
  SPEEDSTER_ASSIGN(std::shared_ptr<const Bytes> bytes, open_bytes(path));
  std::array<std::byte, 6> start{};
  SPEEDSTER_ASSIGN(const std::size_t got, bytes->read_at(0, start));
  const std::string_view magic(reinterpret_cast<const char*>(start.data()), got);
  const std::string extension = path.extension().string();
  if (magic.starts_with("PK") || (got == 0 && extension == ".npz")) {
    SPEEDSTER_ASSIGN(NpzReader reader, NpzReader::open(std::move(bytes), path.string()));
    return std::unique_ptr<ArrayFile>(std::make_unique<NpzFile>(std::move(reader)));
  }
  if (magic.starts_with("\x93NUMPY") || (got == 0 && extension == ".npy")) {
    const std::unique_ptr<Stream> start_of_file = stream(bytes, path.string());
    SPEEDSTER_ASSIGN(const NpyHeader header, read_npy_header(*start_of_file, path.string()));
    if (header.header_bytes + header.data_bytes != bytes->size())
      return Error(ErrorKind::kBadInput, "[samples] expected " +
                                             std::to_string(header.header_bytes + header.data_bytes) + " bytes in " +
                                             path.string() + ", got " + std::to_string(bytes->size()) +
                                             "; try to write or copy the file again");
    return std::unique_ptr<ArrayFile>(std::make_unique<NpyFile>(std::move(bytes), path.string(), header));
  }
  if (extension != ".safetensors" && extension != ".npz" && extension != ".npy")
    return Error(ErrorKind::kBadInput, "[samples] expected an npz, npy or safetensors file, got " + path.string());
  if (extension != ".safetensors")
    return Error(ErrorKind::kBadInput, "[samples] expected a file as numpy writes it, got other content in " +
                                           path.string() + "; try to write or copy the file again");
  auto file = SafetensorsFile::open(path);
  if (!file) {
    const ErrorKind kind = file.error().kind() == ErrorKind::kCorrupt ? ErrorKind::kBadInput : file.error().kind();
    return std::move(file).error().wrap_as(kind, "[samples] expected readable samples");
  }
  return std::unique_ptr<ArrayFile>(std::make_unique<SafetensorsArrays>(*std::move(file)));
}

}  // namespace speedster::samples
