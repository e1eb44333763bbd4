#include "reference/onnx_file.h"

#include <charconv>
#include <cstring>
#include <optional>

#include "reference/files.h"
#include "reference/wire.h"

namespace speedster::reference {
namespace {

using plugin::Failure;

constexpr std::uint64_t kMaxFile = std::uint64_t{2} << 30U;  // what a protobuf can be

[[noreturn]] void invalid(const std::string& expected, const std::string& got) {
  throw Failure(SP_INVALID, "[reference] expected " + expected + ", got " + got);
}

struct ExternalData {
  std::string location;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
};

class Reader {
 public:
  Reader(std::filesystem::path folder, bool tensors) : folder_(std::move(folder)), tensors_(tensors) {}

  OnnxFile read(std::string_view model) {
    std::optional<std::string_view> graph;
    for (WireReader reader(model); reader.next();) {
      switch (reader.field()) {
        case 7: graph = reader.text(); break;
        case 8: read_opset(reader.text()); break;
        default: break;
      }
    }
    if (!graph) invalid("an ONNX model with a graph", "none; try to export the model again (the file may not be ONNX)");
    if (file_.opset == 0) invalid("an ONNX model with an operator set", "none; try to export the model again");
    read_graph(*graph);
    return std::move(file_);
  }

 private:
  void read_opset(std::string_view bytes) {
    std::string_view domain;
    std::int64_t version = 0;
    for (WireReader reader(bytes); reader.next();) {
      if (reader.field() == 1) domain = reader.text();
      if (reader.field() == 2) version = reader.integer();
    }
    if (domain.empty() || domain == "ai.onnx") file_.opset = version;
  }

  void read_graph(std::string_view bytes) {
    for (WireReader reader(bytes); reader.next();) {
      switch (reader.field()) {
        case 1: read_node(reader.text()); break;
        case 5: {
          auto [name, value] = read_tensor(reader.text());
          if (name.empty() || !file_.initializers.try_emplace(name, value).second)
            invalid("initializers with distinct names", "'" + name + "'");
          break;
        }
        case 11: file_.inputs.push_back(read_value(reader.text())); break;
        case 12: file_.outputs.push_back(read_value(reader.text())); break;
        case 15:
          throw Failure(
              SP_UNSUPPORTED,
              "[reference] expected dense initializers, got a sparse one; try to export the model without them");
        default: break;
      }
    }
  }

  void read_node(std::string_view bytes) {
    Node node;
    for (WireReader reader(bytes); reader.next();) {
      switch (reader.field()) {
        case 1: node.inputs.emplace_back(reader.text()); break;
        case 2: node.outputs.emplace_back(reader.text()); break;
        case 3: node.name = reader.text(); break;
        case 4: node.op = reader.text(); break;
        case 5: node.attributes.push_back(read_attribute(reader.text())); break;
        case 7: node.domain = reader.text(); break;
        default: break;
      }
    }
    if (node.domain == "ai.onnx") node.domain.clear();
    if (node.name.empty()) node.name = node.op + "_" + std::to_string(file_.nodes.size());
    file_.nodes.push_back(std::move(node));
  }

  Attribute read_attribute(std::string_view bytes) {
    Attribute attribute;
    for (WireReader reader(bytes); reader.next();) {
      switch (reader.field()) {
        case 1: attribute.name = reader.text(); break;
        case 2: attribute.real = reader.real(); break;
        case 3: attribute.integer = reader.integer(); break;
        case 4: attribute.text = reader.text(); break;
        case 5: attribute.tensor = read_tensor(reader.text()).second; break;
        case 6:
        case 11: attribute.is_graph = true; break;
        case 7: reader.reals<float>([&](float value) { attribute.reals.push_back(value); }); break;
        case 8: reader.integers([&](std::int64_t value) { attribute.integers.push_back(value); }); break;
        default: break;
      }
    }
    return attribute;
  }

