#include "openvino/ir_scan.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>

#include "openvino/api.h"
#include "support/error.h"

namespace speedster::openvino {

namespace {

namespace fs = std::filesystem;
using plugin::Failure;

constexpr std::uintmax_t kXmlLimit = std::uintmax_t{512} << 20U;

/// The operands whose values make the shape of a result, from the operation specifications (opset1 to opset16).
struct ShapeOperands {
  std::string_view type;
  std::array<int, 4> ports;  ///< -1 none
};
constexpr ShapeOperands kShapeOperands[] = {
    {"AdaptiveAvgPool", {1, -1, -1, -1}},
    {"AdaptiveMaxPool", {1, -1, -1, -1}},
    {"BatchToSpace", {1, 2, 3, -1}},
    {"Broadcast", {1, 2, -1, -1}},
    {"Col2Im", {1, 2, -1, -1}},
    {"ConvolutionBackpropData", {2, -1, -1, -1}},
    {"DFT", {1, 2, -1, -1}},
    {"Eye", {0, 1, 3, -1}},
    {"Gather", {2, -1, -1, -1}},
    {"GroupConvolutionBackpropData", {2, -1, -1, -1}},
    {"IDFT", {1, 2, -1, -1}},
    {"IRDFT", {1, 2, -1, -1}},
    {"Interpolate", {1, 2, 3, -1}},
    {"Multinomial", {1, -1, -1, -1}},
    {"OneHot", {1, -1, -1, -1}},
    {"Pad", {1, 2, -1, -1}},
    {"RDFT", {1, 2, -1, -1}},
    {"RandomUniform", {0, -1, -1, -1}},
    {"Range", {0, 1, 2, -1}},
    {"ReduceL1", {1, -1, -1, -1}},
    {"ReduceL2", {1, -1, -1, -1}},
    {"ReduceLogicalAnd", {1, -1, -1, -1}},
    {"ReduceLogicalOr", {1, -1, -1, -1}},
    {"ReduceMax", {1, -1, -1, -1}},
    {"ReduceMean", {1, -1, -1, -1}},
    {"ReduceMin", {1, -1, -1, -1}},
    {"ReduceProd", {1, -1, -1, -1}},
    {"ReduceSum", {1, -1, -1, -1}},
    {"Reshape", {1, -1, -1, -1}},
    {"STFT", {2, 3, -1, -1}},
    {"Slice", {1, 2, 3, 4}},
    {"SpaceToBatch", {1, 2, 3, -1}},
    {"Split", {1, -1, -1, -1}},
    {"Squeeze", {1, -1, -1, -1}},
    {"StridedSlice", {1, 2, 3, -1}},
    {"Tile", {1, -1, -1, -1}},
    {"TopK", {1, -1, -1, -1}},
    {"Unsqueeze", {1, -1, -1, -1}},
    {"VariadicSplit", {1, 2, -1, -1}},
};
constexpr std::string_view kPlain[] = {"Abs",
                                       "Add",
                                       "Asin",
                                       "Atan",
                                       "AvgPool",
                                       "BatchNormInference",
                                       "Ceiling",
                                       "Clamp",
                                       "Concat",
                                       "Convert",
                                       "ConvertLike",
                                       "Convolution",
                                       "Cos",
                                       "CumSum",
                                       "DepthToSpace",
                                       "Divide",
                                       "Elu",
                                       "Equal",
                                       "Erf",
                                       "Exp",
                                       "FakeConvert",
                                       "FakeQuantize",
                                       "Floor",
                                       "FloorMod",
                                       "GRUSequence",
                                       "GatherElements",
                                       "GatherND",
                                       "Gelu",
                                       "Greater",
                                       "GreaterEqual",
                                       "GroupConvolution",
                                       "GroupNormalization",
                                       "HSigmoid",
                                       "HSwish",
                                       "HardSigmoid",
                                       "Identity",
                                       "LRN",
                                       "LSTMSequence",
                                       "Less",
                                       "LessEqual",
                                       "Log",
                                       "LogSoftmax",
                                       "LogicalAnd",
                                       "LogicalNot",
                                       "LogicalOr",
                                       "LogicalXor",
                                       "MVN",
                                       "MatMul",
                                       "MaxPool",
                                       "Maximum",
                                       "Minimum",
                                       "Mish",
                                       "Mod",
                                       "Multiply",
                                       "Negative",
                                       "NormalizeL2",
                                       "NotEqual",
                                       "PRelu",
                                       "Power",
                                       "RMS",
                                       "RNNSequence",
                                       "ReLU",
                                       "Result",
                                       "ReverseSequence",
                                       "Round",
                                       "ScaledDotProductAttention",
                                       "ScatterElementsUpdate",
                                       "ScatterNDUpdate",
                                       "ScatterUpdate",
                                       "Select",
                                       "Selu",
                                       "ShuffleChannels",
                                       "Sigmoid",
                                       "Sign",
                                       "Sin",
                                       "SoftMax",
                                       "SoftPlus",
                                       "SoftSign",
                                       "Softmax",
                                       "SpaceToDepth",
                                       "Sqrt",
                                       "SquaredDifference",
                                       "Subtract",
                                       "Swish",
                                       "Tan",
                                       "Tanh",
                                       "Transpose",
                                       "Where"};

struct Flow {
  bool values = true, shape = true;
};
struct Layer {
  std::string type;
  bool standard = true;               ///< of an opset, not an extension
  std::map<int, std::string> inputs;  ///< port → the layer that feeds it
};

std::string unescape(std::string_view text) {
  static constexpr std::pair<std::string_view, char> kEntities[] = {
      {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
  std::string result;
  while (!text.empty()) {
    const auto* entity = std::ranges::find_if(kEntities, [&](const auto& row) { return text.starts_with(row.first); });
    const bool found = entity != std::end(kEntities);
    result += found ? entity->second : text.front();
    text.remove_prefix(found ? entity->first.size() : 1);
  }
  return result;
}

/// One tag: its name (with a leading '/' where it closes) and its attributes.
class Tag {
 public:
  explicit Tag(std::string_view text) : text_(text) {
    name_ = text_.substr(0, text_.find_first_of(" \t\r\n/", text_.starts_with('/') ? 1 : 0));
  }
  std::string_view name() const { return name_; }
  bool closes_itself() const { return text_.ends_with('/'); }
  std::string attribute(std::string_view key) const {
    for (std::size_t at = text_.find(key); at != std::string_view::npos; at = text_.find(key, at + 1)) {
      const std::size_t begin = at + key.size();
      const bool word = at > 0 && (text_[at - 1] == ' ' || text_[at - 1] == '\n' || text_[at - 1] == '\t');
      if (!word || text_.substr(begin, 2) != "=\"") continue;
      const std::size_t end = text_.find('"', begin + 2);
      if (end == std::string_view::npos) break;
      return unescape(text_.substr(begin + 2, end - begin - 2));
    }
    return {};
  }

 private:
  std::string_view text_, name_;
};

std::string read_xml(const fs::path& xml) {
  std::error_code error;
  const std::uintmax_t size = fs::is_regular_file(xml, error) ? fs::file_size(xml, error) : 0;
  if (!fs::exists(xml, error))
    throw Failure(SP_NOT_FOUND, "[openvino] expected an IR, got " + xml.string() + ", not there");
  if (size == 0 || size > kXmlLimit)
    throw Failure(SP_INVALID, "[openvino] expected an IR of at most 512 MiB, got " + xml.string());
  std::ifstream file(xml, std::ios::binary);
  std::string text(size, '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(size)))
    throw Failure(SP_INVALID, "[openvino] expected a readable IR, got " + xml.string());
  return text;
}

/// Layers of the main graph in the order of the file, which is a topological one, and the constants' types of all
/// graphs.
class Reader {
 public:
  explicit Reader(const fs::path& xml) : xml_(xml) {}

  /// What the vendor's parser would not take for a tag is skipped or refused: who reads otherwise can be lied to.
  void read(std::string_view text) {
    static constexpr std::pair<std::string_view, std::string_view> kSkipped[] = {
        {"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}};
    while (true) {
      const std::size_t begin = text.find('<');
      if (begin == std::string_view::npos) return;
      const auto* skipped =
          std::ranges::find_if(kSkipped, [&](const auto& row) { return text.substr(begin).starts_with(row.first); });
      if (skipped != std::end(kSkipped)) {
        const std::size_t close = text.find(skipped->second, begin + skipped->first.size());
        if (close == std::string_view::npos) return;
        text.remove_prefix(close + skipped->second.size());
        continue;
      }
      if (text.substr(begin).starts_with("<!")) refuse("no declarations");
      const std::size_t end = tag_end(text, begin);
      if (end == std::string_view::npos) return;
      tag(Tag(text.substr(begin + 1, end - begin - 1)));
      text.remove_prefix(end + 1);
    }
  }

  std::vector<std::string> order;
  std::map<std::string, Layer> layers;
  std::set<std::string> constant_types;
  bool is_net = false, has_state = false, free_axes = false;

 private:
  [[noreturn]] void refuse(const char* expected) const {
    throw Failure(SP_INVALID, std::string("[openvino] expected ") + expected + " in an OpenVINO IR, got some in " +
                                  xml_.string() + "; try to convert the model again");
  }

  /// The closing bracket; attributes may hold brackets.
  std::size_t tag_end(std::string_view text, std::size_t begin) const {
    bool quoted = false;
    for (std::size_t i = begin; i < text.size(); ++i) {
      if (text[i] == '"') quoted = !quoted;
      if (text[i] == '\'' && !quoted) refuse("no attributes in single quotes");
      if (text[i] == '>' && !quoted) return i;
    }
    return std::string_view::npos;
  }

  void tag(const Tag& tag) {
    if (tag.name() == "net") is_net = true;
    const bool body = tag.name().ends_with("body") || tag.name().ends_with("back_edges");
    if (body && !tag.closes_itself()) bodies_ += tag.name().starts_with('/') ? -1 : 1;
    if (tag.name() == "layer") {
      type_ = tag.attribute("type");
      has_state |= type_ == "ReadValue" || type_ == "Assign";
      if (bodies_ > 0) return;
      const std::string id = tag.attribute("id");
      if (!layers.emplace(id, Layer{type_, tag.attribute("version").starts_with("opset"), {}}).second)
        refuse("no layers of one id");
      order.push_back(id);
    } else if (tag.name() == "data" && type_ == "Parameter" && bodies_ == 0) {
      // "1,3,?,1..64": a fixed shape has nothing but numbers.
      free_axes |= tag.attribute("shape").find_first_not_of("0123456789,") != std::string::npos;
    } else if (tag.name() == "data" && type_ == "Const") {
      constant_types.insert(tag.attribute("element_type"));
    } else if (tag.name() == "edge" && bodies_ == 0) {
      // Ports of a layer are numbered from 0, inputs first; a layer's input k is its port k.
      layers[tag.attribute("to-layer")].inputs[std::atoi(tag.attribute("to-port").c_str())] =
          tag.attribute("from-layer");
    }
  }

  const fs::path& xml_;
  int bodies_ = 0;
  std::string type_;
};

template <typename Table>
bool contains(const Table& table, std::string_view name) {
  return std::ranges::find(table, name) != std::end(table);
}

Flow judge(const Layer& layer, const std::map<std::string, Flow>& flows) {
  const auto input = [&](int port) {
    const auto feeder = layer.inputs.find(port);
    if (feeder == layer.inputs.end()) return Flow{false, false};
    const auto flow = flows.find(feeder->second);
    return flow == flows.end() ? Flow{} : flow->second;
  };
  if (layer.type == "Parameter") return {true, false};
  if (layer.type == "Const") return {false, false};
  Flow result = {false, false};
  for (const auto& [port, feeder] : layer.inputs) {
    result.values |= input(port).values;
    result.shape |= input(port).shape;
  }
  if (layer.type == "ShapeOf") return {result.shape, false};
  const auto* row = std::ranges::find_if(kShapeOperands, [&](const ShapeOperands& r) { return r.type == layer.type; });
  if (row != std::end(kShapeOperands)) {
    for (const int port : row->ports) result.shape |= port >= 0 && input(port).values;
    return result;
  }
  // Everything else (NonZero, suppression, control flow, extensions) may make any shape.
  return layer.standard && contains(kPlain, layer.type) ? result : Flow{};
}

}  // namespace

fs::path weights_of(const fs::path& xml) { return fs::path(xml).replace_extension(".bin"); }

IrScan scan_ir(const fs::path& xml) {
  Reader reader(xml);
  reader.read(read_xml(xml));
  if (!reader.is_net || reader.order.empty())
    throw Failure(SP_INVALID, "[openvino] expected an OpenVINO IR (model.xml), got other text in " + xml.string() +
                                  "; try to convert the model again");
  std::error_code error;
  if (fs::is_symlink(fs::symlink_status(weights_of(xml), error)))
    throw Failure(SP_INVALID, "[openvino] expected the weights in a file, got the link " + weights_of(xml).string() +
                                  "; try to copy the file");
  if (!reader.constant_types.empty() && !fs::is_regular_file(weights_of(xml), error))
    throw Failure(SP_NOT_FOUND, "[openvino] expected the weights " + weights_of(xml).string() +
                                    ", got no such file; try to copy it together with the model");
  IrScan scan;
  scan.constant_types = std::move(reader.constant_types);
  scan.has_state = reader.has_state;
  scan.free_axes = reader.free_axes;
  std::map<std::string, Flow> flows;
  for (const std::string& id : reader.order) {
    const Layer& layer = reader.layers[id];
    flows[id] = judge(layer, flows);
    if (layer.type == "Result") scan.value_dependent.push_back(flows[id].shape);
  }
  return scan;
}

}  // namespace speedster::openvino
