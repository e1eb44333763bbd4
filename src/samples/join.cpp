#include "samples/join.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <span>
#include <vector>

#include "samples/batch.h"
#include "tensor/safetensors.h"

namespace speedster::samples {
namespace {

/// For each input the axis along which rows are joined.
using Axes = std::vector<std::optional<std::size_t>>;

/// Where an input's batch axis is dynamic, another one's fixed first axis is none: anchors, a scale.
Result<Axes> row_axes(const Signature& signature) {
  SPEEDSTER_ASSIGN(const std::vector<BatchAxis> batches, batch_axes(signature, {}));
  const auto fixed = [&](std::size_t i) {
    const TensorSpec& input = signature.inputs[i];
    return batches[i].axis && !input.unknown_rank && !input.axes[*batches[i].axis].dynamic();
  };
  Axes axes;
  bool dynamic = false;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    axes.push_back(batches[i].axis);
    dynamic = dynamic || (batches[i].axis && !fixed(i));
  }
  for (std::size_t i = 0; dynamic && i < axes.size(); ++i)
    if (fixed(i)) axes[i].reset();
  return axes;
}

Result<Axes> axes_to_join(const Signature& signature, std::int64_t rows) {
  SPEEDSTER_ASSIGN(Axes axes, row_axes(signature));
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const TensorSpec& input = signature.inputs[i];
    if (!axes[i] || input.unknown_rank) continue;
    const Axis& axis = input.axes[*axes[i]];
    if (!axis.dynamic() && axis.value != rows)
      return Error(ErrorKind::kUsage, "[samples] expected a batch axis that is not fixed for batches of " +
                                          std::to_string(rows) + ", got " + describe(input) + "; try batches of " +
                                          std::to_string(axis.value));
  }
  if (std::ranges::none_of(axes, [](const auto& axis) { return axis.has_value(); }))
    return Error(ErrorKind::kUsage,
                 "[samples] expected an input with a batch axis, got none; try it without a batch size");
  return axes;
}

bool same_but(std::size_t axis, std::span<const std::int64_t> a, std::span<const std::int64_t> b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (i != axis && a[i] != b[i]) return false;
  return true;
}

std::size_t product(std::span<const std::int64_t> sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), std::size_t{1}, [](std::size_t product, std::int64_t size) {
    return product * static_cast<std::size_t>(size);
  });
}

using Sample = std::vector<TensorView>;  ///< its inputs

/// Whether rows of both can stand in one batch.
bool joinable(const Sample& a, const Sample& b, const Axes& axes) {
  for (std::size_t i = 0; i < axes.size(); ++i)
    if (axes[i] && !same_but(*axes[i], a[i].shape, b[i].shape)) return false;
  return true;
}

/// Rows of a sample by its first batch axis.
Result<std::int64_t> count_rows(const Sample& sample, const Axes& axes, const Signature& signature) {
  std::int64_t rows = 0;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (!axes[i]) continue;
    if (*axes[i] >= sample[i].shape.size() || sample[i].shape[*axes[i]] < 1)
      return Error(ErrorKind::kBadInput,
                   "[samples] expected samples with rows of \"" + signature.inputs[i].name + "\", got none");
    if (rows == 0) rows = sample[i].shape[*axes[i]];
  }
  return rows;
}

/// Sample `first` and as many of those after it as `rows` rows need.
Result<std::vector<Sample>> neighbours(const SampleStore& store, std::size_t first, const Axes& axes,
                                       const Signature& signature, std::int64_t rows) {
  std::vector<Sample> samples(1);
  SPEEDSTER_ASSIGN(samples[0], store.sample(first));
  SPEEDSTER_ASSIGN(std::int64_t have, count_rows(samples[0], axes, signature));
  for (std::size_t step = 1; step < store.size() && have < rows; ++step) {
    SPEEDSTER_ASSIGN(Sample next, store.sample((first + step) % store.size()));
    const auto more = count_rows(next, axes, signature);
    if (!more || !joinable(samples[0], next, axes)) continue;
    have += *more;
    samples.push_back(std::move(next));
  }
  return samples;
}

/// `rows` rows of input `i`, cycling over the samples, which differ along `axis` alone.
std::vector<std::byte> join_rows(const std::vector<Sample>& samples, std::size_t i, std::size_t axis,
                                 std::int64_t rows) {
  const std::span<const std::int64_t> shape = samples[0][i].shape;
  const std::size_t outer = product(shape.first(axis));
  const std::size_t row_bytes = product(shape.subspan(axis + 1)) * byte_size(samples[0][i].dtype);
  std::vector<std::byte> joined(outer * static_cast<std::size_t>(rows) * row_bytes);
  std::byte* to = joined.data();
  for (std::size_t block = 0; block < outer; ++block) {
    std::size_t sample = 0, row = 0;
    for (std::int64_t done = 0; done < rows && row_bytes > 0; ++done, to += row_bytes) {
      const TensorView& from = samples[sample][i];
      const auto here = static_cast<std::size_t>(from.shape[axis]);
      std::memcpy(to, static_cast<const std::byte*>(from.data) + (block * here + row) * row_bytes, row_bytes);
      if (++row < here) continue;
      row = 0;
      sample = sample + 1 == samples.size() ? 0 : sample + 1;
    }
  }
  return joined;
}

}  // namespace

Result<std::vector<std::int64_t>> rows_of(const SampleStore& store, const Signature& signature, std::size_t most) {
  SPEEDSTER_ASSIGN(const Axes axes, row_axes(signature));
  std::vector<std::int64_t> rows(std::min(store.size(), most), 1);
  for (std::size_t k = 0; k < rows.size(); ++k) {
    SPEEDSTER_ASSIGN(const Sample sample, store.sample(k));
    for (std::size_t i = 0; i < axes.size(); ++i)
      if (axes[i] && *axes[i] < sample[i].shape.size()) {
        rows[k] = sample[i].shape[*axes[i]];
        break;
      }
  }
  return rows;
}

Result<void> write_batches(const std::filesystem::path& file, const SampleStore& store, const Signature& signature,
                           std::size_t count, std::int64_t rows) {
  SPEEDSTER_ASSIGN(const Axes axes, axes_to_join(signature, rows));
  std::vector<std::vector<Sample>> parts(count);
  std::vector<SafetensorsWriter::Declaration> declared;
  for (std::size_t k = 0; k < count; ++k) {
    SPEEDSTER_ASSIGN(parts[k], neighbours(store, k % store.size(), axes, signature, rows));
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const TensorView& first = parts[k][0][i];
      Shape shape(first.shape.begin(), first.shape.end());
      if (axes[i]) shape[*axes[i]] = rows;
      declared.push_back({signature.inputs[i].name + "." + std::to_string(k), first.dtype, shape});
    }
  }
  SPEEDSTER_ASSIGN(SafetensorsWriter writer, SafetensorsWriter::create(file, declared));
  for (const std::vector<Sample>& samples : parts)
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const TensorView& first = samples[0][i];
      if (axes[i])
        SPEEDSTER_TRY(writer.append(join_rows(samples, i, *axes[i], rows)));
      else
        SPEEDSTER_TRY(writer.append({static_cast<const std::byte*>(first.data), first.bytes()}));
    }
  return writer.finish();
}

}  // namespace speedster::samples
