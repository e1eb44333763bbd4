#include "compressor/sensitivity.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/clock.h"
#include "tensor/copy.h"
#include "tensor/difference.h"

namespace speedster::compressor {
namespace {

constexpr const char* kWho = "sensitivity";
constexpr std::size_t kMostSamples = 4;
// Of the time for all: what the groups may take, which decide over how many samples there are.
constexpr double kGroupShare = 0.5;

class Experiment {
 public:
  Experiment(std::size_t nodes, const RunSwitched& run, const SensitivityOptions& options, const CancelToken& cancel)
      : run_(run), options_(options), cancel_(cancel), off_(nodes, 0) {}

  /// The float outputs of as many samples as `runs` experiments leave time for.
  Result<void> start(std::size_t runs) {
    SPEEDSTER_TRY(run_(options_.samples.front(), off_, [](std::span<const TensorView>) {}));  // the first is slow
    for (const std::size_t sample : options_.samples) {
      const double begin = now_seconds();
      std::vector<Tensor> outputs;
      SPEEDSTER_TRY(run_(sample, off_, [&](std::span<const TensorView> views) {
        for (const TensorView& view : views) outputs.push_back(copy_of(view));
      }));
      exact_.push_back(std::move(outputs));
      const double call = now_seconds() - begin;
      const double left = kGroupShare * options_.most_seconds / (call * static_cast<double>(runs + 1));
      if (exact_.size() >= kMostSamples || static_cast<double>(exact_.size()) + 1 > left) break;
    }
    return {};
  }
  std::size_t samples() const { return exact_.size(); }

  Result<double> error(const std::vector<std::size_t>& on) {
    if (cancel_.cancelled()) return Error(ErrorKind::kCancelled, "[sensitivity] cancelled");
    std::vector<std::uint8_t> switches = off_;
    for (const std::size_t node : on) switches[node] = 1;
    double sum = 0;
    for (std::size_t i = 0; i < exact_.size(); ++i) {
      double worst = 0;
      SPEEDSTER_TRY(run_(options_.samples[i], switches, [&](std::span<const TensorView> views) {
        for (std::size_t output = 0; output < std::min(views.size(), exact_[i].size()); ++output) {
          if (output < options_.judged.size() && !options_.judged[output]) continue;
          const Difference off = difference(exact_[i][output].view(), views[output]);
          const bool broken = !off.same_shape || off.new_non_finite;
          worst = std::max(worst, broken ? std::numeric_limits<double>::infinity() : off.relative_l2);
        }
      }));
      sum += worst * worst;
    }
    return sum / static_cast<double>(exact_.size());
  }

 private:
  const RunSwitched& run_;
  const SensitivityOptions& options_;
  const CancelToken& cancel_;
  std::vector<std::uint8_t> off_;
  std::vector<std::vector<Tensor>> exact_;
};

}  // namespace

Result<Sensitivities> sensitivities(const std::vector<std::string>& nodes,
                                    const std::vector<std::vector<std::size_t>>& groups, const RunSwitched& run,
                                    const SensitivityOptions& options, const CancelToken& cancel) {
  if (options.samples.empty()) return Error(ErrorKind::kUsage, "[sensitivity] expected samples, got none");
  const double begin = now_seconds();
  Experiment experiment(nodes.size(), run, options, cancel);
  SPEEDSTER_TRY(experiment.start(groups.size() + 1));
  Sensitivities result;
  result.samples = experiment.samples();
  result.nodes.resize(nodes.size());
  std::vector<std::size_t> all(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) result.nodes[i].node = nodes[i], all[i] = i;
  SPEEDSTER_ASSIGN(result.all, experiment.error(all));

  std::vector<std::pair<double, std::size_t>> larger;  // of more than one node
  for (std::size_t g = 0; g < groups.size(); ++g) {
    SPEEDSTER_ASSIGN(const double error, experiment.error(groups[g]));
    for (const std::size_t node : groups[g]) {
      result.nodes[node].group = g;
      result.nodes[node].error = error / static_cast<double>(groups[g].size());
      result.nodes[node].alone = groups[g].size() == 1;
    }
    if (groups[g].size() > 1) larger.emplace_back(error, g);
    if (options.progress)
      options.progress(kGroupShare * static_cast<double>(g + 1) / static_cast<double>(groups.size()));
  }
  std::ranges::stable_sort(larger, std::greater<>(), &std::pair<double, std::size_t>::first);
  for (const auto& [error, g] : larger) {
    for (const std::size_t node : groups[g]) {
      if (now_seconds() - begin > options.most_seconds) return result;
      SPEEDSTER_ASSIGN(result.nodes[node].error, experiment.error({node}));
      result.nodes[node].alone = true;
    }
    if (options.progress)
      options.progress(std::max(kGroupShare, (now_seconds() - begin) / std::max(options.most_seconds, 1e-9)));
  }
  return result;
}

Json to_json(const Sensitivities& sensitivities) {
  Json nodes = Json::array();
  for (const NodeSensitivity& node : sensitivities.nodes)
    nodes.push_back({{"node", node.node},
                     {"group", node.group},
                     {"error", json_from_number(node.error)},
                     {"alone", node.alone},
                     {"seconds", node.seconds}});
  return {
      {"nodes", std::move(nodes)}, {"all", json_from_number(sensitivities.all)}, {"samples", sensitivities.samples}};
}

Result<Sensitivities> sensitivities_from_json(const Json& json) {
  const auto refuse = [](const std::string& got) {
    return Error(ErrorKind::kCorrupt, "[sensitivity] expected what its step wrote, got " + got);
  };
  const auto error_of = [](const Json& object, const char* key) -> std::optional<double> {
    const auto found = object.find(key);
    if (found == object.end()) return std::nullopt;
    if (found->is_null()) return std::numeric_limits<double>::infinity();
    if (!found->is_number() || found->get<double>() < 0) return std::nullopt;
    return found->get<double>();
  };
  const auto list = json_array(json, "nodes", kWho);
  if (!list.ok()) return refuse("no nodes");
  Sensitivities result;
  for (const Json& item : **list) {
    if (!item.is_object()) return refuse("another value for a node");
    NodeSensitivity node;
    const auto name = json_string(item, "node", kWho);
    const auto error = error_of(item, "error"), seconds = error_of(item, "seconds");
    const auto alone = json_bool(item, "alone", kWho);
    const auto group = item.find("group");
    if (!name || !error || !seconds || !alone || group == item.end() || !group->is_number_unsigned())
      return refuse("a node without all of its figures");
    result.nodes.push_back({*name, group->get<std::size_t>(), *error, *alone, *seconds});
  }
  const auto all = error_of(json, "all");
  const auto samples = json.find("samples");
  if (!all || samples == json.end() || !samples->is_number_unsigned()) return refuse("no total");
  result.all = *all;
  result.samples = samples->get<std::size_t>();
  return result;
}

}  // namespace speedster::compressor
