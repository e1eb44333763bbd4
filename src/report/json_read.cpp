#include <speedster/report.h>

#include <limits>

#include "base/json.h"
#include "report/fate.h"
#include "report/json_form.h"

namespace speedster {
namespace {

constexpr const char* kWho = "report";

/// Reads the members of one object; the first failure is kept and everything after it is skipped.
class Fields {
 public:
  Fields(const Json& json, std::optional<Error>& error) : json_(json), error_(error) {}

  void text(const char* key, std::string& out) { take(json_string(json_, key, kWho), out); }
  void flag(const char* key, bool& out) { take(json_bool(json_, key, kWho), out); }
  void texts(const char* key, std::vector<std::string>& out) { take(json_strings(json_, key, kWho), out); }

  template <typename Integer>
  void count(const char* key, Integer& out) {
    const Json* found = member(key);
    if (found == nullptr) return;
    if (!found->is_number_integer() || (!found->is_number_unsigned() && found->get<std::int64_t>() < 0) ||
        found->get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<Integer>::max()))
      return fail(key, "an integer that is not negative");
    out = found->get<Integer>();
  }
  void index(const char* key, std::optional<std::size_t>& out) {
    if (const Json* found = member(key); found != nullptr && !found->is_null()) count(key, out.emplace());
  }
  void number(const char* key, double& out) {
    const Json* found = member(key);
    if (found == nullptr) return;
    if (found->is_null())
      out = std::numeric_limits<double>::infinity();
    else if (found->is_number())
      out = found->get<double>();
    else
      fail(key, "a number");
  }
  void number(const char* key, std::optional<double>& out) {
    if (const Json* found = member(key); found != nullptr && !found->is_null()) number(key, out.emplace());
  }
  void figure(const char* key, std::optional<Figure>& out) {
    const Json* found = member(key);
    if (found == nullptr || found->is_null()) return;
    if (!found->is_object()) return fail(key, "an object");
    Fields fields(*found, error_);
    Figure& figure = out.emplace();
    fields.number("value", figure.value);
    fields.number("low", figure.low);
    fields.number("high", figure.high);
  }
  void figure(const char* key, std::optional<double>& out, std::optional<std::pair<double, double>>& interval) {
    std::optional<Figure> joined;
    figure(key, joined);
    if (!joined) return;
    out = joined->value;
    if (joined->low && joined->high) interval.emplace(*joined->low, *joined->high);
  }
  void options(const char* key, std::map<std::string, std::string>& out) {
    object(key, [&](Fields fields) {
      for (const auto& item : fields.json_.items()) fields.text(item.key().c_str(), out[item.key()]);
    });
  }
  /// The text of an object; empty for null.
  void embedded(const char* key, std::string& out) {
    if (const Json* found = member(key); found != nullptr && found->is_object()) out = to_text(*found);
  }
  bool has(const char* key) const { return json_.is_object() && json_.contains(key); }
  template <typename Read>
  void object(const char* key, Read read) {
    if (error_) return;
    const Result<const Json*> found = json_object(json_, key, kWho);
    if (found)
      read(Fields(**found, error_));
    else
      error_ = found.error();
  }
  /// An object or null.
  template <typename Value, typename Read>
  void object(const char* key, std::optional<Value>& out, Read read) {
    if (const Json* found = member(key); found != nullptr && !found->is_null())
      object(key, [&](Fields fields) { read(fields, out.emplace()); });
  }
  template <typename Row, typename Read>
  void rows(const char* key, std::vector<Row>& out, Read read) {
    if (error_) return;
    const Result<const Json*> found = json_array(json_, key, kWho);
    if (!found) {
      error_ = found.error();
      return;
    }
    for (const Json& item : **found) {
      if (!item.is_object()) return fail(key, "objects");
      read(Fields(item, error_), out.emplace_back());
    }
  }
  void fail(const char* key, std::string_view expected) {
    if (!error_)
      error_ = Error(ErrorKind::kCorrupt,
                     "[report] expected " + std::string(expected) + " under \"" + key + "\", got something else");
  }

 private:
  const Json* member(const char* key) {
    if (error_) return nullptr;
    if (json_.is_object())
      if (const auto found = json_.find(key); found != json_.end()) return &*found;
    fail(key, "a value");
    return nullptr;
  }
  template <typename Value>
  void take(Result<Value> found, Value& out) {
    if (error_) return;
    if (found)
      out = std::move(found).value();
    else
      error_ = std::move(found).error();
  }

