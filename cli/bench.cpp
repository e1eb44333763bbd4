// `speedster bench`: is the first faster than the second, and by how much? With batch sizes or several numbers of
// callers: latency and throughput of each combination.
#include "search/bench.h"

#include "base/files.h"

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/output_file.h"
#include "cli/parse.h"
#include "cli/samples_options.h"
#include "measure/statistics.h"
#include "report/format.h"
#include "report/sweep.h"
#include "report/text.h"

namespace speedster::cli {
namespace {

struct BenchArguments {
  std::string first, second, time_budget, interval, batch, concurrency = "1", html;
  std::shared_ptr<SampleArguments> samples;
  int threads = 0;
  std::uint64_t seed = 0;
};

Figure figure(const measure::Interval& interval) { return {interval.value, interval.low, interval.high}; }

Json interval_json(const measure::Interval& interval) {
  return {{"median", interval.value}, {"low", interval.low}, {"high", interval.high}};
}

/// Percentiles of single calls, on the scale of the printed value.
struct Tail {
  std::optional<double> p90, p99;
};
Tail tail(const std::vector<double>& timed, const measure::Interval& seconds) {
  const std::vector<double> calls = measure::rescaled(timed, seconds.value);
  if (calls.empty()) return {};
  return {measure::percentile(calls, 0.90), measure::p99(calls)};
}

Json or_null(const std::optional<double>& value) { return value ? json_from_number(*value) : Json(nullptr); }

/// What was timed, without figures.
Json identity_json(const search::BenchSide& side) {
  return {{"path", side.path}, {"kind", side.package ? "package" : "model"}, {"learner", side.info}};
}

Json side_json(const search::BenchSide& side, const measure::Interval& seconds, const std::vector<double>& timed) {
  const Tail percentiles = tail(timed, seconds);
  Json json = identity_json(side);
  json.update({{"seconds", interval_json(seconds)},
               {"p90_seconds", or_null(percentiles.p90)},
               {"p99_seconds", or_null(percentiles.p99)},
               {"load_seconds", side.load_seconds},
               {"call_cpu_seconds", side.call_cpu_seconds},
               {"peak_memory_bytes", side.peak_memory}});
  return json;
}

/// "rec.speedster: openvino 2026.4.1, bf16".
std::string identity(const search::BenchSide& side) {
  const auto text = [&](const char* key) {
    const Result<std::string> found = json_string(side.info, key, "bench");
    return found ? *found : std::string("?");
  };
  return report::printable(side.path + ": " + text("backend") + " " + text("vendor_version") + ", " +
                           text("precision"));
}

std::string side_line(const search::BenchSide& side, const measure::Interval& seconds) {
  return report::format_seconds(figure(seconds)) + "  " + identity(side) + ", CPU time " +
         report::format_seconds(side.call_cpu_seconds);
}

std::string busy_note(int dropped_rounds) {
  return "The machine was busy (" + std::to_string(dropped_rounds) + " rounds dropped): repeat it on an idle one.";
}

constexpr int kMostCallers = 1024, kMostRows = 65536;
constexpr std::size_t kMostPoints = 256;

Result<search::BenchRequest> bench_request(const BenchArguments& a, Io& io) {
  if (a.threads < 0)
    return Error(ErrorKind::kUsage, "[usage] expected --threads to be at least 1, got less; try --threads 1");
  search::BenchRequest request;
  request.first = a.first;
  request.second = a.second;
  SPEEDSTER_ASSIGN(request.samples, sample_options(*a.samples, a.seed));
  request.threads = a.threads;
  request.seed = a.seed;
  if (!a.interval.empty()) {
    SPEEDSTER_ASSIGN(request.interval_seconds, parse_interval(a.interval));
  }
  if (!a.time_budget.empty()) {
    SPEEDSTER_ASSIGN(request.seconds, parse_duration(a.time_budget, "--time-budget"));
  }
  if (io.verbose)
    request.log =
        Log([&io](LogLevel, std::string_view text) { io.err << io.err_terminal.fit(report::printable(text)) + "\n"; });
  return request;
}

Result<ExitCode> compare(const search::BenchRequest& request, Io& io) {
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
  if (compared.busy) io.say(busy_note(compared.dropped_rounds));
  return kOk;
}

report::SweepView view(const search::SweepResult& result) {
  report::SweepView view;
  for (const search::BenchSide& side : result.sides) view.sides.push_back(identity(side));
  for (const search::SweepPoint& point : result.points) {
    report::SweepRow& row = view.rows.emplace_back();
    row.side = point.second ? 1 : 0;
    row.batch = point.batch;
    row.concurrency = point.concurrency;
    row.error = point.error;
    if (!row.error.empty()) continue;
    const Tail percentiles = tail(point.calls, point.seconds);
    row.latency = figure(point.seconds);
    row.p90 = percentiles.p90;
    row.p99 = percentiles.p99;
    row.rows_per_second = point.rows_per_second;
    row.call_cpu_seconds = point.call_cpu_seconds;
    row.peak_memory = point.peak_memory;
  }
  view.conditions = std::to_string(result.loads) + " fresh loads of each point, " + std::to_string(result.threads) +
                    " threads, " + result.samples_from;
  if (result.cut) view.notes.emplace_back("The time budget ended it before each point had all its loads.");
  if (result.busy) view.notes.push_back(busy_note(result.dropped_rounds));
  return view;
}

Json point_json(const search::SweepPoint& point) {
  Json json = {{"side", point.second ? "second" : "first"},
               {"batch", point.batch > 0 ? Json(point.batch) : Json(nullptr)},
               {"concurrency", point.concurrency}};
  if (!point.error.empty()) {
    json["error"] = point.error;
    return json;
  }
  const Tail percentiles = tail(point.calls, point.seconds);
  json.update({{"seconds", interval_json(point.seconds)},
               {"p90_seconds", or_null(percentiles.p90)},
               {"p99_seconds", or_null(percentiles.p99)},
               {"rows_per_second", point.rows_per_second},
               {"call_cpu_seconds", point.call_cpu_seconds},
               {"peak_memory_bytes", point.peak_memory}});
  return json;
}

void print(const search::SweepRequest& request, const search::SweepResult& result, const report::SweepView& shown,
           Io& io) {
  if (!io.json) {
    const std::string table = report::sweep_table(shown);
    io.say(std::string_view(table).substr(0, table.size() - 1));
    return;
  }
  Json sides = Json::array(), points = Json::array();
  for (const search::BenchSide& side : result.sides) sides.push_back(identity_json(side));
  for (const search::SweepPoint& point : result.points) points.push_back(point_json(point));
  io.print({{"ok", true},
            {"sides", std::move(sides)},
            {"points", std::move(points)},
            {"loads", result.loads},
            {"cut", result.cut},
            {"dropped_rounds", result.dropped_rounds},
            {"busy", result.busy},
            {"threads", result.threads},
            {"interval_seconds", request.bench.interval_seconds},
            {"samples_from", result.samples_from}});
}

Result<ExitCode> sweep(const search::SweepRequest& request, const std::string& html, Io& io) {
  SPEEDSTER_TRY(check_writable(html, "--html", "bench"));
  const std::string data = request.bench.samples ? request.bench.samples->data.string() : "";
  SPEEDSTER_TRY(check_distinct(
      {{"--html", html}},
      {{"FIRST", request.bench.first.string()}, {"SECOND", request.bench.second.string()}, {"--data", data}}));
  SPEEDSTER_ASSIGN(const search::SweepResult result, search::sweep(request));
  const report::SweepView shown = view(result);
  print(request, result, shown, io);  // first: a full disk must not lose the result
  io.out.flush();
  if (!html.empty()) SPEEDSTER_TRY(write_file(html, report::sweep_html(shown)));
  return kOk;
}

Result<ExitCode> bench(const BenchArguments& a, Io& io) {
  search::SweepRequest request;
  SPEEDSTER_ASSIGN(request.bench, bench_request(a, io));
  SPEEDSTER_ASSIGN(request.concurrencies, parse_counts(a.concurrency, "--concurrency", kMostCallers));
  const TokenFollowsFlag follows(io.cancel, request.bench.cancel);
  const bool sweeps = !a.batch.empty() || request.concurrencies.size() > 1;
  if (a.first.empty() || (a.second.empty() && !sweeps))
    return Error(
        ErrorKind::kUsage,
        "[usage] expected two packages or model files, or one with --batch or several --concurrency, got less; "
        "try speedster bench FIRST SECOND or speedster bench FIRST --batch 1,2,4,8");
  if (sweeps && request.bench.samples && !request.bench.samples->mix.empty())
    return Error(ErrorKind::kUsage,
                 "[usage] expected --batch or several --concurrency without a mix of --shapes, got both; try two "
                 "packages with --shapes tokens=1x128@3 --shapes tokens=1x512@1");
  if (!sweeps) {
    if (!a.html.empty())
      return Error(ErrorKind::kUsage,
                   "[usage] expected --html with --batch or several --concurrency, got neither; try --batch 1,2,4,8");
    request.bench.concurrency = request.concurrencies[0];
    return compare(request.bench, io);
  }
  if (!a.batch.empty()) {
    SPEEDSTER_ASSIGN(const std::vector<int> batches, parse_counts(a.batch, "--batch", kMostRows));
    request.batches.assign(batches.begin(), batches.end());
  }
  if (request.concurrencies.size() * std::max<std::size_t>(request.batches.size(), 1) > kMostPoints)
    return Error(ErrorKind::kUsage, "[usage] expected " + std::to_string(kMostPoints) +
                                        " combinations of --batch and --concurrency at most, got more; try fewer");
  return sweep(request, a.html, io);
}

}  // namespace

Command bench_command() {
  return {
      "bench", "Time two packages or model files against each other, or one at several batch sizes",
      [](CLI::App& app) -> Run {
        auto a = std::make_shared<BenchArguments>();
        app.add_option("first", a->first, "A package or an ONNX file")->type_name("FIRST");
        app.add_option("second", a->second, "Another; the result is its time over that of FIRST")->type_name("SECOND");
        a->samples = declare_sample_options(app, "Inputs; without it those of the first package");
        app.add_option("--threads", a->threads, "Threads of the model, which its callers share; the same for both")
            ->group(kSessionGroup)
            ->type_name("N");
        app.add_option("--concurrency", a->concurrency, "N callers at once: compares throughput; several: 1,2,4")
            ->group(kSessionGroup)
            ->type_name("N");
        app.add_option("--batch", a->batch, "Rows of a call: times each size with each number of callers: 1,2,4,8")
            ->group(kSessionGroup)
            ->type_name("N");
        app.add_option("--interval", a->interval,
                       "Calls begin this far apart, with work of the host between them: 33ms")
            ->group(kSessionGroup)
            ->type_name("TIME");
        app.add_option("--time-budget", a->time_budget, "End by then")->group(kBoundsGroup)->type_name("TIME");
        app.add_option("--html", a->html, "With several sizes or callers: a page with latency against throughput")
            ->group(kOutputGroup)
            ->type_name("FILE.html");
        app.add_option("--seed", a->seed, "Fixes the order of the rounds and random inputs")
            ->group(kBoundsGroup)
            ->type_name("N");
        return [a](Io& io) { return bench(*a, io); };
      }};
}

}  // namespace speedster::cli
