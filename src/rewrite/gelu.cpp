#include <onnx-ml.pb.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "onnx/version.h"
#include "rewrite/passes.h"
#include "rewrite/pattern.h"

namespace speedster::rewrite {
namespace {

using ::onnx::NodeProto;
using onnx_model::Graph;

constexpr std::int64_t kGeluOpset = 20;
constexpr int kDepth = 6;  // of the expression inside the Tanh or Erf, in nodes

/// Coefficients of 1, x, x², x³.
using Polynomial = std::array<double, 4>;

bool near(const Polynomial& a, const Polynomial& b) {
  return std::equal(a.begin(), a.end(), b.begin(),
                    [](double x, double y) { return std::abs(x - y) <= 2e-6 * std::max(std::abs(y), 1e-3); });
}

std::optional<Polynomial> product(const Polynomial& a, const Polynomial& b) {
  Polynomial result{};
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < b.size(); ++j) {
      if (a[i] == 0 || b[j] == 0) continue;
      if (i + j >= result.size()) return std::nullopt;
      result[i + j] += a[i] * b[j];
    }
  return result;
}

/// Reads values as polynomials in one of them: however an exporter groups the factors, the polynomial is the same.
class Reader {
 public:
  Reader(const Graph& graph, std::string x, std::size_t rank) : graph_(graph), x_(std::move(x)), rank_(rank) {}

  std::optional<Polynomial> read(const std::string& value, int depth = kDepth) const {
    if (value == x_) return Polynomial{0, 1, 0, 0};
    if (const std::optional<double> constant = scalar(graph_, value, rank_)) return Polynomial{*constant, 0, 0, 0};
    const NodeProto* node = graph_.producer(value);
    if (!node || depth == 0 || node->input_size() < 1) return std::nullopt;
    const std::optional<Polynomial> a = read(node->input(0), depth - 1);
    if (!a) return std::nullopt;
    if (is_op(node, "Neg")) return product(*a, {-1, 0, 0, 0});
    if (node->input_size() != 2) return std::nullopt;
    const std::optional<Polynomial> b = read(node->input(1), depth - 1);
    return b ? combine(*node, *a, *b) : std::nullopt;
  }

 private:
  static std::optional<Polynomial> combine(const NodeProto& node, const Polynomial& a, const Polynomial& b) {
    const bool constant = b[1] == 0 && b[2] == 0 && b[3] == 0;
    if (is_op(&node, "Mul")) return product(a, b);
    if (is_op(&node, "Div")) return constant && b[0] != 0 ? product(a, {1 / b[0], 0, 0, 0}) : std::nullopt;
    if (is_op(&node, "Pow")) {
      if (!constant || (b[0] != 2 && b[0] != 3)) return std::nullopt;
      const std::optional<Polynomial> square = product(a, a);
      return square && b[0] == 3 ? product(*square, a) : square;
    }
    const bool add = is_op(&node, "Add");
    if (!add && !is_op(&node, "Sub")) return std::nullopt;
    Polynomial sum = a;
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += add ? b[i] : -b[i];
    return sum;
  }

  const Graph& graph_;
  std::string x_;
  std::size_t rank_;
};

/// Values that the expression may be a polynomial in, nearest first.
std::vector<std::string> candidates(const Graph& graph, const std::string& value) {
  std::vector<std::string> found{value};
  std::size_t begin = 0;
  for (int depth = 0; depth < kDepth; ++depth) {
    const std::size_t end = found.size();
    for (; begin < end; ++begin) {
      const NodeProto* node = graph.producer(found[begin]);
      if (!node || node->input_size() > 2) continue;
      for (const std::string& input : node->input())
        if (!graph.constant(input) && std::find(found.begin(), found.end(), input) == found.end())
          found.push_back(input);
    }
  }
  return found;
}

/// The node that gives x / 2 · (1 + f(…)), where `function` is f(…); null where there is none.
NodeProto* whole(const Graph& graph, const NodeProto& function, const Reader& reader) {
  NodeProto* sum = only_consumer(graph, function.output(0));
  if (!is_op(sum, "Add")) return nullptr;
  const std::optional<Polynomial> one = reader.read(other(*sum, function.output(0)));
  if (!one || !near(*one, {1, 0, 0, 0})) return nullptr;
  Polynomial factor{1, 0, 0, 0};
  const NodeProto* last = sum;
  while (NodeProto* node = only_consumer(graph, last->output(0))) {
    const int place = other_input(*node, last->output(0));
    const bool divides = is_op(node, "Div") && place == 1;
    if (place < 0 || (!is_op(node, "Mul") && !divides)) return nullptr;
    std::optional<Polynomial> next = reader.read(node->input(place));
    if (next && divides)
      next = near(*next, {(*next)[0], 0, 0, 0}) ? std::optional(Polynomial{1 / (*next)[0]}) : std::nullopt;
    if (next) next = product(factor, *next);
    if (!next) return nullptr;
    factor = *next;
    if (near(factor, {0, 0.5, 0, 0})) return node;
    last = node;
  }
  return nullptr;
}

struct Kind {
  const char* function;
  Polynomial inside;
  const char* contributed;  // the operator of com.microsoft
};
// Hendrycks & Gimpel 2016 (arXiv 1606.08415): the exact form, and its approximation.
const double kTanhScale = std::sqrt(2 / std::numbers::pi);
const Kind kKinds[] = {{"Erf", {0, std::numbers::sqrt2 / 2, 0, 0}, "Gelu"},
                       {"Tanh", {0, kTanhScale, 0, kTanhScale * 0.044715}, "FastGelu"}};

bool fuse(onnx_model::OnnxModel& model, Graph& graph, const Types& types, const NodeProto& function, const Kind& kind) {
  for (const std::string& x : candidates(graph, function.input(0))) {
    const Reader reader(graph, x, std::max<std::size_t>(least_rank(graph, types, x), 1));
    const std::optional<Polynomial> inside = reader.read(function.input(0));
    if (!inside || !near(*inside, kind.inside)) continue;
    NodeProto* last = whole(graph, function, reader);
    if (!last) continue;
    const std::string output = last->output(0), name = onnx_model::node_label(*last);
    graph.remove_node(*last);
    // One operator that both vendors know, from opset 20 on in the standard.
    const bool standard = model.opset() >= kGeluOpset;
    NodeProto& node = graph.add_node(standard ? "Gelu" : kind.contributed, {x}, {output}, name,
                                     standard ? "" : onnx_model::kContributed);
    if (standard && std::string_view(kind.function) == "Tanh") {
      auto* attribute = node.add_attribute();
      attribute->set_name("approximate");
      attribute->set_type(::onnx::AttributeProto::STRING);
      attribute->set_s("tanh");
    }
    if (!standard) onnx_model::import_domain(model, onnx_model::kContributed, 1);
    return true;
  }
  return false;
}

}  // namespace

/// GELU in any grouping of its factors, exact or by the hyperbolic tangent.
Result<std::size_t> fuse_gelu(onnx_model::OnnxModel& model, const Evaluate&) {
  const Types types = onnx_model::value_types(model);
  Graph graph(model);
  std::size_t count = 0;
  for (const NodeProto* node : graph.nodes())
    for (const Kind& kind : kKinds)
      if (is_op(node, kind.function) && node->input_size() == 1 && fuse(model, graph, types, *node, kind)) ++count;
  SPEEDSTER_TRY(graph.finish());
  return count;
}

}  // namespace speedster::rewrite
