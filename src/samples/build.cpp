#include <algorithm>

#include "base/digest.h"
#include "base/files.h"
#include "base/json.h"
#include "base/lock.h"
#include "samples/arrays.h"
#include "samples/labels.h"
#include "samples/layout.h"
#include "samples/non_finite.h"
#include "samples/plan.h"
#include "samples/ragged.h"
#include "samples/random.h"
#include "samples/store.h"

namespace speedster::samples {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20U;

std::size_t byte_count(std::span<const std::int64_t> shape, DType dtype) {
  return TensorView{dtype, shape, nullptr}.bytes();
}

class Builder {
 public:
  Builder(const SampleOptions& options, const Plan& plan, fs::path directory)
      : options_(options), plan_(plan), directory_(std::move(directory)), buffer_(kPiece) {}

  Result<void> check_space() const {
    std::uint64_t total = 0;
    for (const InputPlan& input : plan_.inputs)
      for (std::size_t i = 0; i < plan_.samples; ++i) total += byte_count(input.shape(i), input.spec.dtype);
    SPEEDSTER_ASSIGN(const std::uint64_t free, free_space(directory_));
    if (total <= free) return {};
    return Error(ErrorKind::kNoSpace, "[samples] expected room for " + std::to_string(total) +
                                          " bytes of samples, got " + std::to_string(free) + " free in " +
                                          directory_.string() + "; try to free space, fewer samples or another folder");
  }

  Result<void> write_input(std::size_t k) {
    const InputPlan& input = plan_.inputs[k];
    const DType dtype = input.spec.dtype;
    SPEEDSTER_ASSIGN(RaggedWriter writer,
                     RaggedWriter::create(directory_ / input_file(k), dtype, plan_.samples, input.rank, input.shapes));
    digest_.field(input.spec.name).field(name(dtype)).update(std::as_bytes(std::span(input.shapes)));
    std::size_t sample = 0;
    for (const Part& part : input.parts) {
      SPEEDSTER_ASSIGN(const std::unique_ptr<Stream> elements, open(part, input.spec, k));
      for (const std::size_t end = sample + part.samples; sample < end; ++sample) {
        const auto take = [&](std::span<const std::byte> bytes) -> Result<void> {
          if (non_finite_.empty() && has_non_finite(dtype, bytes))
            non_finite_ = input.spec.name + ", sample " + std::to_string(sample);
          digest_.update(bytes);
          return writer.append(bytes);
        };
        if (input.stacked_axis != 0)
          SPEEDSTER_TRY(stack(*elements, input, sample, take));
        else
          SPEEDSTER_TRY(copy(*elements, byte_count(input.shape(sample), dtype), take));
      }
    }
    return writer.finish();
  }

  Result<void> write_labels() {
    if (options_.labels.empty()) return {};
    SPEEDSTER_ASSIGN(const Labels labels, read_labels(options_.labels, plan_));
    const bool text = !labels.texts.empty();
    std::vector<std::int64_t> shapes;
    std::size_t rank = 1;
    for (const std::string& line : labels.texts) shapes.push_back(static_cast<std::int64_t>(line.size()));
    for (const Tensor& label : labels.tensors) {
      rank = label.shape().size();
      shapes.insert(shapes.end(), label.shape().begin(), label.shape().end());
    }
    const DType dtype = text ? DType::kUInt8 : labels.tensors.front().dtype();
    SPEEDSTER_ASSIGN(RaggedWriter writer,
                     RaggedWriter::create(directory_ / kLabelsFile, dtype, plan_.samples, rank, shapes));
    digest_.field(text ? "text labels" : "labels").field(name(dtype)).update(std::as_bytes(std::span(shapes)));
    const auto take = [&](std::span<const std::byte> bytes) -> Result<void> {
      digest_.update(bytes);
      return writer.append(bytes);
    };
    for (const std::string& line : labels.texts) SPEEDSTER_TRY(take(std::as_bytes(std::span(line))));
    for (const Tensor& label : labels.tensors)
      SPEEDSTER_TRY(take({static_cast<const std::byte*>(label.data()), label.bytes()}));
    labels_ = text ? "text" : "tensor";
    return writer.finish();
  }

