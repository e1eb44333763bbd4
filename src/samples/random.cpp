#include "samples/random.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <numbers>

#include "samples/batch.h"
#include "samples/plan.h"
#include "tensor/difference.h"

namespace speedster::samples {
namespace {

template <typename T>
class RandomStream final : public Stream {
 public:
  RandomStream(std::uint64_t seed, std::function<T(Random&)> draw) : random_(seed), draw_(std::move(draw)) {}
  Result<void> read(std::span<std::byte> to) override {
    for (std::size_t i = 0; i + sizeof(T) <= to.size(); i += sizeof(T)) {
      const T value = draw_(random_);
      std::memcpy(to.data() + i, &value, sizeof value);
    }
    return {};
  }

 private:
  Random random_;
  std::function<T(Random&)> draw_;
};

template <typename T>
Result<std::unique_ptr<Stream>> floats(std::uint64_t seed, std::optional<std::pair<double, double>> range,
                                       T (*round)(double)) {
  return std::unique_ptr<Stream>(std::make_unique<RandomStream<T>>(seed, [range, round](Random& random) {
    return round(range ? range->first + random.uniform() * (range->second - range->first) : random.normal());
  }));
}

template <typename T>
Result<std::unique_ptr<Stream>> integers(std::uint64_t seed, std::pair<double, double> range, const std::string& name) {
  // 2^53: beyond it a double does not hold every integer, and --range is one.
  const double low = std::ceil(range.first), high = std::ceil(range.second);
  const double least = std::max<double>(static_cast<double>(std::numeric_limits<T>::lowest()), -0x1p53);
  const double most = std::min<double>(static_cast<double>(std::numeric_limits<T>::max()), 0x1p53);
  if (low >= high || low < least || high - 1 > most)
    return Error(ErrorKind::kUsage, "[samples] expected a --range of integers for " + name + ", got " +
                                        std::to_string(range.first) + ":" + std::to_string(range.second));
  const auto width = static_cast<std::uint64_t>(high - low);
  const auto start = static_cast<std::int64_t>(low);
  return std::unique_ptr<Stream>(std::make_unique<RandomStream<T>>(seed, [start, width](Random& random) {
    return static_cast<T>(start + static_cast<std::int64_t>(random.below(width)));
  }));
}

}  // namespace

std::uint64_t Random::bits() {
  std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31U);
}

std::uint64_t Random::below(std::uint64_t bound) {
  const std::uint64_t rest = (0 - bound) % bound;  // 2^64 mod bound: values below it would favour the small ones
  std::uint64_t drawn = bits();
  while (drawn < rest) drawn = bits();
  return drawn % bound;
}

double Random::uniform() { return static_cast<double>(bits() >> 11U) * 0x1p-53; }

double Random::normal() {
  const double u = 1 - uniform();  // in (0, 1]
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * uniform());
}

Result<std::unique_ptr<Stream>> random_elements(const TensorSpec& input, std::optional<std::pair<double, double>> range,
                                                std::uint64_t seed) {
  if (range && !(std::isfinite(range->first) && std::isfinite(range->second) && range->first < range->second))
    return Error(ErrorKind::kUsage, "[samples] expected --range " + input.name + "=LOW:HIGH with LOW below HIGH, got " +
                                        std::to_string(range->first) + ":" + std::to_string(range->second));
  const std::pair<double, double> whole = range.value_or(std::pair(0.0, 2.0));
  switch (input.dtype) {
    case DType::kFloat32: return floats<float>(seed, range, [](double x) { return static_cast<float>(x); });
    case DType::kFloat64: return floats<double>(seed, range, [](double x) { return x; });
    case DType::kFloat16:
      return floats<std::uint16_t>(seed, range, [](double x) { return float_to_half(static_cast<float>(x)); });
    case DType::kBFloat16:
      return floats<std::uint16_t>(seed, range, [](double x) { return float_to_bfloat16(static_cast<float>(x)); });
    case DType::kBool:
      if (whole.first < 0 || whole.second > 2)
        return Error(ErrorKind::kUsage,
                     "[samples] expected a --range within 0:2 for the bool " + input.name + ", got another");
      return integers<std::uint8_t>(seed, whole, input.name);
    case DType::kInt8: return integers<std::int8_t>(seed, whole, input.name);
    case DType::kUInt8: return integers<std::uint8_t>(seed, whole, input.name);
    case DType::kInt16: return integers<std::int16_t>(seed, whole, input.name);
    case DType::kUInt16: return integers<std::uint16_t>(seed, whole, input.name);
    case DType::kInt32: return integers<std::int32_t>(seed, whole, input.name);
    case DType::kUInt32: return integers<std::uint32_t>(seed, whole, input.name);
    case DType::kInt64: return integers<std::int64_t>(seed, whole, input.name);
    case DType::kUInt64: return integers<std::uint64_t>(seed, whole, input.name);
    case DType::kFloat8E4M3FN:
    case DType::kFloat8E5M2:
    case DType::kComplex64:
    case DType::kComplex128: break;
  }
  return Error(ErrorKind::kUnsupported,
               "[samples] expected a dtype that can be drawn, got " + describe(input) + "; try --data with a file");
}

