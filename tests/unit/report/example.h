/// A report as a search of a text-recognition model would give it: every fate, every optional figure once there and
/// once not.
#pragma once
#include <speedster/report.h>

#include <string>

namespace speedster::report_test {

inline CandidateRow candidate(std::string name, std::string backend, std::string precision, CandidateFate fate,
                              std::string reason) {
  CandidateRow row;
  row.name = std::move(name);
  row.backend = std::move(backend);
  row.backend_version = row.backend == "openvino" ? "2026.4.1" : "1.31.1";
  row.vendor_library =
      row.backend == "openvino" ? "/opt/openvino/libopenvino_c.so.2641" : "/opt/ort/libonnxruntime.so.1.31.1";
  row.requested_precision = std::move(precision);
  row.fate = fate;
  row.reason = std::move(reason);
  row.threads = 2;
  return row;
}

inline CandidateRow timed(CandidateRow row, double milliseconds, std::optional<double> drop, std::string ran) {
  row.race_latency = milliseconds * 1e-3;
  row.ran_precision = std::move(ran);
  row.model_bytes = row.ran_precision == "int8" ? 3'020'000 : row.ran_precision == "f16" ? 5'480'000 : 10'830'000;
  row.peak_memory_bytes = 118'000'000 - static_cast<std::uint64_t>(milliseconds * 1e6);
  row.load_seconds = 0.18;
  row.call_cpu_seconds = 0.0101;
  row.prepare_seconds = 2.4;
  if (drop) row.drop = Figure{*drop, {}, {}};
  row.relative_l2 = drop.value_or(0) * 3;
  return row;
}

inline CandidateRow confirmed(CandidateRow row, double milliseconds, double speedup, double half_width) {
  row.latency_median = Figure{milliseconds * 1e-3, milliseconds * 0.993e-3, milliseconds * 1.008e-3};
  row.latency_p90 = milliseconds * 1.06e-3;
  row.throughput = Figure{1000 / milliseconds, 990 / milliseconds, 1008 / milliseconds};
  row.speedup = Figure{speedup, speedup - half_width, speedup + half_width};
  return row;
}

inline Report example_report() {
  Report r;
  r.outcome = "optimized";
  r.model = "models/rec.onnx";
  r.model_digest = std::string(64, 'a');
  r.package = "rec.speedster";
  r.manifest_sha256 = std::string(64, 'b');
  r.metric = "exact match of words";
  r.budget = 0.01;
  r.samples = 400, r.calibration_samples = 64, r.search_samples = 96, r.judging_samples = 240;
  r.original =
      confirmed(timed(candidate("original", "onnxruntime", "fp32", CandidateFate::kOriginal, ""), 14.3, 0.0, "f32"),
                14.32, 1, 0.0);
  r.original.speedup.reset();
  r.original.latency_p99 = 0.0171;
  r.original.latency_p99_interval = {0.0166, 0.0182};
  r.original.on_front = false;
  r.original_settings = "all graph optimizations and 2 threads";

  CandidateRow winner =
      confirmed(timed(candidate("openvino-int8-nncf", "openvino", "static-int8", CandidateFate::kWinner,
                                "fastest with confidence: the next is 1.09 times slower"),
                      4.9, 0.0021, "int8"),
                4.91, 2.92, 0.05);
  winner.techniques = {"static int8 (NNCF, mixed preset)", "OpenVINO IR"};
  winner.latency_p90 = 0.0052, winner.latency_p99 = 0.0061;
  winner.latency_p90_interval = {0.00515, 0.00527};
  winner.drop = Figure{0.0021, -0.0008, 0.005};
  winner.options = {{"threads", "2"}, {"precision", "fp32"}};
  winner.on_front = true;
  r.candidates.push_back(winner);
  r.candidates.push_back(confirmed(timed(candidate("onnxruntime-int8-static-percentile", "onnxruntime", "static-int8",
                                                   CandidateFate::kSlower, "1.09 times the winner (1.06 to 1.12)"),
                                         5.3, 0.0083, "int8"),
                                   5.35, 2.68, 0.06));
  r.candidates.back().techniques = {"static int8 QDQ (percentile 99.99)"};
  r.candidates.push_back(confirmed(timed(candidate("openvino-fp32", "openvino", "fp32", CandidateFate::kSlower,
                                                   "2.31 times the winner (2.26 to 2.37)"),
                                         11.2, 1.4e-7, "f32"),
                                   11.33, 1.264, 0.02));
  r.candidates.back().on_front = true;
  r.candidates.push_back(
      timed(candidate("onnxruntime-int8-static-minmax", "onnxruntime", "static-int8", CandidateFate::kOverBudget,
                      "loses 0.041 in exact match of words, 0.01 allowed"),
            5.2, 0.041, "int8"));
  r.candidates.push_back(timed(
      candidate("openvino-bf16", "openvino", "bf16", CandidateFate::kSlower, "1.51 times the leader after 1 round"),
      7.6, 2.0e-4, "bf16"));
  r.candidates.back().on_front = true;
  r.candidates.push_back(
      timed(candidate("onnxruntime-dynamic-int8", "onnxruntime", "dynamic-int8", CandidateFate::kSlowerThanOriginal,
                      "1.42 times the original: convolutions stay in full precision"),
            20.3, 1.1e-3, "mixed"));
  r.candidates.push_back(timed(candidate("onnxruntime-fp16", "onnxruntime", "fp16", CandidateFate::kSlowerThanOriginal,
                                         "1.9 times the original: the vendor casts around each node"),
                               27.2, 3.0e-5, "f16"));
  r.candidates.push_back(
      candidate("nncf-accuracy-aware", "openvino", "static-int8", CandidateFate::kFailed,
                "[quantize/nncf] expected a quantized model, got a crash: SIGSEGV after 12 s; try the job's repro.sh"));
  r.candidates.back().job_directory = "/home/user/.local/state/speedster/failed/3f2a";
  r.candidates.push_back(candidate("openvino-fp16", "openvino", "fp16", CandidateFate::kNotPossible,
                                   "this processor has no fp16 arithmetic"));
  r.candidates.push_back(candidate("tvm-fp32", "tvm", "fp32", CandidateFate::kNotTried, "the time budget ended first"));
  r.winner = 0;
  r.noise_floor = 0.006;
  r.rounds = 16, r.dropped_rounds = 2;
  r.corners = {{"batch=1 width=32", 0.0031, 0.0014, false, ""},
               {"batch=8 width=320", 0.118, 0.0391, false, ""},
               {"batch=1 width=2048", 0.0902, 0.0955, true, ""},
               {"batch=8 width=2048", std::nullopt, std::nullopt, false,
                "[check/openvino] ran out of memory (2.1 GB; limit 2.0 GB)"}};
  r.precision_maps.resize(2);
  r.precision_maps[0] = {"openvino-mixed-int8-minmax-bf16",
                         "openvino-static-int8-minmax-bf16",
                         "bf16",
                         0.021,
                         0.004,
                         {{"conv1", 0, 0.002, true, 0.0011, false},
                          {"conv2", 1, 0.31, true, 0.0004, true},
                          {"conv3", 0, 0.0015, false, 0.0007, false},
                          {"fc", 2, std::numeric_limits<double>::infinity(), true, 0, true}},
                         {{1, 0.013, false}, {2, 0.004, true}}};
  r.precision_maps[1] = {"", "onnxruntime-static-int8-minmax", "fp32", 0.3, std::nullopt, {}, {}};
  r.rewriting = GraphRewriting{440, 266, 10'761'788, 10'750'752, {}, ""};
  r.rewriting->passes = {{"hard-activations", 28, 0.006, 0.4, 1.4e-7, "onnxruntime", "", false},
                         {"affine-after", 62, 0.03, 1.1, 3.8e-7, "reference", "", false},
                         {"affine-before", 37, 0.02, 1.2, 4.1e-6, "reference",
                          "an output is 4.1e-06 from the original's, more than 1e-06", false},
                         {"gelu", 0, 0.001, 0, std::nullopt, "", "", false},
                         {"constants", 0, 0, 0, std::nullopt, "", "", true}};
  r.stages = {{"samples", 0.4}, {"original", 3.1}, {"compress", 12.8}, {"compile", 9.2}, {"check", 6.7},
              {"race", 11.5},   {"judge", 8.8},    {"confirm", 21.4},  {"save", 0.6}};
  r.notes = {"labels: 400 lines of labels.txt"};
  r.seconds = 74.5;
  r.parent_peak_bytes = 61'000'000;
  r.seed = 18446744073709551615ULL;
  r.machine_json =
      R"({"hardware":{"model":"AMD EPYC 9V74","codename":"Zen 4","cores":2,"usable_cores":2,"memory_bytes":8201000000,"isa":["avx2","avx512_vnni","avx512_bf16"]},"versions":{"speedster":"0.1.0","openvino":"2026.4.1","onnxruntime":"1.31.1"}})";
  r.provenance_json =
      R"({"options":{"metric":"exact match of words","metric_drop":0.01,"threads":2},"chain":[{"step":"nncf","version":1,"options":{"preset":"mixed"}},{"step":"compile","backend":"openvino"}]})";
  return r;
}

/// Every text is an attack: markup, terminal escapes, broken UTF-8, direction overrides.
inline Report hostile_report() {
  const std::string evil = "<script>alert(1)</script>\"'&\x1b[31m\xff\xe2\x80\xae\x07";
  Report r = example_report();
  r.model = r.package = r.metric = r.original_settings = r.accept_command = r.outcome = evil;
  r.original.name = r.original.backend = r.original.backend_version = evil;
  r.notes = {evil};
  r.accept_candidate = 3;
  for (CandidateRow& row : r.candidates) {
    row.name = row.backend = row.backend_version = row.vendor_library = row.reason = row.drop_note = row.ran_precision =
        evil;
    row.techniques = {evil};
    row.options = {{evil, evil}};
    row.job_directory = row.requested_precision = evil;
  }
  for (PrecisionMap& map : r.precision_maps) {
    map.candidate = map.base = map.rest = evil;
    for (PrecisionLayer& layer : map.layers) layer.name = evil;
  }
  for (CornerRow& corner : r.corners) corner.name = corner.error = evil;
  for (StageTime& stage : r.stages) stage.stage = evil;
  for (RewritePass& pass : r.rewriting->passes) pass.name = pass.judge = pass.undone = evil;
  r.machine_json = R"({"<b>key</b>":"<i>value</i>","deep":{"<u>":["<s>"]}})";
  return r;
}

}  // namespace speedster::report_test
