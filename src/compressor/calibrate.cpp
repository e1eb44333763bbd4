#include "compressor/calibrate.h"

#include <algorithm>
#include <optional>

#include "base/files.h"

namespace speedster::compressor {
namespace {

constexpr std::size_t kFirstGroup = 2;

Error cancelled() { return {ErrorKind::kCancelled, "[calibrate] cancelled"}; }

}  // namespace

Result<CalibratedRanges> calibrate(const onnx_model::OnnxModel& model, const std::vector<std::string>& tensors,
                                   const CalibrateOptions& options, const LoadModel& load, const CancelToken& cancel) {
  if (options.samples.empty())
    return Error(ErrorKind::kUsage,
                 "[calibrate] expected samples to calibrate on, got none; try --data with some more");
  std::optional<TempDir> temporary;
  std::filesystem::path folder = options.folder;
  if (folder.empty()) {
    SPEEDSTER_ASSIGN(temporary, TempDir::create("calibrate"));
    folder = temporary->path();
  }
  RangeCollector collector(options.method, options.percentile);
  std::uint64_t largest = 0;  // bytes of one output, of those seen
  for (std::size_t begin = 0; begin < tensors.size();) {
    std::size_t count = begin == 0 ? kFirstGroup : tensors.size();
    if (largest > 0)
      count = static_cast<std::size_t>(std::clamp<std::uint64_t>(options.memory_bytes / largest, 1, tensors.size()));
    const std::vector<std::string> group(
        tensors.begin() + static_cast<std::ptrdiff_t>(begin),
        tensors.begin() + static_cast<std::ptrdiff_t>(std::min(begin + count, tensors.size())));
    const std::filesystem::path path = folder / ("calibrate_" + std::to_string(begin) + ".onnx");
    SPEEDSTER_ASSIGN(const onnx_model::OnnxModel part, with_outputs(model, group));
    SPEEDSTER_TRY(part.save(path));
    SPEEDSTER_ASSIGN(const RunSample run, load(path));
    for (std::size_t i = 0; i < options.samples.size(); ++i) {
      if (cancel.cancelled()) return cancelled();
      std::size_t received = 0;
      SPEEDSTER_TRY(run(options.samples[i], [&](std::span<const TensorView> outputs) {
        received = outputs.size();
        for (std::size_t t = 0; t < std::min(outputs.size(), group.size()); ++t) {
          collector.observe(group[t], outputs[t]);
          largest = std::max<std::uint64_t>(largest, outputs[t].bytes());
        }
      }));
      if (received != group.size())
        return Error(ErrorKind::kVendor, "[calibrate] expected " + std::to_string(group.size()) + " outputs, got " +
                                             std::to_string(received));
      const double group_share = static_cast<double>(group.size()) / static_cast<double>(tensors.size());
      if (options.progress)
        options.progress(static_cast<double>(begin) / static_cast<double>(tensors.size()) +
                         group_share * static_cast<double>(i + 1) / static_cast<double>(options.samples.size()));
    }
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    std::filesystem::remove(path.string() + ".data", ignored);
    begin += group.size();
  }
  CalibratedRanges ranges;
  for (const Calibration method : calibrations())
    if (method == Calibration::kMinMax || options.method != Calibration::kMinMax)
      ranges[method] = collector.ranges(method);
  // A tensor without a finite value is left out: whoever needs its range says so by name.
  if (ranges[Calibration::kMinMax].empty() && !tensors.empty())
    return Error(ErrorKind::kBadInput, "[calibrate] expected finite values of '" + tensors.front() + "', got none in " +
                                           std::to_string(options.samples.size()) +
                                           " samples; try other samples, or to exclude its nodes");
  return ranges;
}

}  // namespace speedster::compressor
