#include "reference/model.h"

#include <algorithm>
#include <set>

#include "reference/options.h"
#include "support/json.h"

namespace speedster::reference {
namespace {

using plugin::Failure;

Precision parse_precision(const std::string& name) {
  if (name == "fp64") return Precision::kFloat64;
  return name == "bf16" ? Precision::kBFloat16 : name == "fp16" ? Precision::kFloat16 : Precision::kFloat32;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find(separator, start), text.size());
    parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

}  // namespace

void require_kernels(const OnnxFile& file) {
  std::set<std::string> missing;
  for (const auto& node : file.nodes) {
    const bool has_graph =
        std::any_of(node.attributes.begin(), node.attributes.end(), [](const auto& a) { return a.is_graph; });
    if (has_graph || find_operator(node) == nullptr) missing.insert(operator_name(node));
  }
  if (!missing.empty())
    throw Failure(SP_UNSUPPORTED, "[reference] expected operators with a kernel, got " + plugin::detail::join(missing) +
                                      "; try another backend");
}

Model::Model(const std::filesystem::path& path, const plugin::OptionValues& options, const Poll& poll)
    : precision_(parse_precision(options.text("precision"))),
      error_(options.number("error")),
      report_precision_(options.text("report_precision")),
      fault_(options),
      delay_(std::make_unique<Delay>(options)) {
  file_ = read_onnx(path);
  poll();
  require_kernels(file_);
  resolve();
  add_entries(options.text("entries"));
  fault_.strike("load", poll);
  take_time(options.integer("load_delay_ms"), poll);
  ballast_ = hold_memory(options.integer("memory_mb"));
  ballast_bytes_ = static_cast<std::uint64_t>(options.integer("memory_mb")) << 20U;
}

/// Names become slots; a name is defined once, and before it is used.
void Model::resolve() {
  const auto define = [&](const std::string& name) {
    const auto [at, is_new] = slots_.try_emplace(name, static_cast<int>(constants_.size()));
    if (!is_new)
      throw Failure(SP_INVALID, "[reference] expected every value to be defined once, got '" + name + "' twice");
    constants_.emplace_back();
    return at->second;
  };
  for (const auto& [name, value] : file_.initializers) {
    const int slot = define(name);  // grows constants_: before the element is named
    constants_[static_cast<std::size_t>(slot)] = value;
  }
  for (const auto& input : file_.inputs) {
    if (!file_.initializers.contains(input.name)) define(input.name);
  }
  for (const auto& node : file_.nodes) {
    Step step{&node, find_operator(node), {}, {}};
    for (const auto& name : node.inputs) {
      const auto found = slots_.find(name);
      if (!name.empty() && found == slots_.end())
        throw Failure(SP_INVALID, "[reference] expected '" + name + "' to be defined before '" + node.name +
                                      "' uses it, got nothing of that name");
      step.inputs.push_back(name.empty() ? -1 : found->second);
    }
    const int max_outputs = step.op->max_outputs == 0 ? static_cast<int>(node.outputs.size()) : step.op->max_outputs;
    bool required_present = static_cast<int>(node.inputs.size()) >= step.op->min_inputs;
    for (int i = 0; required_present && i < step.op->min_inputs; ++i)
      required_present = step.inputs[static_cast<std::size_t>(i)] >= 0;
    if (!required_present || node.outputs.empty() || static_cast<int>(node.outputs.size()) > max_outputs) {
      throw Failure(SP_INVALID, "[reference] expected at least " + std::to_string(step.op->min_inputs) +
                                    " inputs and 1 to " + std::to_string(max_outputs) + " outputs for '" + node.name +
                                    "' (" + node.op + "), got " + std::to_string(node.inputs.size()) + " and " +
                                    std::to_string(node.outputs.size()));
    }
    for (const auto& name : node.outputs) step.outputs.push_back(name.empty() ? -1 : define(name));
    step.outputs.resize(static_cast<std::size_t>(max_outputs), -1);
    steps_.push_back(std::move(step));
  }
}

void Model::add_entries(const std::string& text) {
  for (const auto& part : split(text, ';')) {
    const std::size_t equals = part.find('=');
    const std::string name = part.substr(0, equals);
    const bool known = std::any_of(entries_.begin(), entries_.end(), [&](const auto& e) { return e.name == name; });
    if (name.empty() || known || (equals == std::string::npos && name != "main"))
      throw Failure(SP_INVALID,
                    "[reference] expected main;NAME=OUTPUT,OUTPUT;… for option 'entries', got '" + text + "'");
    std::vector<std::string> outputs;
    if (equals != std::string::npos)
      outputs = split(part.substr(equals + 1), ',');
    else
      for (const auto& output : file_.outputs) outputs.push_back(output.name);
    add_entry(name, outputs);
  }
}

void Model::add_entry(const std::string& name, const std::vector<std::string>& outputs) {
  Entry entry{name, {}, {}, {}, {}, nullptr};
  std::vector<bool> needed(constants_.size());
  std::vector<plugin::TensorSpec> input_specs, output_specs;
  for (const auto& output : outputs) {
    const auto spec =
        std::find_if(file_.outputs.begin(), file_.outputs.end(), [&](const auto& o) { return o.name == output; });
    const auto slot = slots_.find(output);
    if (spec == file_.outputs.end())
      throw Failure(SP_INVALID,
                    "[reference] expected an output of the model in entry '" + name + "', got '" + output + "'");
    if (slot == slots_.end())
      throw Failure(SP_INVALID, "[reference] expected a node that gives output '" + output + "', got none");
    output_specs.push_back(*spec);
    entry.outputs.push_back(slot->second);
    needed[static_cast<std::size_t>(slot->second)] = true;
  }
  std::vector<bool> kept = needed;  // slots that outlive every step, or have been released already
  for (int i = static_cast<int>(steps_.size()) - 1; i >= 0; --i) {
    const Step& step = steps_[static_cast<std::size_t>(i)];
    const bool runs = std::any_of(step.outputs.begin(), step.outputs.end(),
                                  [&](int slot) { return slot >= 0 && needed[static_cast<std::size_t>(slot)]; });
    if (!runs) continue;
    std::vector<int> release;
    const auto use = [&](int slot) {
      if (slot < 0) return;
      if (!kept[static_cast<std::size_t>(slot)]) release.push_back(slot);
      kept[static_cast<std::size_t>(slot)] = needed[static_cast<std::size_t>(slot)] = true;
    };
    for (const int slot : step.outputs) use(slot);
    for (const int slot : step.inputs) use(slot);
    entry.steps.push_back(i);
    entry.releases.push_back(std::move(release));
  }
  std::reverse(entry.steps.begin(), entry.steps.end());
  std::reverse(entry.releases.begin(), entry.releases.end());
  for (const auto& input : file_.inputs) {
    const int slot = slots_.at(input.name);
    const bool whole = outputs.size() == file_.outputs.size();  // then unused inputs belong to the signature too
    if (!whole && !needed[static_cast<std::size_t>(slot)]) continue;
    plugin::TensorSpec spec = input;
    spec.optional = constants_[static_cast<std::size_t>(slot)].present();  // its initializer is its default
    input_specs.push_back(std::move(spec));
    entry.inputs.push_back(slot);
  }
  entry.signature = std::make_unique<plugin::SignatureStorage>(input_specs, output_specs);
  entries_.push_back(std::move(entry));
}

/// The element type of each slot, as far as it can be told without running.
std::vector<Type> Model::infer_types() const {
  std::vector<Type> types(constants_.size(), Type::kUndefined);
  for (std::size_t i = 0; i < types.size(); ++i) types[i] = constants_[i].type();
  for (const auto& input : file_.inputs) {
    for (auto type = Type::kFloat; dl_dtype(type); type = static_cast<Type>(static_cast<int>(type) + 1)) {
      if (plugin::same_dtype(*dl_dtype(type), input.dtype))
        types[static_cast<std::size_t>(slots_.at(input.name))] = type;
    }
  }
  for (const Step& step : steps_) {
    const auto input = [&](std::size_t i) {
      return i < step.inputs.size() && step.inputs[i] >= 0 ? types[static_cast<std::size_t>(step.inputs[i])]
                                                           : Type::kUndefined;
    };
    Type type = Type::kUndefined;
    switch (step.op->result) {
      case ResultType::kSameAsFirst: type = input(0); break;
      case ResultType::kSameAsSecond: type = input(1); break;
      case ResultType::kBool: type = Type::kBool; break;
      case ResultType::kInt64: type = Type::kInt64; break;
      case ResultType::kInt32: type = Type::kInt32; break;
      case ResultType::kUInt8: type = Type::kUInt8; break;
      case ResultType::kThirdOrUInt8: type = input(2) == Type::kUndefined ? Type::kUInt8 : input(2); break;
      case ResultType::kAttribute: {
        const Attribute* value = step.node->find("value");
        type = step.node->op == "Cast" ? static_cast<Type>(step.node->integer("to", 0))
               : value != nullptr      ? value->tensor.type()
                                       : Type::kFloat;
        break;
      }
    }
    for (const int slot : step.outputs) {
      if (slot >= 0) types[static_cast<std::size_t>(slot)] = type;
    }
  }
  return types;
}

std::string Model::stats() const {
  std::map<std::string, int> nodes;
  const std::vector<Type> types = infer_types();
  const char* rounded = precision_ == Precision::kBFloat16  ? "bf16"
                        : precision_ == Precision::kFloat16 ? "f16"
                        : precision_ == Precision::kFloat64 ? "f64"
                                                            : "f32";
  for (const int index : entries_.front().steps) {
    const Step& step = steps_[static_cast<std::size_t>(index)];
    const Type type =
        step.outputs.front() < 0 ? Type::kUndefined : types[static_cast<std::size_t>(step.outputs.front())];
    if (step.node->op == "Constant") continue;
    if (step.op->integer_arithmetic)
      ++nodes["int8"];
    else if (type == Type::kFloat16)
      ++nodes["f16"];
    else if (type == Type::kBFloat16)
      ++nodes["bf16"];
    else if (type == Type::kFloat || type == Type::kDouble)
      ++nodes[rounded];
  }
  std::string precision = "f32";
  if (nodes.contains("int8"))
    precision = "int8";
  else if (nodes.size() == 1)
    precision = nodes.begin()->first;
  else if (nodes.size() > 1)
    precision = "mixed";
  if (!report_precision_.empty()) precision = report_precision_;

  plugin::JsonWriter json;
  json.object().field("bytes", file_.weight_bytes + ballast_bytes_).field("threads", 1).field("vendor_version", "1");
  json.field("precision", std::string_view(precision)).object("nodes");
  for (const auto& [name, count] : nodes) json.field(name, count);
  json.end().end();
  return json.text();
}

}  // namespace speedster::reference
