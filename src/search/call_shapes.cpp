#include "search/call_shapes.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "samples/batch.h"

namespace speedster::search {
namespace {

constexpr std::size_t kMostShapes = 16;

Result<void> check(const std::vector<samples::ShapeShare>& mix, const Signature& signature) {
  const auto refuse = [](const std::string& expected, const std::string& got) {
    return Error(ErrorKind::kUsage, "[shapes] expected " + expected + ", got " + got +
                                        "; try --shapes tokens=1x128@3 --shapes tokens=1x512@1");
  };
  if (mix.size() > kMostShapes)
    return refuse(std::to_string(kMostShapes) + " shapes at most", std::to_string(mix.size()));
  for (std::size_t i = 0; i < mix.size(); ++i) {
    const std::string name = to_option(mix[i].shapes);
    if (!(mix[i].share > 0) || !std::isfinite(mix[i].share)) return refuse("a share above 0", name + " with another");
    if (std::any_of(mix.begin(), mix.begin() + static_cast<std::ptrdiff_t>(i),
                    [&](const samples::ShapeShare& earlier) { return earlier.shapes == mix[i].shapes; }))
      return refuse("each shape once", name + " twice");
    SPEEDSTER_TRY(samples::batch_axes(signature, mix[i].shapes));
  }
  return {};
}

}  // namespace

Result<void> settle_mix(samples::SampleOptions& options, const Signature& signature) {
  if (options.mix.empty()) return {};
  SPEEDSTER_TRY(check(options.mix, signature));
  if (options.random) options.shapes = samples::most_frequent(options.mix).shapes;
  return {};
}

CallShapes call_shapes(const std::vector<samples::ShapeShare>& mix, const Signature& signature) {
  if (mix.empty()) return nullptr;
  double sum = 0;
  for (const samples::ShapeShare& one : mix) sum += one.share;
  std::vector<measure::CallShape> result;
  for (const samples::ShapeShare& one : mix) {
    std::map<std::string, Shape> shapes = shapes_at(signature, axis_sizes(signature, one.shapes));
    for (const auto& [name, shape] : one.shapes) shapes[name] = shape;
    result.push_back({to_option(one.shapes), std::move(shapes), one.share / sum});
  }
  return std::make_shared<const std::vector<measure::CallShape>>(std::move(result));
}

std::string to_option(const std::map<std::string, Shape>& shapes) {
  std::vector<std::string> pieces;
  for (const auto& [name, shape] : shapes) {
    std::vector<std::string> sizes;
    for (const std::int64_t size : shape) sizes.push_back(std::to_string(size));
    pieces.push_back(name + "=" + (sizes.empty() ? "scalar" : join(sizes, "x")));
  }
  return join(pieces, ",");
}

std::map<std::string, Shape> shapes_at(const Signature& signature, const std::map<std::string, std::int64_t>& sizes) {
  std::map<std::string, Shape> shapes;
  for (const TensorSpec& input : signature.inputs) {
    if (input.unknown_rank) continue;  // stays as the sample has it
    Shape shape = input.shape();
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (shape[i] >= 0) continue;
      const auto it = sizes.find(axis_key(input, i));
      const Axis& axis = input.axes[i];
      shape[i] = it != sizes.end() ? it->second : axis.opt.value_or(axis.max.value_or(1));
    }
    shapes[input.name] = std::move(shape);
  }
  return shapes;
}

}  // namespace speedster::search
