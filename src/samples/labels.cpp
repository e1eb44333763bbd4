#include "samples/labels.h"

#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "samples/bytes.h"

namespace speedster::samples {
namespace {

constexpr std::uint64_t kMaxText = std::uint64_t{256} << 20U;

/// How many labels a sample has, given how many there are.
Result<std::size_t> labels_each(std::size_t count, const Plan& plan, const fs::path& path) {
  if (count == plan.rows || count == plan.samples * plan.batch) return count == plan.samples ? 1 : plan.batch;
  if (count == plan.samples) return std::size_t{1};
  return Error(ErrorKind::kBadInput, "[samples] expected " + std::to_string(plan.rows) +
                                         " labels, one a row of the samples, got " + std::to_string(count) + " in " +
                                         path.string() + "; try a label for each row");
}

std::vector<std::string> lines_of(std::string text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);  // the byte order mark of some editors
  std::vector<std::string> lines = speedster::split(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  for (std::string& line : lines)
    if (line.ends_with('\r')) line.pop_back();
  return lines;
}

}  // namespace

Result<Labels> read_labels(const std::filesystem::path& path, const Plan& plan) {
  Labels labels;
  SPEEDSTER_ASSIGN(const std::shared_ptr<const Bytes> bytes, open_bytes(path));
  std::string magic(6, '\0');
  SPEEDSTER_ASSIGN(const std::size_t got, bytes->read_at(0, std::as_writable_bytes(std::span(magic))));
  magic.resize(got);
  if (magic == "\x93NUMPY") {
    SPEEDSTER_ASSIGN(const std::vector<NamedTensor> arrays, read_tensors(path));
    const Tensor& array = arrays.front().tensor;
    if (array.shape().empty())
      return Error(ErrorKind::kBadInput, "[samples] expected labels along axis 0, got a scalar in " + path.string() +
                                             "; try an array with a label for each row");
    SPEEDSTER_ASSIGN(const std::size_t each, labels_each(static_cast<std::size_t>(array.shape()[0]), plan, path));
    Shape shape = array.shape();
    shape[0] = static_cast<std::int64_t>(each);
    const std::size_t bytes_each = TensorView{array.dtype(), shape, nullptr}.bytes();
    for (std::size_t i = 0; i < plan.samples; ++i) {
      const auto* from = static_cast<const std::byte*>(array.data()) + i * bytes_each;
      labels.tensors.push_back(Tensor::from<std::byte>(array.dtype(), shape, std::span(from, bytes_each)));
    }
    return labels;
  }

  SPEEDSTER_ASSIGN(std::string text, read_file(path, kMaxText));
  if (text.find('\0') != std::string::npos)
    return Error(ErrorKind::kBadInput,
                 "[samples] expected labels as an npy array or as text with a line a sample, got " + path.string() +
                     "; try np.save(\"labels.npy\", labels)");
  const std::vector<std::string> lines = lines_of(std::move(text));
  SPEEDSTER_ASSIGN(const std::size_t each, labels_each(lines.size(), plan, path));
  for (std::size_t i = 0; i < plan.samples; ++i)
    labels.texts.push_back(join(std::span(lines).subspan(i * each, each), "\n"));
  return labels;
}

}  // namespace speedster::samples