  Result<void> write_index() {
    Json inputs = Json::array();
    for (const InputPlan& input : plan_.inputs)
      inputs.push_back({{"name", input.spec.name}, {"dtype", name(input.spec.dtype)}});
    const Json index = {{"version", kStoreVersion},  {"samples", plan_.samples}, {"random", options_.random},
                        {"inputs", inputs},          {"labels", labels_},        {"digest", digest_.hex()},
                        {"non_finite", non_finite_}, {"notes", plan_.notes}};
    return write_file(directory_ / kIndexFile, to_text(index, 2) + "\n");
  }

 private:
  Result<void> may_go_on() const {
    if (options_.cancel.cancelled()) return Error(ErrorKind::kCancelled, "[samples] cancelled");
    if (options_.deadline.passed())
      return Error(ErrorKind::kTimeout,
                   "[samples] expected time to read the samples, got none; try a larger time budget or fewer samples");
    return {};
  }

  Result<std::unique_ptr<Stream>> open(const Part& part, const TensorSpec& spec, std::size_t k) {
    if (options_.random) {
      const auto range = options_.ranges.find(spec.name);
      const std::uint64_t seed = Random(options_.seed ^ (k << 32U)).bits();
      return random_elements(spec, range == options_.ranges.end() ? std::nullopt : std::optional(range->second), seed);
    }
    if (file_ == nullptr || part.file != path_) {
      SPEEDSTER_ASSIGN(file_, open_arrays(part.file));
      path_ = part.file;
    }
    if (part.array >= file_->arrays().size())
      return Error(ErrorKind::kBadInput,
                   "[samples] expected " + part.file.string() + " to stay as it is while it is read, got another");
    return file_->elements(part.array);
  }

  template <typename Take>
  Result<void> copy(Stream& from, std::size_t bytes, const Take& take) {
    while (bytes > 0) {
      SPEEDSTER_TRY(may_go_on());
      const auto piece = std::span(buffer_).first(std::min(bytes, kPiece));
      SPEEDSTER_TRY(from.read(piece));
      SPEEDSTER_TRY(take(piece));
      bytes -= piece.size();
    }
    return {};
  }

  /// Rows [outer..., inner...] become one sample [outer..., batch, inner...].
  template <typename Take>
  Result<void> stack(Stream& from, const InputPlan& input, std::size_t sample, const Take& take) {
    const auto shape = input.shape(sample);
    const auto axis = static_cast<std::ptrdiff_t>(input.stacked_axis);
    const auto rows = static_cast<std::size_t>(shape[input.stacked_axis]);
    const auto outer = static_cast<std::size_t>(element_count(shape.first(input.stacked_axis)).value_or(0));
    const std::size_t inner = byte_count(shape.subspan(static_cast<std::size_t>(axis) + 1), input.spec.dtype);
    SPEEDSTER_TRY(may_go_on());
    std::vector<std::byte> read(outer * rows * inner), stacked(read.size());
    SPEEDSTER_TRY(from.read(read));
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t o = 0; o < outer; ++o)
        std::copy_n(read.data() + (r * outer + o) * inner, inner, stacked.data() + (o * rows + r) * inner);
    return take(stacked);
  }

  const SampleOptions& options_;
  const Plan& plan_;
  fs::path directory_;
  std::vector<std::byte> buffer_;
  std::unique_ptr<ArrayFile> file_;
  fs::path path_;
  Sha256 digest_;
  std::string non_finite_, labels_ = "none";
};

}  // namespace

Result<SampleStore> build_store(const SampleOptions& options, const Signature& signature,
                                const std::filesystem::path& directory) {
  if (options.random && !options.labels.empty())
    return Error(ErrorKind::kUsage, "[samples] expected no labels for random samples, got " + options.labels.string());
  SPEEDSTER_ASSIGN(const Plan plan, options.random ? plan_random(options, signature) : plan_files(options, signature));
  // Made beside its place and moved there whole: a store that opens is complete.
  SPEEDSTER_ASSIGN(TempDir temporary, TempDir::create(".samples-", fs::absolute(directory).parent_path()));
  const auto lock = FileLock::try_take(temporary.path() / kLockFile, FileLock::Mode::kShared);  // where there are any
  Builder builder(options, plan, temporary.path());
  SPEEDSTER_TRY(builder.check_space());
  for (std::size_t k = 0; k < plan.inputs.size(); ++k) SPEEDSTER_TRY(builder.write_input(k));
  SPEEDSTER_TRY(builder.write_labels());
  SPEEDSTER_TRY(builder.write_index());
  SPEEDSTER_TRY(replace_directory(temporary.path(), directory));
  temporary.release();
  return SampleStore::open(directory);
}

}  // namespace speedster::samples
