// Searches from C++: a model, samples and an accuracy budget in, the fastest package out. Ctrl-C ends it early; what
// was confirmed by then is saved.
//
//   usage: speedster-optimize-cpp MODEL.onnx SAMPLES PACKAGE [DROP [SECONDS]]
//
// DROP is the largest loss of the cosine metric that is accepted; without it only full precision may win. SECONDS
// bounds the search. Exit codes: 0 a faster package was written, 1 a failure, 2 usage, 3 the original was kept.
#include <speedster/optimize.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

std::atomic<bool> cancelled{false};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s MODEL.onnx SAMPLES PACKAGE [DROP [SECONDS]]\n", argv[0]);
    return 2;
  }
  speedster::OptimizeRequest request;
  request.model = argv[1];
  request.data = argv[2];
  request.output = argv[3];
  if (argc > 4) request.metric_drop = std::atof(argv[4]);
  if (argc > 5) request.time_budget_seconds = std::atof(argv[5]);
  request.cancel = [] { return cancelled.load(); };
  std::signal(SIGINT, [](int) { cancelled = true; });

  request.progress = [stage = std::string()](const speedster::Progress& progress) mutable {
    if (progress.message.empty() && progress.stage == stage) return;
    stage = progress.stage;
    std::fprintf(stderr, "%6.1f s  %-8s %s\n", progress.elapsed_seconds, progress.stage.c_str(),
                 progress.message.c_str());
  };
  request.log = [](int level, const std::string& line) {
    if (level > 1) std::fprintf(stderr, "%s\n", line.c_str());
  };

  const auto report = speedster::optimize(request);
  if (!report) {
    std::fprintf(stderr, "%s\n", report.error().full_message().c_str());
    return 1;
  }
  std::printf("%s", speedster::report_table(*report).c_str());
  return report->winner ? 0 : 3;
}