  /// ValueInfoProto → a tensor; sequences, maps and optionals are refused.
  plugin::TensorSpec read_value(std::string_view bytes) {
    plugin::TensorSpec spec;
    std::string_view type;
    for (WireReader reader(bytes); reader.next();) {
      if (reader.field() == 1) spec.name = reader.text();
      if (reader.field() == 2) type = reader.text();
    }
    std::optional<std::string_view> tensor;
    for (WireReader reader(type); reader.next();) {
      if (reader.field() == 1)
        tensor = reader.text();
      else if (reader.field() != 6)
        throw Failure(SP_UNSUPPORTED, "[reference] expected a tensor for '" + spec.name +
                                          "', got a sequence, map, optional or sparse type");
    }
    if (!tensor) invalid("a type for '" + spec.name + "'", "none");
    spec.ranked = false;
    for (WireReader reader(*tensor); reader.next();) {
      if (reader.field() == 1) spec.dtype = dtype(static_cast<Type>(reader.integer()), spec.name);
      if (reader.field() == 2) read_shape(reader.text(), spec);
    }
    return spec;
  }

  static void read_shape(std::string_view bytes, plugin::TensorSpec& spec) {
    spec.ranked = true;
    for (WireReader dims(bytes); dims.next();) {
      if (dims.field() != 1) continue;
      std::int64_t extent = -1;
      std::string symbol;
      for (WireReader dim(dims.text()); dim.next();) {
        if (dim.field() == 1) extent = dim.integer();
        if (dim.field() == 2) symbol = dim.text();
      }
      spec.shape.push_back(extent < 0 ? -1 : extent);
      spec.axes.push_back(symbol);
    }
    if (spec.shape.size() > kMaxRank)
      throw Failure(SP_UNSUPPORTED, "[reference] expected a rank of at most " + std::to_string(kMaxRank) + " for '" +
                                        spec.name + "', got " + std::to_string(spec.shape.size()));
  }

  static DLDataType dtype(Type type, const std::string& name) {
    if (type == Type::kString)
      throw Failure(SP_UNSUPPORTED, "[reference] expected numbers for '" + name +
                                        "', got strings; try to move text processing out of the model");
    const auto found = dl_dtype(type);
    if (!found)
      throw Failure(SP_UNSUPPORTED,
                    "[reference] expected a known element type for '" + name + "', got " + type_name(type));
    return *found;
  }

  std::pair<std::string, Value> read_tensor(std::string_view bytes) {
    Type type = Type::kUndefined;
    std::vector<std::int64_t> dims;
    std::string name;
    std::optional<std::string_view> raw;
    std::string typed;  // what the typed fields hold, as raw bytes
    bool external = false;
    ExternalData data;
    for (WireReader reader(bytes); reader.next();) {  // the type may come behind the values: a first pass finds it
      if (reader.field() == 2) type = static_cast<Type>(reader.integer());
      if (reader.field() == 8) name = reader.text();
    }
    const DLDataType dl = dtype(type, name);
    const std::size_t width = dl.bits < 8 ? 1 : dl.bits / 8U;
    const auto append = [&](const void* value, std::size_t size) {
      typed.append(static_cast<const char*>(value), size);
    };
    for (WireReader reader(bytes); reader.next();) {
      switch (reader.field()) {
        case 1: reader.integers([&](std::int64_t extent) { dims.push_back(extent); }); break;
        case 4: reader.reals<float>([&](float value) { append(&value, sizeof(value)); }); break;
        case 5: reader.integers([&](std::int64_t value) { append(&value, std::min<std::size_t>(width, 4)); }); break;
        case 7: reader.integers([&](std::int64_t value) { append(&value, sizeof(value)); }); break;
        case 9: raw = reader.text(); break;
        case 10: reader.reals<double>([&](double value) { append(&value, sizeof(value)); }); break;
        case 11: reader.integers([&](std::int64_t value) { append(&value, std::min<std::size_t>(width, 8)); }); break;
        case 13: read_external(reader.text(), data); break;
        case 14: external = reader.integer() == 1; break;
        default: break;
      }
    }
    const Shape shape(dims);
    const auto size = plugin::byte_count(dl, shape.span());
    if (!size || !fits(type, shape)) invalid("a shape that fits in memory for '" + name + "'", shape.text());
    const std::string_view inline_bytes = raw ? *raw : std::string_view(typed);
    if (!external && inline_bytes.size() != *size)
      invalid(std::to_string(*size) + " bytes for '" + name + "' " + shape.text(), std::to_string(inline_bytes.size()));
    if (external) check_external(name, data, *size);
    if (!tensors_) return {name, Value()};
    file_.memory.push_back(plugin::allocate(*size));
    void* memory = file_.memory.back().get();
    if (external)
      File::open_inside(folder_, data.location).read(memory, data.offset, *size);
    else if (*size != 0)
      std::memcpy(memory, inline_bytes.data(), *size);
    file_.weight_bytes += *size;
    return {name, Value(type, shape, memory)};
  }