Result<Plan> plan_random(const SampleOptions& options, const Signature& signature) {
  SPEEDSTER_ASSIGN(const std::vector<BatchAxis> batches, batch_axes(signature, options.shapes));
  for (const auto& [name, range] : options.ranges)
    if (signature.input(name) == nullptr)
      return Error(ErrorKind::kUsage,
                   "[samples] expected --range for an input, got \"" + name + "\"; try\n" + how_to_write(signature));
  // One size for each symbol, so that inputs that share it agree.
  std::map<std::string, std::int64_t> symbols;
  for (const TensorSpec& input : signature.inputs)
    if (const auto given = options.shapes.find(input.name); given != options.shapes.end())
      for (std::size_t i = 0; i < input.axes.size(); ++i)
        if (!input.axes[i].name.empty()) symbols[input.axes[i].name] = given->second[i];

  Plan plan;
  plan.samples = std::max<std::size_t>(options.random_count, 1);
  for (std::size_t k = 0; k < signature.inputs.size(); ++k) {
    const TensorSpec& input = signature.inputs[k];
    const auto given = options.shapes.find(input.name);
    Shape shape;
    if (given != options.shapes.end())
      shape = given->second;
    else if (input.unknown_rank)
      return Error(ErrorKind::kUsage, "[samples] expected a shape for " + describe(input) +
                                          ", got none; try --shapes " + input.name + "=…");
    for (std::size_t i = shape.size(); i < input.axes.size(); ++i) {
      const Axis& axis = input.axes[i];
      const auto symbol = symbols.find(axis.name);
      if (!axis.dynamic())
        shape.push_back(axis.value);
      else if (batches[k].axis == i)
        shape.push_back(batches[k].size);
      else if (symbol != symbols.end())
        shape.push_back(symbol->second);
      else if (axis.opt)
        shape.push_back(*axis.opt);
      else
        return Error(ErrorKind::kUsage, "[samples] expected a size for axis " + std::to_string(i) + " of " +
                                            describe(input) + ", got none; try --shapes " + input.name +
                                            "=… with all its sizes");
    }
    const auto count = element_count(shape);
    if (!count || *count > std::int64_t{1} << 40U)
      return Error(ErrorKind::kUsage,
                   "[samples] expected a shape that fits in memory for " + input.name + ", got " + to_string(shape));
    InputPlan inputs{input, {{{}, k, plan.samples}}, shape.size(), {}, 0};
    for (std::size_t i = 0; i < plan.samples; ++i)
      inputs.shapes.insert(inputs.shapes.end(), shape.begin(), shape.end());
    const bool integer = info(input.dtype).dl.code == kDLInt || info(input.dtype).dl.code == kDLUInt;
    if (integer && !options.ranges.contains(input.name))
      plan.notes.push_back(input.name + ": drawn from 0:2; --range " + input.name + "=LOW:HIGH draws others");
    plan.inputs.push_back(std::move(inputs));
  }
  if (plan.inputs.empty())
    return Error(ErrorKind::kBadInput, "[samples] expected a model with inputs, got one without");
  plan.rows = plan.samples;
  return plan;
}

}  // namespace speedster::samples
