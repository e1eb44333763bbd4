/// The metrics against labels.
#pragma once
#include <cstdint>
#include <memory>

#include "accuracy/metric.h"

namespace speedster::accuracy {

/// Right if the label is the class with the highest score.
std::unique_ptr<Metric> make_accuracy();
/// Right if the label is among the k classes with the highest scores.
std::unique_ptr<Metric> make_top_k(std::int64_t k);

}  // namespace speedster::accuracy