  const Json& json_;
  std::optional<Error>& error_;
};

void read_row(Fields fields, CandidateRow& row) {
  std::string fate;
  fields.text("name", row.name);
  fields.text("fate", fate);
  if (const auto known = report::fate_from_name(fate))
    row.fate = *known;
  else
    fields.fail("fate", "a known fate");
  fields.text("reason", row.reason);
  fields.text("backend", row.backend);
  fields.text("backend_version", row.backend_version);
  fields.text("vendor_library", row.vendor_library);
  fields.texts("techniques", row.techniques);
  fields.text("requested_precision", row.requested_precision);
  fields.text("ran_precision", row.ran_precision);
  fields.options("options", row.options);
  fields.count("threads", row.threads);
  fields.object("latency_seconds", [&](Fields latency) {
    latency.figure("median", row.latency_median);
    latency.figure("p90", row.latency_p90, row.latency_p90_interval);
    latency.figure("p99", row.latency_p99, row.latency_p99_interval);
  });
  fields.figure("throughput_per_second", row.throughput);
  fields.figure("speedup", row.speedup);
  fields.number("race_latency_seconds", row.race_latency);
  fields.count("model_bytes", row.model_bytes);
  fields.count("peak_memory_bytes", row.peak_memory_bytes);
  fields.number("load_seconds", row.load_seconds);
  if (fields.has("call_cpu_seconds")) fields.number("call_cpu_seconds", row.call_cpu_seconds);
  fields.number("prepare_seconds", row.prepare_seconds);
  fields.figure("drop", row.drop);
  fields.flag("drop_independent", row.drop_independent);
  fields.text("drop_note", row.drop_note);
  fields.number("relative_l2", row.relative_l2);
  fields.number("psnr", row.psnr);
  fields.text("job_directory", row.job_directory);
  fields.flag("on_front", row.on_front);
}

void read_corner(Fields fields, CornerRow& corner) {
  fields.text("name", corner.name);
  fields.number("original_seconds", corner.original_seconds);
  fields.number("winner_seconds", corner.winner_seconds);
  fields.flag("slower", corner.slower);
  fields.text("error", corner.error);
}

void read_layer(Fields fields, PrecisionLayer& layer) {
  fields.text("name", layer.name);
  fields.count("group", layer.group);
  fields.number("loses", layer.loses);
  fields.flag("measured_alone", layer.measured_alone);
  fields.number("seconds", layer.seconds);
  fields.flag("given_back", layer.given_back);
}

void read_trial(Fields fields, PrecisionTrial& trial) {
  fields.count("given_back", trial.given_back);
  fields.number("drop", trial.drop);
  fields.flag("holds", trial.holds);
}

void read_map(Fields fields, PrecisionMap& map) {
  fields.text("candidate", map.candidate);
  fields.text("base", map.base);
  fields.text("rest", map.rest);
  fields.number("base_drop", map.base_drop);
  fields.number("drop", map.drop);
  fields.rows("layers", map.layers, read_layer);
  fields.rows("trials", map.trials, read_trial);
}

void read_stage(Fields fields, StageTime& stage) {
  fields.text("stage", stage.stage);
  fields.number("seconds", stage.seconds);
}

void read_pass(Fields fields, RewritePass& pass) {
  fields.text("name", pass.name);
  fields.count("changes", pass.changes);
  fields.number("seconds", pass.seconds);
  fields.number("verify_seconds", pass.verify_seconds);
  fields.number("relative_l2", pass.relative_l2);
  fields.text("judge", pass.judge);
  fields.text("undone", pass.undone);
  fields.flag("disabled", pass.disabled);
}

void read_rewriting(Fields fields, GraphRewriting& rewriting) {
  fields.count("nodes_before", rewriting.nodes_before);
  fields.count("nodes_after", rewriting.nodes_after);
  fields.count("bytes_before", rewriting.bytes_before);
  fields.count("bytes_after", rewriting.bytes_after);
  fields.rows("passes", rewriting.passes, read_pass);
  fields.text("failed", rewriting.failed);
}

void read_report(Fields fields, Report& report) {
  fields.text("outcome", report.outcome);
  fields.object("model", [&](Fields model) {
    model.text("path", report.model);
    model.text("digest", report.model_digest);
  });
  fields.object("package", [&](Fields package) {
    package.text("path", report.package);
    package.text("manifest_sha256", report.manifest_sha256);
  });
  fields.object("metric", [&](Fields metric) {
    metric.text("name", report.metric);
    metric.number("budget", report.budget);
  });
  fields.object("samples", [&](Fields samples) {
    samples.count("total", report.samples);
    samples.count("calibration", report.calibration_samples);
    samples.count("search", report.search_samples);
    samples.count("judging", report.judging_samples);
    samples.flag("random", report.samples_random);
  });
  fields.text("original_settings", report.original_settings);
  fields.object("original", [&](Fields row) { read_row(row, report.original); });
  fields.rows("candidates", report.candidates, read_row);
  fields.index("winner", report.winner);
  if (report.winner && *report.winner >= report.candidates.size()) fields.fail("winner", "the index of a candidate");
  fields.flag("undecided", report.undecided);
  fields.object("accept", [&](Fields accept) {
    accept.index("candidate", report.accept_candidate);
    accept.text("command", report.accept_command);
  });
  if (report.accept_candidate && *report.accept_candidate >= report.candidates.size())
    fields.fail("accept", "the index of a candidate");
  fields.object("measurement", [&](Fields measurement) {
    measurement.count("rounds", report.rounds);
    measurement.count("dropped_rounds", report.dropped_rounds);
    measurement.number("noise_floor", report.noise_floor);
    measurement.flag("machine_busy", report.machine_busy);
  });
  if (fields.has("precision_maps"))  // reports of earlier releases have none
    fields.rows("precision_maps", report.precision_maps, read_map);
  if (fields.has("rewriting")) fields.object("rewriting", report.rewriting, read_rewriting);
  fields.rows("corners", report.corners, read_corner);
  fields.rows("stages", report.stages, read_stage);
  fields.texts("notes", report.notes);
  fields.number("seconds", report.seconds);
  fields.count("parent_peak_bytes", report.parent_peak_bytes);
  fields.count("seed", report.seed);
  fields.embedded("machine", report.machine_json);
  fields.embedded("provenance", report.provenance_json);
}

}  // namespace

Result<Report> report_from_json(const std::string& text) {
  SPEEDSTER_ASSIGN(const Json json, parse_json(text, kWho));
  SPEEDSTER_ASSIGN(const std::int64_t version, json_int(json, "report_version", kWho));
  if (version < 1 || version > report::kReportVersion)
    return Error(ErrorKind::kVersion, "[report] expected report version 1 to " +
                                          std::to_string(report::kReportVersion) + ", got " + std::to_string(version) +
                                          "; try a newer Speedster");
  Report report;
  std::optional<Error> error;
  read_report(Fields(json, error), report);
  if (error) return *std::move(error);
  return report;
}

}  // namespace speedster