  void check_external(const std::string& name, const ExternalData& data, std::uint64_t size) {
    if (data.length && *data.length != size)
      invalid(std::to_string(size) + " bytes of external data for '" + name + "'", std::to_string(*data.length));
    const File file = File::open_inside(folder_, data.location);
    if (data.offset > file.size() || size > file.size() - data.offset)
      invalid(std::to_string(size) + " bytes at " + std::to_string(data.offset) + " of '" + data.location + "' for '" +
                  name + "'",
              "a file of " + std::to_string(file.size()));
    file_.external_files.insert(data.location);
  }

  static void read_external(std::string_view bytes, ExternalData& data) {
    std::string_view key, value;
    for (WireReader reader(bytes); reader.next();) {
      if (reader.field() == 1) key = reader.text();
      if (reader.field() == 2) value = reader.text();
    }
    const auto number = [&] {
      std::uint64_t parsed = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
      if (error != std::errc() || end != value.data() + value.size())
        invalid("a number for external data's " + std::string(key), std::string(value));
      return parsed;
    };
    if (key == "location") data.location = value;
    if (key == "offset") data.offset = number();
    if (key == "length") data.length = number();
  }

  std::filesystem::path folder_;
  bool tensors_;
  OnnxFile file_;
};

}  // namespace

const Attribute* Node::find(std::string_view attribute) const {
  for (const auto& candidate : attributes) {
    if (candidate.name == attribute) return &candidate;
  }
  return nullptr;
}
std::int64_t Node::integer(std::string_view attribute, std::int64_t fallback) const {
  const Attribute* found = find(attribute);
  return found != nullptr ? found->integer : fallback;
}
double Node::real(std::string_view attribute, double fallback) const {
  const Attribute* found = find(attribute);
  return found != nullptr ? found->real : fallback;
}
std::string_view Node::text(std::string_view attribute, std::string_view fallback) const {
  const Attribute* found = find(attribute);
  return found != nullptr ? std::string_view(found->text) : fallback;
}
std::span<const std::int64_t> Node::integers(std::string_view attribute) const {
  const Attribute* found = find(attribute);
  return found != nullptr ? std::span<const std::int64_t>(found->integers) : std::span<const std::int64_t>();
}

std::string operator_name(const Node& node) { return node.domain.empty() ? node.op : node.domain + "." + node.op; }

OnnxFile read_onnx(const std::filesystem::path& path, bool tensors) {
  const File file = File::open(path);
  if (file.size() == 0) invalid("an ONNX model", "an empty file: " + path.string());
  if (file.size() > kMaxFile)
    invalid("an ONNX file of at most 2 GiB", std::to_string(file.size()) + " bytes; try external data");
  std::string content(file.size(), '\0');
  file.read(content.data(), 0, file.size());
  return Reader(path.parent_path(), tensors).read(content);
}

}  // namespace speedster::reference
