#include "onnx/likeness.h"

#include <onnx-ml.pb.h>

#include <algorithm>
#include <map>

#include "base/digest.h"

namespace speedster::onnx_model {
namespace {

using ::onnx::NodeProto;
using Colours = std::unordered_map<const NodeProto*, std::string>;

/// What a node is by itself.
std::string own_colour(const Graph& graph, const NodeProto& node) {
  Sha256 digest;
  digest.field(operator_name(node));
  std::map<std::string, std::string> attributes;  // their order in the file says nothing
  for (const auto& attribute : node.attribute()) attributes[attribute.name()] = attribute.SerializeAsString();
  for (const auto& [name, value] : attributes) digest.field(name).field(value);
  for (const std::string& input : node.input()) {
    const auto constant = graph.constant(input);
    digest.field(constant ? std::string(name(constant->dtype)) + to_string(constant->shape) : "");
  }
  return digest.hex();
}

std::string with_neighbours(const Graph& graph, const NodeProto& node, const Colours& colours) {
  Sha256 digest;
  digest.field(colours.at(&node));
  for (const std::string& input : node.input()) {
    const NodeProto* producer = graph.producer(input);
    const auto colour = producer ? colours.find(producer) : colours.end();
    digest.field(colour == colours.end() ? "" : colour->second);
  }
  std::vector<std::string> users;
  for (const std::string& output : node.output())
    for (const NodeProto* user : graph.consumers(output))
      if (const auto colour = colours.find(user); colour != colours.end()) users.push_back(colour->second);
  std::ranges::sort(users);
  for (const std::string& user : users) digest.field(user);
  return digest.hex();
}

}  // namespace

std::vector<std::vector<std::size_t>> like_nodes(const Graph& graph, const std::vector<NodeProto*>& nodes, int radius) {
  Colours colours;
  const std::vector<NodeProto*> all = graph.nodes();
  for (const NodeProto* node : all) colours[node] = own_colour(graph, *node);
  for (int step = 0; step < radius; ++step) {
    Colours next;
    for (const NodeProto* node : all) next[node] = with_neighbours(graph, *node, colours);
    colours = std::move(next);
  }
  std::vector<std::vector<std::size_t>> groups;
  std::unordered_map<std::string, std::size_t> group_of;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto [place, fresh] = group_of.emplace(colours.at(nodes[i]), groups.size());
    if (fresh) groups.emplace_back();
    groups[place->second].push_back(i);
  }
  return groups;
}

}  // namespace speedster::onnx_model
