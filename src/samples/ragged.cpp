#include "samples/ragged.h"

#include <string>
#include <vector>

namespace speedster::samples {

Result<RaggedWriter> RaggedWriter::create(const std::filesystem::path& path, DType dtype, std::size_t samples,
                                          std::size_t rank, std::span<const std::int64_t> shapes) {
  std::vector<std::int64_t> offsets = {0};
  offsets.reserve(samples + 1);
  for (std::size_t i = 0; i < samples; ++i) {
    const auto count = element_count(shapes.subspan(i * rank, rank));
    if (!count || *count > (std::int64_t{1} << 60U) - offsets.back())
      return Error(ErrorKind::kBadInput,
                   "[samples] expected samples that fit on a disk, got " + to_string(shapes.subspan(i * rank, rank)));
    offsets.push_back(offsets.back() + *count);
  }
  // The integers first: the data then starts at a multiple of 8, which suits every dtype.
  SPEEDSTER_ASSIGN(
      SafetensorsWriter writer,
      SafetensorsWriter::create(
          path, {{"offsets", DType::kInt64, {static_cast<std::int64_t>(offsets.size())}},
                 {"shapes", DType::kInt64, {static_cast<std::int64_t>(samples), static_cast<std::int64_t>(rank)}},
                 {"data", dtype, {offsets.back()}}}));
  SPEEDSTER_TRY(writer.append(std::as_bytes(std::span(offsets))));
  SPEEDSTER_TRY(writer.append(std::as_bytes(shapes.first(samples * rank))));
  return RaggedWriter(std::move(writer));
}

Result<RaggedFile> RaggedFile::open(const std::filesystem::path& path) {
  SPEEDSTER_ASSIGN(SafetensorsFile opened, SafetensorsFile::open(path));
  RaggedFile file(std::move(opened));
  SPEEDSTER_ASSIGN(const TensorView offsets, file.file_.tensor("offsets"));
  SPEEDSTER_ASSIGN(const TensorView shapes, file.file_.tensor("shapes"));
  SPEEDSTER_ASSIGN(file.data_, file.file_.tensor("data"));
  const Error wrong(ErrorKind::kCorrupt,
                    "[samples] expected offsets and shapes that match the data, got others in " + path.string());
  if (offsets.dtype != DType::kInt64 || offsets.shape.size() != 1 || offsets.shape[0] < 1 ||
      shapes.dtype != DType::kInt64 || shapes.shape.size() != 2 || shapes.shape[0] != offsets.shape[0] - 1 ||
      file.data_.shape.size() != 1)
    return wrong;
  file.offsets_ = offsets.as<const std::int64_t>();
  file.shapes_ = shapes.as<const std::int64_t>();
  file.rank_ = static_cast<std::size_t>(shapes.shape[1]);
  if (file.offsets_.front() != 0 || file.offsets_.back() != file.data_.count()) return wrong;
  for (std::size_t i = 0; i < file.size(); ++i) {
    const auto count = element_count(file.shapes_.subspan(i * file.rank_, file.rank_));
    if (!count || file.offsets_[i + 1] < file.offsets_[i] || *count != file.offsets_[i + 1] - file.offsets_[i])
      return wrong;
  }
  return file;
}

TensorView RaggedFile::at(std::size_t i) const {
  auto* data = static_cast<std::byte*>(data_.data) + static_cast<std::size_t>(offsets_[i]) * byte_size(data_.dtype);
  return {data_.dtype, shapes_.subspan(i * rank_, rank_), data};
}

void RaggedFile::forget(std::size_t i) const {
  file_.forget("data", static_cast<std::size_t>(offsets_[i]) * byte_size(data_.dtype), at(i).bytes());
}

}  // namespace speedster::samples
