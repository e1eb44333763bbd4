#include "search/command_line.h"

#include <fmt/format.h>

#include "base/text.h"
#include "search/call_shapes.h"
#include "search/rows.h"

namespace speedster::search {
namespace {

constexpr const char* kBudget = "--metric-drop";

std::string budget_for(double drop) { return drop > 1e-6 ? fmt::format("{:.2g}", rounded_up(drop)) : "1e-06"; }

/// Collects the words of a command.
class Words {
 public:
  explicit Words(std::vector<std::string> words) : words_(std::move(words)) {}
  void option(const char* name, const std::string& value) {
    if (value.empty()) return;
    words_.emplace_back(name);
    words_.push_back(value);
  }
  void number(const char* name, double value) { option(name, fmt::format("{}", value)); }
  void each(const char* name, const std::vector<std::string>& values) {
    for (const std::string& value : values) option(name, value);
  }
  void flag(const char* name, bool given) {
    if (given) words_.emplace_back(name);
  }
  std::string line() const { return shell_quoted(words_); }

 private:
  std::vector<std::string> words_;
};

void add_samples(const OptimizeRequest& request, Words& words) {
  words.option("--data", request.data);
  words.option("--labels", request.labels);
  words.option("--shapes", to_option(request.shapes));
  for (const auto& one : request.shape_mix)
    words.option("--shapes", fmt::format("{}@{}", to_option(one.shapes), one.share));
  for (const auto& [name, axis] : request.axes)
    words.option("--axis", fmt::format("{}={}:{}:{}", name, axis.min, axis.opt, axis.max));
  for (const auto& [name, range] : request.ranges)
    words.option("--range", fmt::format("{}={}:{}", name, range.first, range.second));
}

void add_accuracy(const OptimizeRequest& request, Words& words) {
  words.option("--metric", request.metric);
  if (!request.metric_command.empty()) words.option("--metric-command", shell_quoted(request.metric_command));
  if (request.metric_drop) words.number(kBudget, *request.metric_drop);
  if (request.metric_confidence) words.number("--metric-confidence", *request.metric_confidence);
  words.option("--output", request.output_name);
}

void add_limits(const OptimizeRequest& request, Words& words) {
  if (request.max_p99_seconds) words.number("--p99", *request.max_p99_seconds);
  if (request.max_load_seconds) words.number("--max-load-time", *request.max_load_seconds);
  if (request.max_memory_bytes) words.option("--max-memory", std::to_string(*request.max_memory_bytes));
  if (request.max_size_bytes) words.option("--max-size", std::to_string(*request.max_size_bytes));
}

void add_bounds(const OptimizeRequest& request, Words& words) {
  const OptimizeRequest defaults;
  if (request.time_budget_seconds) words.number("--time-budget", *request.time_budget_seconds);
  if (request.candidate_timeout_seconds != defaults.candidate_timeout_seconds)
    words.number("--candidate-timeout", request.candidate_timeout_seconds);
  if (request.memory_limit_bytes > 0) words.option("--memory-limit", std::to_string(request.memory_limit_bytes));
  if (request.seed != defaults.seed) words.option("--seed", std::to_string(request.seed));
  words.flag("--no-cache", !request.use_cache);
}

}  // namespace

std::string command_of(const OptimizeRequest& request) {
  Words words({"speedster", "optimize", request.model});
  add_samples(request, words);
  add_accuracy(request, words);
  add_limits(request, words);
  words.each("--backends", request.backends);
  words.each("--precisions", request.precisions);
  words.each("--exclude", request.exclude);
  words.each("--exclude-nodes", request.exclude_nodes);
  words.each("--disable-pass", request.disable_passes);
  words.option("--priors", request.priors);
  words.option("--candidates", request.candidates);
  words.option("--recipe", request.recipe);
  if (request.threads > 0) words.option("--threads", std::to_string(request.threads));
  words.option("--objective", request.objective);
  if (request.interval_seconds > 0) words.number("--interval", request.interval_seconds);
  if (request.concurrency != 1) words.option("--concurrency", std::to_string(request.concurrency));
  for (const auto& [key, value] : request.session) words.option("--session", key + "=" + value);
  add_bounds(request, words);
  words.option("-o", request.output);
  return words.line();
}

std::pair<std::string, std::string> budget_setting(double drop) { return {kBudget, budget_for(drop)}; }

std::string accept_command(const OptimizeRequest& request, const Settings& settings) {
  std::string command = request.command_line.empty() ? command_of(request) : request.command_line;
  for (const auto& [option, value] : settings) {
    for (const char* end : {" ", "="}) {  // as it was typed
      const std::size_t at = command.find(" " + option + end);
      if (at == std::string::npos) continue;
      const std::size_t from = at + 1 + option.size() + 1;
      command.erase(at, std::min(command.find(' ', command.find_first_not_of(' ', from)), command.size()) - at);
    }
  }
  for (const auto& [option, value] : settings) command += " " + option + " " + value;
  return command;
}

}  // namespace speedster::search
