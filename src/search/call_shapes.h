/// Calls that come in several shapes: which, and how often each.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "measure/race.h"
#include "model/signature.h"
#include "samples/store.h"

namespace speedster::search {

/// Null: calls have the samples' own shapes.
using CallShapes = std::shared_ptr<const std::vector<measure::CallShape>>;

/// Where there is a mix: checks it, and gives random samples the shapes with the largest share; others stay as they
/// are. Kind usage for shares that are no positive numbers, more than 16 shapes, the same twice, and what the model
/// cannot have.
Result<void> settle_mix(samples::SampleOptions& options, const Signature& signature);
/// A mix that was checked, with the shapes of all inputs and shares that add up to 1; null without one.
CallShapes call_shapes(const std::vector<samples::ShapeShare>& mix, const Signature& signature);
/// "images=1x3x48x320,factor=scalar", as --shapes takes it.
std::string to_option(const std::map<std::string, Shape>& shapes);

/// The shapes of all inputs where axes have these sizes (by axis_key()), the others opt, else max.
std::map<std::string, Shape> shapes_at(const Signature& signature, const std::map<std::string, std::int64_t>& sizes);

}  // namespace speedster::search
