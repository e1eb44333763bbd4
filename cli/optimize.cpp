#include "cli/optimize.h"

#include "base/files.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/interrupt.h"
#include "cli/output_file.h"
#include "cli/parse.h"
#include "cli/progress.h"

namespace speedster::cli {
namespace {

/// A list option: given once with commas, or several times; never the word after its value.
CLI::Option* add_list(CLI::App& app, const std::string& name, std::vector<std::string>& into, const std::string& help) {
  return app.add_option(name, into, help)->allow_extra_args(false);
}

std::vector<std::string> pieces(const std::vector<std::string>& lists) {
  std::vector<std::string> all;
  for (const std::string& list : lists)
    for (const std::string& piece : split(list, ','))
      if (!trim(piece).empty()) all.emplace_back(trim(piece));
  return all;
}

Result<ExitCode> run_optimize(const OptimizeArguments& arguments, const Optimizer& optimizer, Io& io) {
  SPEEDSTER_ASSIGN(OptimizeRequest request, optimize_request(arguments, io.arguments));
  SPEEDSTER_TRY(check_writable(arguments.report, "--report", "optimize"));
  SPEEDSTER_TRY(check_writable(arguments.html, "--html", "optimize"));
  SPEEDSTER_TRY(check_distinct({{"--report", arguments.report}, {"--html", arguments.html}},
                               {{"the model", arguments.model},
                                {"--data", arguments.data},
                                {"--labels", arguments.labels},
                                {"--candidates", arguments.candidates},
                                {"--recipe", arguments.recipe}}));
  if (io.cancel != nullptr) request.cancel = [flag = io.cancel] { return flag->load(); };
  const AwaitsInterrupt awaits;
  ProgressDisplay display(io.err, io.err_terminal);
  if (!io.quiet) request.progress = [&](const Progress& progress) { display.update(progress); };
  const int least = io.verbose ? 0 : 2;  // warnings always
  request.log = [&, least](int level, const std::string& text) {
    static constexpr const char* kLevels[] = {"debug", "info", "warning", "error"};
    if (level >= least) display.note(std::string(kLevels[std::min(std::max(level, 0), 3)]) + ": " + text);
  };

  Result<Report> searched = optimizer(request);
  display.finish();
  if (!searched) return std::move(searched).error();
  const Report& report = *searched;
  // Printed before files are written: a full disk must not lose the result.
  if (io.json)
    io.out << report_json(report) << '\n';
  else
    io.out << io.out_terminal.fit(report_table(report, io.out_terminal.width, io.out_terminal.color));
  io.out.flush();
  if (!arguments.report.empty()) SPEEDSTER_TRY(write_file(arguments.report, report_json(report) + "\n"));
  if (!arguments.html.empty()) SPEEDSTER_TRY(write_file(arguments.html, report_html(report)));
  return exit_code(report.outcome);
}

}  // namespace

std::shared_ptr<OptimizeArguments> declare_optimize_options(CLI::App& app) {
  auto owned = std::make_shared<OptimizeArguments>();
  OptimizeArguments& a = *owned;
  app.add_option("model", a.model, "The model: an ONNX file")->type_name("MODEL.onnx");
  app.add_option("--data", a.data, "npz, npy, safetensors, a folder with a file a sample, or random[:SEED]")
      ->group(kSamplesGroup)
      ->type_name("SAMPLES");
  app.add_option("--labels", a.labels, "npy, or text with a line a sample")->group(kSamplesGroup)->type_name("FILE");
  add_list(app, "--shapes", a.shapes,
           "Size of one call for each input: images=1x3x48x320,tokens=1x128; with shares a mix: …@3")
      ->group(kSamplesGroup)
      ->type_name("NAME=SHAPE");
  add_list(app, "--axis", a.axes, "What a dynamic axis may be beyond the samples, by its name: width=80:320:1280")
      ->group(kSamplesGroup)
      ->type_name("NAME=MIN:OPT:MAX");
  add_list(app, "--range", a.ranges, "Bounds of random samples, HIGH left out for integers")
      ->group(kSamplesGroup)
      ->type_name("NAME=LOW:HIGH");

  app.add_option("--metric", a.metric, "cosine (default), relative_l2, mse, numeric_precision, accuracy, top_k:K")
      ->group(kAccuracyGroup)
      ->type_name("METRIC");
  app.add_option("--metric-command", a.metric_command,
                 "A program that prints the drop; {original} {candidate} {labels} {indices} become paths")
      ->group(kAccuracyGroup)
      ->type_name("COMMAND");
  app.add_option("--metric-drop", a.metric_drop,
                 "The budget: the largest drop allowed; without it (or 0) full precision only")
      ->group(kAccuracyGroup)
      ->type_name("DROP");
  app.add_option("--metric-confidence", a.metric_confidence,
                 "The drop's upper bound must hold the budget, not its estimate")
      ->group(kAccuracyGroup)
      ->type_name("0.95");
  app.add_option("--output", a.output_name, "Judge by this output; without it the worst decides")
      ->group(kAccuracyGroup)
      ->type_name("NAME");

  app.add_option("--p99", a.p99, "The longest 99th percentile of a call that may win: 5ms")
      ->group(kLimitsGroup)
      ->type_name("TIME");
  app.add_option("--max-load-time", a.max_load_time, "The longest time to load that may win: 500ms")
      ->group(kLimitsGroup)
      ->type_name("TIME");
  app.add_option("--max-memory", a.max_memory, "The largest resident memory, in a process that serves it: 400MB")
      ->group(kLimitsGroup)
      ->type_name("SIZE");
  app.add_option("--max-size", a.max_size, "The largest size of the model's files: 20MB")
      ->group(kLimitsGroup)
      ->type_name("SIZE");

  add_list(app, "--backends", a.backends, "Only these backends")->group(kTriedGroup)->type_name("NAME,…");
  add_list(app, "--precisions", a.precisions,
           "Only these: fp32, bf16, fp16, dynamic-int8, static-int8, weights-int8, weights-int4 (the last two "
           "only where they are named)")
      ->group(kTriedGroup)
      ->type_name("NAME,…");
  add_list(app, "--exclude", a.exclude, "Leave out candidates, or the stages corners, mix, tune (shell patterns)")
      ->group(kTriedGroup)
      ->type_name("PATTERN,…");
  add_list(app, "--exclude-nodes", a.exclude_nodes,
           "Nodes that stay in full precision (names, operator types or shell patterns)")
      ->group(kTriedGroup)
      ->type_name("PATTERN,…");
  add_list(app, "--disable-pass", a.disable_passes,
           "Leave passes of the lossless rewriting out, by name, or all of them with \"all\"")
      ->group(kTriedGroup)
      ->type_name("NAME,…");
  app.add_option("--priors", a.priors, "A table that orders the candidates, in place of share/speedster/priors.json")
      ->group(kTriedGroup)
      ->type_name("FILE.json");
  app.add_option("--candidates", a.candidates, "A JSON file with the list \"candidates\" in place of the plan")
      ->group(kTriedGroup)
      ->type_name("FILE.json");
  app.add_option(
         "--recipe", a.recipe,
         "The report of an earlier search: repeat its winning chain on this model, judged and confirmed, with its "
         "samples and budget where none are given")
      ->group(kTriedGroup)
      ->type_name("REPORT.json");

  app.add_option("--threads", a.threads, "Threads of one call; default: the cores that affinity and quota allow")
      ->group(kSessionGroup)
      ->type_name("N");
  app.add_option("--objective", a.objective,
                 "latency (default), or throughput: of as many callers as cores, or of --concurrency")
      ->group(kSessionGroup)
      ->type_name("WHAT");
  app.add_option("--concurrency", a.concurrency, "Time N callers at once, each with a context of its own")
      ->group(kSessionGroup)
      ->type_name("N");
  app.add_option("--interval", a.interval, "Timed calls begin this far apart, with work of the host between them: 33ms")
      ->group(kSessionGroup)
      ->type_name("TIME");
  app.add_option("--spinning", a.spinning, "Worker threads spin while they wait: on or off")
      ->group(kSessionGroup)
      ->type_name("SWITCH");
  app.add_option("--arena", a.arena, "Memory comes from an arena that is kept: on or off")
      ->group(kSessionGroup)
      ->type_name("SWITCH");
  app.add_option("--optimization-level", a.optimization_level, "Graph optimizations: disable, basic, extended, all")
      ->group(kSessionGroup)
      ->type_name("LEVEL");
  add_list(app, "--session", a.session, "Any other session option of the backends")
      ->group(kSessionGroup)
      ->type_name("KEY=VALUE");

  app.add_option("--time-budget", a.time_budget, "Wall time until the package is complete: 60s, 2m")
      ->group(kBoundsGroup)
      ->type_name("TIME");
  app.add_option("--candidate-timeout", a.candidate_timeout, "Longest time of one step of a candidate (default 10m)")
      ->group(kBoundsGroup)
      ->type_name("TIME");
  app.add_option("--memory-limit", a.memory_limit, "Largest memory of one child (default: four fifths of what is free)")
      ->group(kBoundsGroup)
      ->type_name("SIZE");
  app.add_option("--seed", a.seed, "Fixes sample order and random choices")->group(kBoundsGroup)->type_name("N");
  app.add_flag("--no-cache", a.no_cache, "Neither read nor write cached steps")->group(kBoundsGroup);

  app.add_option("-o,--package", a.package, "Where the package goes; without it nothing is saved")
      ->group(kOutputGroup)
      ->type_name("PACKAGE");
  app.add_option("--report", a.report, "Also write the report as JSON")->group(kOutputGroup)->type_name("FILE.json");
  app.add_option("--html", a.html, "Also write the report as a page")->group(kOutputGroup)->type_name("FILE.html");
  return owned;
}

Result<OptimizeRequest> optimize_request(const OptimizeArguments& a, const std::vector<std::string>& typed) {
  const auto usage = [](const std::string& message) {
    const bool tries = message.find("; try ") != std::string::npos;
    return Error(ErrorKind::kUsage, "[usage] " + message + (tries ? "" : "; try speedster optimize --help"));
  };
  if (a.model.empty()) return usage("expected a model, got none; try speedster optimize MODEL.onnx --data SAMPLES.npz");
  if (a.threads < 0) return usage("expected --threads to be at least 1, got " + std::to_string(a.threads));
  if (a.concurrency < 1) return usage("expected --concurrency to be at least 1, got " + std::to_string(a.concurrency));
  if (!a.metric.empty() && !a.metric_command.empty())
    return usage("expected --metric or --metric-command, got both; try one of them");
  if (a.metric_confidence && !a.metric_drop && a.recipe.empty())
    return usage("expected --metric-drop with --metric-confidence, got none; try --metric-drop 0.01");

  OptimizeRequest request;
  request.model = a.model;
  request.output = a.package;
  request.data = a.data;
  request.labels = a.labels;
  SPEEDSTER_ASSIGN(ShapeOptions shapes, parse_shapes(a.shapes));
  request.shapes = std::move(shapes.shapes);
  request.shape_mix = std::move(shapes.mix);
  SPEEDSTER_ASSIGN(request.ranges, parse_ranges(a.ranges));
  SPEEDSTER_ASSIGN(request.axes, parse_axes(a.axes));
  request.metric = a.metric;
  if (!a.metric_command.empty()) {
    SPEEDSTER_ASSIGN(request.metric_command, split_command(a.metric_command, "--metric-command"));
  }
  request.metric_drop = a.metric_drop;
  request.metric_confidence = a.metric_confidence;
  request.output_name = a.output_name;
  for (const auto& [text, option, limit] : {std::tuple(&a.p99, "--p99", &request.max_p99_seconds),
                                            {&a.max_load_time, "--max-load-time", &request.max_load_seconds}}) {
    if (text->empty()) continue;
    SPEEDSTER_ASSIGN(const double seconds, parse_duration(*text, option));
    if (!(seconds > 0)) return usage(std::string("expected ") + option + " to be above 0, got " + *text);
    *limit = seconds;
  }
  for (const auto& [text, option, limit] : {std::tuple(&a.max_memory, "--max-memory", &request.max_memory_bytes),
                                            {&a.max_size, "--max-size", &request.max_size_bytes}}) {
    if (text->empty()) continue;
    SPEEDSTER_ASSIGN(*limit, parse_bytes(*text, option));
  }

  static const std::vector<std::string> kPrecisions = {"fp32",        "bf16",         "fp16",        "dynamic-int8",
                                                       "static-int8", "weights-int8", "weights-int4"};
  request.backends = pieces(a.backends);
  request.precisions = pieces(a.precisions);
  for (const std::string& precision : request.precisions)
    if (std::find(kPrecisions.begin(), kPrecisions.end(), precision) == kPrecisions.end())
      return usage("expected --precisions of " + join(kPrecisions, ", ") + ", got \"" + precision + "\"");
  request.exclude = pieces(a.exclude);
  request.exclude_nodes = pieces(a.exclude_nodes);
  request.disable_passes = pieces(a.disable_passes);
  request.candidates = a.candidates;
  request.priors = a.priors;
  request.recipe = a.recipe;

  request.threads = a.threads;
  request.concurrency = a.concurrency;
  if (!a.objective.empty() && a.objective != "latency" && a.objective != "throughput")
    return usage("expected --objective latency or throughput, got \"" + a.objective + "\"");
  request.objective = a.objective;
  if (!a.interval.empty()) {
    SPEEDSTER_ASSIGN(request.interval_seconds, parse_interval(a.interval));
  }
  SPEEDSTER_ASSIGN(request.session, parse_pairs(a.session, "--session"));
  if (!a.spinning.empty()) {
    SPEEDSTER_ASSIGN(request.session["spinning"], parse_switch(a.spinning, "--spinning"));
  }
  if (!a.arena.empty()) {
    SPEEDSTER_ASSIGN(request.session["arena"], parse_switch(a.arena, "--arena"));
  }
  if (!a.optimization_level.empty()) {
    static const std::vector<std::string> kLevels = {"disable", "basic", "extended", "all"};
    if (std::find(kLevels.begin(), kLevels.end(), a.optimization_level) == kLevels.end())
      return usage("expected --optimization-level of " + join(kLevels, ", ") + ", got \"" + a.optimization_level +
                   "\"");
    request.session["optimization"] = a.optimization_level;
  }

  if (!a.time_budget.empty()) {
    SPEEDSTER_ASSIGN(const double seconds, parse_duration(a.time_budget, "--time-budget"));
    if (!(seconds > 0)) return usage("expected --time-budget to be above 0, got " + a.time_budget);
    request.time_budget_seconds = seconds;
  }
  if (!a.candidate_timeout.empty()) {
    SPEEDSTER_ASSIGN(request.candidate_timeout_seconds, parse_duration(a.candidate_timeout, "--candidate-timeout"));
    if (!(request.candidate_timeout_seconds > 0))
      return usage("expected --candidate-timeout to be above 0, got " + a.candidate_timeout);
  }
  if (!a.memory_limit.empty()) {
    SPEEDSTER_ASSIGN(request.memory_limit_bytes, parse_bytes(a.memory_limit, "--memory-limit"));
  }
  request.seed = a.seed;
  request.use_cache = !a.no_cache;
  std::vector<std::string> line = {"speedster"};
  line.insert(line.end(), typed.begin(), typed.end());
  request.command_line = shell_quoted(line);
  return request;
}

Command optimize_command(const Optimizer& optimizer) {
  return {"optimize", "Find the fastest version of a model within an accuracy budget",
          [optimizer](CLI::App& app) -> Run {
            return [arguments = declare_optimize_options(app), optimizer](Io& io) {
              return run_optimize(*arguments, optimizer, io);
            };
          }};
}

}  // namespace speedster::cli
