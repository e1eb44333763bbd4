/// `speedster optimize`: a model, samples and an accuracy budget in, a package and a report out.
#pragma once
#include <speedster/optimize.h>

#include <memory>

#include "cli/command.h"

namespace speedster::cli {

/// What was typed, before it is understood.
struct OptimizeArguments {
  std::string model, package, data, labels, metric, metric_command, output_name, candidates, priors, recipe;
  std::vector<std::string> shapes, axes, ranges, backends, precisions, exclude, exclude_nodes, disable_passes, session;
  std::optional<double> metric_drop, metric_confidence;
  std::string spinning, arena, optimization_level, time_budget, candidate_timeout, memory_limit, report, html;
  std::string objective, interval, p99, max_load_time, max_memory, max_size;
  int threads = 0, concurrency = 1;
  std::uint64_t seed = 0;
  bool no_cache = false;
};

std::shared_ptr<OptimizeArguments> declare_optimize_options(CLI::App& app);
/// All fields of a request but its callbacks. `typed` becomes its command line.
Result<OptimizeRequest> optimize_request(const OptimizeArguments& arguments, const std::vector<std::string>& typed);

using Optimizer = std::function<Result<Report>(const OptimizeRequest&)>;
Command optimize_command(const Optimizer& optimizer);

}  // namespace speedster::cli
