/// What calibration sees of each channel of an activation: what scale migration (migration.h) and bias correction need.
#pragma once
#include <speedster/tensor.h>

#include <map>
#include <string>
#include <vector>

namespace speedster::compressor {

struct ChannelStatistics {
  std::vector<double> peak;  ///< largest absolute value of each channel
  std::vector<double> mean;
  std::vector<double> extents;  ///< sizes of the axes behind the channels, the mean over samples
};
using ChannelTable = std::map<std::string, ChannelStatistics>;

/// Streaming: a tensor takes one maximum and one sum a channel, whatever the number of samples.
class ChannelCollector {
 public:
  /// The channels are `behind` axes before the last one. Other dtypes than float32 are not looked at.
  void observe(const std::string& tensor, const TensorView& values, std::size_t behind);
  /// Tensors that held NaN or infinity, and those whose channels change in number or place, are absent.
  ChannelTable statistics() const;

 private:
  struct Sums {
    std::vector<float> peak;
    std::vector<double> sum;
    std::vector<double> extents;    ///< summed
    double count = 0, samples = 0;  ///< values of one channel; tensors
    bool changes = false;
  };
  std::map<std::string, Sums> tensors_;
};

}  // namespace speedster::compressor
