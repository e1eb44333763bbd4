#include "model/signature.h"

#include <algorithm>

namespace speedster {
namespace {

constexpr std::size_t kMaxTensors = 1024;
constexpr std::size_t kMaxRank = 32;

const TensorSpec* find(const std::vector<TensorSpec>& specs, std::string_view name) {
  for (const TensorSpec& spec : specs)
    if (spec.name == name) return &spec;
  return nullptr;
}

Json to_json(const Axis& axis) {
  if (!axis.dynamic()) return axis.value;
  Json json = Json::object();
  if (!axis.name.empty()) json["name"] = axis.name;
  if (axis.min) json["min"] = *axis.min;
  if (axis.opt) json["opt"] = *axis.opt;
  if (axis.max) json["max"] = *axis.max;
  return json;
}

Json to_json(const TensorSpec& spec) {
  Json json = {{"name", spec.name}, {"dtype", name(spec.dtype)}};
  if (spec.unknown_rank) return json;
  json["shape"] = Json::array();
  for (const Axis& axis : spec.axes) json["shape"].push_back(to_json(axis));
  return json;
}

Result<Axis> axis_from_json(const Json& json, std::string_view who) {
  Axis axis;
  if (json.is_number_integer()) {
    axis.value = json.get<std::int64_t>();
    if (axis.value < 0)
      return Error(ErrorKind::kCorrupt,
                   "[" + std::string(who) + "] expected a dimension of at least 0, got " + json.dump());
    return axis;
  }
  if (!json.is_object())
    return Error(ErrorKind::kCorrupt, "[" + std::string(who) + "] expected a dimension, got " + json.type_name());
  if (json.contains("name")) {
    SPEEDSTER_ASSIGN(axis.name, json_string(json, "name", who));
  }
  for (auto [key, target] : {std::pair{"min", &axis.min}, {"opt", &axis.opt}, {"max", &axis.max}}) {
    if (!json.contains(key)) continue;
    SPEEDSTER_ASSIGN(*target, json_int(json, key, who));
    if (**target < 0)
      return Error(ErrorKind::kCorrupt, "[" + std::string(who) + "] expected \"" + key + "\" of at least 0");
  }
  return axis;
}

Result<std::vector<TensorSpec>> specs_from_json(const Json& json, const char* key, std::string_view who) {
  SPEEDSTER_ASSIGN(const Json* array, json_array(json, key, who));
  if (array->size() > kMaxTensors)
    return Error(ErrorKind::kCorrupt,
                 "[" + std::string(who) + "] expected at most 1024 tensors, got " + std::to_string(array->size()));
  std::vector<TensorSpec> specs;
  for (const Json& item : *array) {
    TensorSpec spec;
    SPEEDSTER_ASSIGN(spec.name, json_string(item, "name", who));
    SPEEDSTER_ASSIGN(const std::string dtype, json_string(item, "dtype", who));
    const auto known = dtype_from_name(dtype);
    if (!known) return Error(ErrorKind::kCorrupt, "[" + std::string(who) + "] expected a dtype, got \"" + dtype + "\"");
    spec.dtype = *known;
    spec.unknown_rank = !item.contains("shape");
    if (!spec.unknown_rank) {
      SPEEDSTER_ASSIGN(const Json* shape, json_array(item, "shape", who));
      if (shape->size() > kMaxRank)
        return Error(ErrorKind::kCorrupt,
                     "[" + std::string(who) + "] expected a rank of at most 32, got " + std::to_string(shape->size()));
      for (const Json& dimension : *shape) {
        SPEEDSTER_ASSIGN(Axis axis, axis_from_json(dimension, who));
        spec.axes.push_back(std::move(axis));
      }
    }
    specs.push_back(std::move(spec));
  }
  return specs;
}

}  // namespace

Shape TensorSpec::shape() const {
  Shape dims;
  dims.reserve(axes.size());
  for (const Axis& axis : axes) dims.push_back(axis.dynamic() ? -1 : axis.value);
  return dims;
}

const TensorSpec* Signature::input(std::string_view name) const { return find(inputs, name); }
const TensorSpec* Signature::output(std::string_view name) const { return find(outputs, name); }

std::string axis_key(const TensorSpec& spec, std::size_t index) {
  return spec.axes[index].name.empty() ? spec.name + "." + std::to_string(index) : spec.axes[index].name;
}

std::map<std::string, std::int64_t> axis_sizes(const Signature& signature, const std::map<std::string, Shape>& shapes) {
  std::map<std::string, std::int64_t> sizes;
  for (const auto& [name, shape] : shapes) {
    const TensorSpec* input = signature.input(name);
    for (std::size_t i = 0; input != nullptr && i < shape.size() && i < input->axes.size(); ++i)
      if (input->axes[i].dynamic()) sizes[axis_key(*input, i)] = shape[i];
  }
  return sizes;
}

std::string describe(const TensorSpec& spec) {
  // One line, whatever the model calls its tensors.
  const auto on_a_line = [](std::string name) {
    std::ranges::replace_if(name, [](unsigned char c) { return c < ' ' || c == 0x7F; }, '?');
    return name;
  };
  std::string text = on_a_line(spec.name) + " " + std::string(name(spec.dtype)) + " [";
  if (spec.unknown_rank) return text + "…]";
  for (std::size_t i = 0; i < spec.axes.size(); ++i) {
    const Axis& axis = spec.axes[i];
    if (i > 0) text += ", ";
    text += axis.dynamic() ? (axis.name.empty() ? "?" : on_a_line(axis.name)) : std::to_string(axis.value);
  }
  return text + "]";
}

Json to_json(const Signature& signature) {
  Json json = {{"inputs", Json::array()}, {"outputs", Json::array()}};
  for (const TensorSpec& spec : signature.inputs) json["inputs"].push_back(to_json(spec));
  for (const TensorSpec& spec : signature.outputs) json["outputs"].push_back(to_json(spec));
  return json;
}

Result<Signature> signature_from_json(const Json& json, std::string_view who) {
  Signature signature;
  SPEEDSTER_ASSIGN(signature.inputs, specs_from_json(json, "inputs", who));
  SPEEDSTER_ASSIGN(signature.outputs, specs_from_json(json, "outputs", who));
  return signature;
}

}  // namespace speedster
