// Writes the example report as JSON, table and HTML into a folder: to look at.
#include <iostream>

#include "base/files.h"
#include "example.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: report_render_example FOLDER\n";
    return 2;
  }
  const speedster::fs::path folder = argv[1];
  speedster::Report kept = speedster::report_test::example_report();
  kept.winner.reset();
  kept.outcome = "original kept";
  kept.candidates.front().fate = speedster::CandidateFate::kReduced;
  kept.budget.reset();
  kept.accept_candidate = 0;
  kept.accept_command = "speedster optimize rec.onnx --data words.npz --metric-drop 0.0021 -o rec.speedster";
  const std::pair<const char*, speedster::Report> reports[] = {{"example", speedster::report_test::example_report()},
                                                               {"kept", kept},
                                                               {"hostile", speedster::report_test::hostile_report()},
                                                               {"empty", speedster::Report{}}};
  for (const auto& [name, report] : reports)
    for (const auto& [extension, text] : {std::pair<const char*, std::string>{".json", speedster::report_json(report)},
                                          {".txt", speedster::report_table(report)},
                                          {"-80.txt", speedster::report_table(report, 80)},
                                          {"-color.txt", speedster::report_table(report, 140, true)},
                                          {".html", speedster::report_html(report)}})
      if (auto written = speedster::write_file(folder / (std::string(name) + extension), text); !written) {
        std::cerr << written.error().full_message() << '\n';
        return 1;
      }
  return 0;
}
