#include "cli/run_outputs.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "samples/npy.h"
#include "samples/zip.h"
#include "tensor/safetensors.h"

namespace speedster::cli {
namespace {

bool is_safetensors(const fs::path& path) { return path.extension() == ".safetensors"; }

/// All calls along axis 0 if their other axes agree; along a new axis in front if `stack` and all axes agree.
std::optional<Shape> joined_shape(const std::vector<Shape>& calls, bool stack) {
  Shape shape = calls.front();
  if (stack) {
    if (!std::ranges::all_of(calls, [&](const Shape& call) { return call == shape; })) return std::nullopt;
    shape.insert(shape.begin(), static_cast<std::int64_t>(calls.size()));
    return shape;
  }
  shape[0] = 0;
  for (const Shape& call : calls) {
    if (call.size() != shape.size() || !std::equal(call.begin() + 1, call.end(), shape.begin() + 1))
      return std::nullopt;
    shape[0] += call[0];
  }
  return shape;
}

}  // namespace

Result<RunOutputs> RunOutputs::create(const std::vector<TensorInfo>& outputs, CallLayout layout, bool whole) {
  RunOutputs result;
  result.layout_ = layout;
  result.whole_ = whole;
  for (const TensorInfo& output : outputs) {
    result.outputs_.emplace_back().name = output.name;
    result.outputs_.back().dtype = output.dtype;
  }
  if (layout == CallLayout::kOneCall || !whole) return result;
  // The files lose their names with the folder: nothing is left behind, however this process ends.
  SPEEDSTER_ASSIGN(const TempDir folder, TempDir::create("speedster-run"));
  for (std::size_t i = 0; i < result.outputs_.size(); ++i) {
    const fs::path path = folder.path() / std::to_string(i);
    result.outputs_[i].file = UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!result.outputs_[i].file.valid()) return errno_error(errno, "run", "a writable temporary file", path);
  }
  return result;
}

Result<void> RunOutputs::add(const std::vector<TensorView>& outputs) {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    Output& output = outputs_[i];
    output.dtype = outputs[i].dtype;
    output.shapes.emplace_back(outputs[i].shape.begin(), outputs[i].shape.end());
    std::span<const std::byte> bytes(static_cast<const std::byte*>(outputs[i].data), outputs[i].bytes());
    if (layout_ == CallLayout::kOneCall) {
      output.only = bytes;
      continue;
    }
    if (!whole_) bytes = bytes.first(std::min(bytes.size(), kFirst * byte_size(output.dtype)));
    output.begins.push_back(output.begins.back() + bytes.size());
    if (whole_)
      SPEEDSTER_TRY(write_all(output.file.get(), bytes, "the outputs of \"" + output.name + "\" in a temporary file"));
    else
      output.first.insert(output.first.end(), bytes.begin(), bytes.end());
  }
  return {};
}

std::span<const std::byte> RunOutputs::bytes_of(const Output& output, std::size_t call) const {
  const std::span<const std::byte> all = whole_ ? output.mapped.bytes() : std::span<const std::byte>(output.first);
  return all.subspan(output.begins[call], output.begins[call + 1] - output.begins[call]);
}

Result<std::vector<OutputArray>> RunOutputs::arrays() {
  std::vector<OutputArray> arrays;
  for (Output& output : outputs_) {
    if (layout_ == CallLayout::kOneCall) {
      arrays.push_back({output.name, output.dtype, output.shapes.front(), output.only});
      continue;
    }
    if (whole_) {
      SPEEDSTER_ASSIGN(output.mapped, MappedFile::open("/proc/self/fd/" + std::to_string(output.file.get())));
      output.file.reset();
    }
    if (layout_ != CallLayout::kRagged) {
      const bool stack = layout_ == CallLayout::kSampleAxis || output.shapes.front().empty();
      if (const std::optional<Shape> shape = joined_shape(output.shapes, stack)) {
        const std::span<const std::byte> all = whole_ ? output.mapped.bytes() : std::span(std::as_const(output.first));
        arrays.push_back({output.name, output.dtype, *shape, all});
        continue;
      }
      notes_.push_back("the calls' outputs \"" + output.name + "\" differ in shape: kept apart as " + output.name +
                       ".0, " + output.name + ".1, …");
    }
    for (std::size_t call = 0; call < output.shapes.size(); ++call)
      arrays.push_back({output.name + "." + std::to_string(call), output.dtype, std::move(output.shapes[call]),
                        bytes_of(output, call)});
  }
  std::set<std::string_view> names;
  for (const OutputArray& array : arrays)
    if (!names.insert(array.name).second)
      return Error(ErrorKind::kUnsupported, "[run] expected outputs whose calls can be told apart by name, got \"" +
                                                array.name + "\" twice; try a file for each call");
  return arrays;
}

Result<void> check_output_format(const fs::path& path, const std::vector<TensorInfo>& outputs) {
  const std::string extension = path.extension().string();
  if (!extension.empty() && extension != ".npz" && extension != ".safetensors")
    return Error(ErrorKind::kUsage, "[usage] expected -o to be an npz or a safetensors file, got " + path.string() +
                                        "; try -o outputs.npz");
  const bool safetensors = is_safetensors(path);
  for (const TensorInfo& output : outputs) {
    const DTypeInfo& dtype = info(output.dtype);
    if (!(safetensors ? dtype.safetensors : dtype.numpy).empty()) continue;
    return Error(ErrorKind::kUsage, "[usage] expected a file that can hold the output \"" + output.name + "\" " +
                                        std::string(dtype.name) + ", got " + path.string() + "; try -o " +
                                        fs::path(path).replace_extension(safetensors ? "npz" : "safetensors").string());
  }
  return {};
}

Result<void> write_outputs(const fs::path& path, const std::vector<OutputArray>& arrays) {
  if (is_safetensors(path)) {
    std::vector<SafetensorsWriter::Declaration> declared;
    declared.reserve(arrays.size());
    for (const OutputArray& array : arrays) declared.push_back({array.name, array.dtype, array.shape});
    SPEEDSTER_ASSIGN(SafetensorsWriter writer, SafetensorsWriter::create(path, declared));
    for (const OutputArray& array : arrays) SPEEDSTER_TRY(writer.append(array.data));
    return writer.finish();
  }
  samples::ZipWriter zip;
  SPEEDSTER_TRY(zip.open(path));
  for (const OutputArray& array : arrays) {
    SPEEDSTER_ASSIGN(const std::string header, samples::make_npy_header(array.dtype, array.shape));
    SPEEDSTER_TRY(zip.add(array.name + ".npy", header, array.data));
  }
  return zip.finish();
}

}  // namespace speedster::cli
