// `speedster bench`: is the first faster than the second, and by how much?
#include "search/bench.h"

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/parse.h"
#include "cli/samples_options.h"
#include "measure/statistics.h"
#include "report/format.h"
#include "report/text.h"

namespace speedster::cli {
namespace {

struct BenchArguments {
  std::string first, second, time_budget, interval;
  std::shared_ptr<SampleArguments> samples;
  int threads = 0, concurrency = 1;
  std::uint64_t seed = 0;
};

Figure figure(const measure::Interval& interval) { return {interval.value, interval.low, interval.high}; }

Json interval_json(const measure::Interval& interval) {
  return {{"median", interval.value}, {"low", interval.low}, {"high", interval.high}};
}

Json side_json(const search::BenchSide& side, const measure::Interval& seconds, const std::vector<double>& timed) {
  const std::vector<double> calls = measure::rescaled(timed, seconds.value);
  Json json = {{"path", side.path},
               {"kind", side.package ? "package" : "model"},
               {"seconds", interval_json(seconds)},
               {"p90_seconds", calls.empty() ? Json(nullptr) : json_from_number(measure::percentile(calls, 0.90))},
               {"p99_seconds", nullptr},
               {"load_seconds", side.load_seconds},
               {"call_cpu_seconds", side.call_cpu_seconds},
               {"peak_memory_bytes", side.peak_memory},
               {"learner", side.info}};
  if (const auto p99 = measure::p99(calls)) json["p99_seconds"] = *p99;
  return json;
}

std::string side_line(const search::BenchSide& side, const measure::Interval& seconds) {
  const auto text = [&](const char* key) {
    const Result<std::string> found = json_string(side.info, key, "bench");
    return found ? *found : std::string("?");
  };
  return report::format_seconds(figure(seconds)) + "  " + report::printable(side.path) + ": " +
         report::printable(text("backend") + " " + text("vendor_version") + ", " + text("precision")) + ", CPU time " +
         report::format_seconds(side.call_cpu_seconds);
}

Result<ExitCode> bench(const BenchArguments& a, Io& io) {
  if (a.first.empty() || a.second.empty())
    return Error(ErrorKind::kUsage,
                 "[usage] expected two packages or model files, got less; try speedster bench FIRST SECOND");
  if (a.threads < 0 || a.concurrency < 1)
    return Error(ErrorKind::kUsage,
                 "[usage] expected --threads and --concurrency to be at least 1, got less; try --threads 1");
  search::BenchRequest request;
  request.first = a.first;
  request.second = a.second;
  SPEEDSTER_ASSIGN(request.samples, sample_options(*a.samples, a.seed));
  request.threads = a.threads;
  request.concurrency = a.concurrency;
  request.seed = a.seed;
  if (!a.interval.empty()) {
    SPEEDSTER_ASSIGN(request.interval_seconds, parse_interval(a.interval));
  }
  if (!a.time_budget.empty()) {
    SPEEDSTER_ASSIGN(request.seconds, parse_duration(a.time_budget, "--time-budget"));
  }
  const TokenFollowsFlag follows(io.cancel, request.cancel);
  if (io.verbose)
    request.log =
        Log([&io](LogLevel, std::string_view text) { io.err << io.err_terminal.fit(report::printable(text)) + "\n"; });
  SPEEDSTER_ASSIGN(const search::BenchResult result, search::bench(request));

  const measure::Comparison& compared = result.comparison;
  if (io.json) {
    io.print({{"ok", true},
              {"speedup", interval_json(compared.speedup)},
              {"first", side_json(result.first, compared.first_seconds, compared.first_calls)},
              {"second", side_json(result.second, compared.second_seconds, compared.second_calls)},
              {"loads", compared.loads},
              {"dropped_rounds", compared.dropped_rounds},
              {"busy", compared.busy},
              {"threads", result.threads},
              {"concurrency", result.concurrency},
              {"interval_seconds", request.interval_seconds},
              {"samples", result.samples},
              {"samples_from", result.samples_from}});
    return kOk;
  }
  io.say("first   " + side_line(result.first, compared.first_seconds));
  io.say("second  " + side_line(result.second, compared.second_seconds));
  const measure::Interval& speedup = compared.speedup;
  const std::string figures = report::format_ratio(figure(speedup));
  if (speedup.low > 1)
    io.say("The first is faster: " + figures + ".");
  else if (speedup.high < 1)
    io.say("The second is faster: the first has " + figures + " of its speed.");
  else
    io.say("Not separated: the first has " + figures + " of the second's speed, an interval that holds 1.");
  io.say(std::to_string(compared.loads) + " fresh loads of each, " + std::to_string(result.threads) + " threads, " +
         std::to_string(result.concurrency) + " callers, " + report::printable(result.samples_from));
  if (compared.busy)
    io.say("The machine was busy (" + std::to_string(compared.dropped_rounds) +
           " rounds dropped): repeat it on an idle one.");
  return kOk;
}

}  // namespace

Command bench_command() {
  return {
      "bench", "Time two packages or model files against each other", [](CLI::App& app) -> Run {
        auto a = std::make_shared<BenchArguments>();
        app.add_option("first", a->first, "A package or an ONNX file")->type_name("FIRST");
        app.add_option("second", a->second, "Another; the result is its time over that of FIRST")->type_name("SECOND");
        a->samples = declare_sample_options(app, "Inputs; without it those of the first package");
        app.add_option("--threads", a->threads, "Threads of one call, the same for both")
            ->group(kSessionGroup)
            ->type_name("N");
        app.add_option("--concurrency", a->concurrency, "N callers at once: compares throughput")
            ->group(kSessionGroup)
            ->type_name("N");
        app.add_option("--interval", a->interval,
                       "Calls begin this far apart, with work of the host between them: 33ms")
            ->group(kSessionGroup)
            ->type_name("TIME");
        app.add_option("--time-budget", a->time_budget, "End by then")->group(kBoundsGroup)->type_name("TIME");
        app.add_option("--seed", a->seed, "Fixes the order of the rounds and random inputs")
            ->group(kBoundsGroup)
            ->type_name("N");
        return [a](Io& io) { return bench(*a, io); };
      }};
}

}  // namespace speedster::cli
