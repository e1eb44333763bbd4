#include "accuracy/external.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <system_error>

#include "accuracy/interval.h"
#include "base/files.h"
#include "base/text.h"
#include "tensor/safetensors.h"
#include "tensor/safetensors_appender.h"

namespace speedster::accuracy {
namespace {

constexpr std::string_view kPlaceholders[] = {"{original}", "{candidate}", "{labels}", "{indices}"};
constexpr std::size_t kShown = 200;  // characters of a program's output in a message

std::string replaced(std::string text, std::string_view what, const std::string& by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}

bool mentions(const std::vector<std::string>& command, std::string_view what) {
  return std::ranges::any_of(command,
                             [&](const std::string& argument) { return argument.find(what) != std::string::npos; });
}

/// The number on the last line that is not blank.
Result<double> printed_drop(const std::string& output, const std::string& program) {
  std::string last;
  for (const std::string& line : split(output, '\n'))
    if (!trim(line).empty()) last = trim(line);
  const auto number = parse_number<double>(last);
  if (number && std::isfinite(*number)) return *number;
  return Error(ErrorKind::kBadInput, "[accuracy] expected " + program +
                                         " to print the drop as its last line, a finite number like 0.01, got " +
                                         (last.empty() ? "nothing" : "\"" + last.substr(0, kShown) + "\"") +
                                         "; try print(drop) at its end");
}

}  // namespace

struct ExternalMetric::State {
  State(ExternalOptions given, std::vector<std::string> names, RunProgram program)
      : options(std::move(given)),
        outputs(names),
        run(std::move(program)),
        shown_metric(*make_metric("relative_l2")),
        shown(*shown_metric, std::move(names)) {}

  ExternalOptions options;
  std::vector<std::string> outputs;
  RunProgram run;
  std::unique_ptr<Metric> shown_metric;  // relative L2 and new NaNs are looked at whatever the program says
  DropAccumulator shown;
  fs::path cwd;
  std::optional<SafetensorsAppender> original, candidate;
  std::vector<std::int64_t> indices;
  Moments runs;
  double weighted = 0;
  std::size_t samples = 0;

  fs::path file(const char* name) const { return options.directory / (std::string(name) + ".safetensors"); }

  Result<void> start() {
    SPEEDSTER_ASSIGN(original, SafetensorsAppender::create(file("original")));
    SPEEDSTER_ASSIGN(candidate, SafetensorsAppender::create(file("candidate")));
    return {};
  }

  Result<void> write(SafetensorsAppender& file, std::size_t sample, const std::vector<TensorView>& tensors) const {
    for (std::size_t k = 0; k < tensors.size(); ++k)
      SPEEDSTER_TRY(file.add(outputs[k] + "." + std::to_string(sample), tensors[k]));
    return {};
  }

  std::vector<std::string> arguments() const {
    const std::string values[] = {file("original").string(), file("candidate").string(), options.labels.string(),
                                  file("indices").string()};
    std::vector<std::string> argv = options.command;
    const bool placed = std::ranges::any_of(kPlaceholders, [&](std::string_view what) { return mentions(argv, what); });
    if (!placed) argv.insert(argv.end(), std::begin(values), std::end(values));
    for (std::string& argument : argv)
      for (std::size_t i = 0; placed && i < std::size(values); ++i)
        argument = replaced(std::move(argument), kPlaceholders[i], values[i]);
    return argv;
  }

  /// One run over what has been written.
  Result<void> judge() {
    SPEEDSTER_TRY(original->finish());
    SPEEDSTER_TRY(candidate->finish());
    std::vector<NamedTensor> judged;
    judged.push_back(
        {"indices", Tensor::from<std::int64_t>(DType::kInt64, {static_cast<std::int64_t>(indices.size())}, indices)});
    SPEEDSTER_TRY(write_safetensors(file("indices"), judged));
    const std::string& program = options.command.front();
    auto output = run(arguments(), cwd);
    if (!output)
      return std::move(output).error().wrap("[accuracy] expected the metric " + program +
                                            " to print a drop, got a failure; try it alone on its files");
    SPEEDSTER_ASSIGN(const double drop, printed_drop(*output, program));
    runs.add(drop);
    weighted += drop * static_cast<double>(indices.size());
    samples += indices.size();
    indices.clear();
    original.reset();
    candidate.reset();
    std::error_code ignored;
    for (const char* name : {"original", "candidate", "indices"}) fs::remove(file(name), ignored);
    return {};
  }
};

Result<ExternalMetric> ExternalMetric::create(ExternalOptions options, std::vector<std::string> outputs,
                                              RunProgram run) {
  if (options.command.empty() || options.command.front().empty())
    return Error(ErrorKind::kUsage, "[accuracy] expected a program as --metric-command, got none");
  if (mentions(options.command, "{labels}") && options.labels.empty())
    return Error(ErrorKind::kUsage,
                 "[accuracy] expected labels for the {labels} of --metric-command, got none; try --labels FILE");
  std::error_code error;
  // Relative paths in the command mean the caller's folder; the files are given by absolute ones.
  const fs::path cwd = fs::current_path(error);
  if (error) return errno_error(error.value(), "accuracy", "a current folder", ".");
  options.directory = fs::absolute(options.directory);
  // A file exists twice for a moment, once as it grows and once with its header.
  SPEEDSTER_ASSIGN(const std::uint64_t free, free_space(options.directory));
  options.bytes_per_run = std::min(options.bytes_per_run, free / 4);
  if (!options.labels.empty()) options.labels = fs::absolute(options.labels);
  ExternalMetric metric;
  metric.state_ = std::make_shared<State>(std::move(options), std::move(outputs), std::move(run));
  metric.state_->cwd = cwd;
  return metric;
}

Result<void> ExternalMetric::add(std::size_t sample, const std::vector<TensorView>& original,
                                 const std::vector<TensorView>& candidate) {
  State& state = *state_;
  SPEEDSTER_TRY(state.shown.add(original, candidate, {}));
  if (!state.original) SPEEDSTER_TRY(state.start());
  SPEEDSTER_TRY(state.write(*state.original, sample, original));
  SPEEDSTER_TRY(state.write(*state.candidate, sample, candidate));
  state.indices.push_back(static_cast<std::int64_t>(sample));
  const bool full = state.original->bytes() + state.candidate->bytes() >= state.options.bytes_per_run ||
                    (state.options.samples_per_run > 0 && state.indices.size() >= state.options.samples_per_run);
  return full ? state.judge() : Result<void>();
}

Result<Drop> ExternalMetric::finish(bool independent, double confidence) {
  State& state = *state_;
  if (!state.indices.empty()) SPEEDSTER_TRY(state.judge());
  if (state.samples == 0) return Error(ErrorKind::kBadInput, "[accuracy] expected samples to judge, got none");
  Drop drop = state.shown.estimate(false, confidence);
  drop.value = state.weighted / static_cast<double>(state.samples);
  drop.output.clear();
  drop.samples = state.samples;
  if (const auto interval = independent ? skewed_interval(state.runs, confidence) : std::nullopt) {
    drop.low = interval->first;
    drop.high = interval->second;
  }
  return drop;
}

}  // namespace speedster::accuracy
