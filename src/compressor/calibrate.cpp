#include "compressor/calibrate.h"

#include <algorithm>
#include <optional>

#include "base/files.h"

namespace speedster::compressor {
namespace {

constexpr std::size_t kLookedAt = 2;

class Calibrator {
 public:
  Calibrator(const onnx_model::OnnxModel& model, const std::vector<std::string>& tensors,
             const CalibrateOptions& options, const LoadModel& load, const CancelToken& cancel, const fs::path& folder)
      : model_(model), tensors_(tensors), options_(options), load_(load), cancel_(cancel), folder_(folder) {}

  Result<Calibrated> run() {
    RangeCollector collector(options_.method, options_.percentile);
    ChannelCollector channels;
    SPEEDSTER_TRY(look());
    for (std::size_t begin = 0; begin < tensors_.size();) {
      const std::uint64_t fit = options_.memory_bytes / std::max<std::uint64_t>(largest_, 1);
      const auto count = static_cast<std::size_t>(std::clamp<std::uint64_t>(fit, 1, tensors_.size() - begin));
      const auto first = tensors_.begin() + static_cast<std::ptrdiff_t>(begin);
      const std::vector<std::string> group(first, first + static_cast<std::ptrdiff_t>(count));
      SPEEDSTER_TRY(observe(group, begin, options_.samples, [&](std::size_t tensor, const TensorView& values) {
        collector.observe(group[tensor], values);
        if (const auto behind = options_.channels.find(group[tensor]); behind != options_.channels.end())
          channels.observe(group[tensor], values, behind->second);
      }));
      begin += count;
    }
    Calibrated calibrated{{}, channels.statistics()};
    for (const Calibration method : calibrations())
      if (method == Calibration::kMinMax || options_.method != Calibration::kMinMax)
        calibrated.ranges[method] = collector.ranges(method);
    return calibrated;
  }

 private:
  /// How large an output is. All of them at once might be more than fits.
  Result<void> look() {
    if (tensors_.size() <= kLookedAt) return {};
    return observe({tensors_.begin(), tensors_.begin() + kLookedAt}, 0,
                   {options_.largest_sample.value_or(options_.samples.front())}, {});
  }

  /// Runs the samples on a graph whose outputs are these tensors.
  Result<void> observe(const std::vector<std::string>& group, std::size_t begin,
                       const std::vector<std::size_t>& samples,
                       const std::function<void(std::size_t, const TensorView&)>& take) {
    const fs::path path = folder_ / ("calibrate_" + std::to_string(begin) + ".onnx");
    SPEEDSTER_ASSIGN(const onnx_model::OnnxModel part, with_outputs(model_, group));
    SPEEDSTER_TRY(part.save(path));
    SPEEDSTER_ASSIGN(const RunSample run, load_(path));
    for (std::size_t i = 0; i < samples.size(); ++i) {
      if (cancel_.cancelled()) return Error(ErrorKind::kCancelled, "[calibrate] cancelled");
      std::size_t received = 0;
      SPEEDSTER_TRY(run(samples[i], [&](std::span<const TensorView> outputs) {
        received = outputs.size();
        for (std::size_t t = 0; t < std::min(outputs.size(), group.size()); ++t) {
          if (take) take(t, outputs[t]);
          largest_ = std::max<std::uint64_t>(largest_, outputs[t].bytes());
        }
      }));
      if (received != group.size())
        return Error(ErrorKind::kVendor, "[calibrate] expected " + std::to_string(group.size()) + " outputs, got " +
                                             std::to_string(received));
      if (take && options_.progress) {
        const auto all = static_cast<double>(tensors_.size());
        const double done = static_cast<double>(i + 1) / static_cast<double>(samples.size());
        options_.progress((static_cast<double>(begin) + static_cast<double>(group.size()) * done) / all);
      }
    }
    std::error_code ignored;
    fs::remove(path, ignored);
    fs::remove(path.string() + ".data", ignored);
    return {};
  }

  const onnx_model::OnnxModel& model_;
  const std::vector<std::string>& tensors_;
  const CalibrateOptions& options_;
  const LoadModel& load_;
  const CancelToken& cancel_;
  const fs::path& folder_;
  std::uint64_t largest_ = 0;  ///< bytes of one output, of those seen
};

}  // namespace

Result<Calibrated> calibrate(const onnx_model::OnnxModel& model, const std::vector<std::string>& tensors,
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
  SPEEDSTER_ASSIGN(Calibrated calibrated, Calibrator(model, tensors, options, load, cancel, folder).run());
  // A tensor without a finite value is left out: whoever needs its range says so by name.
  if (calibrated.ranges[Calibration::kMinMax].empty() && !tensors.empty())
    return Error(ErrorKind::kBadInput, "[calibrate] expected finite values of '" + tensors.front() + "', got none in " +
                                           std::to_string(options.samples.size()) +
                                           " samples; try other samples, or to exclude its nodes");
  return calibrated;
}

}  // namespace speedster::compressor
