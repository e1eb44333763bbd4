// bundle_and_export bundle|export PACKAGE DIR: the functions behind `speedster bundle` and `speedster export`.
#include <cstdio>

#include "learner/bundle.h"
#include "learner/export.h"

namespace {

int print(const speedster::Result<speedster::Json>& answer) {
  if (!answer.ok()) return std::fprintf(stderr, "%s\n", answer.error().full_message().c_str()), 1;
  std::printf("%s\n", speedster::to_text(*answer, 2).c_str());
  return 0;
}

speedster::Result<speedster::Json> run(const std::string& mode, const char* package, const char* directory) {
  if (mode == "bundle") {
    SPEEDSTER_ASSIGN(const auto report, speedster::learner::bundle(package, directory, {}));
    return to_json(report);
  }
  SPEEDSTER_ASSIGN(const auto report, speedster::learner::export_package(package, directory, {}));
  return to_json(report);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: bundle_and_export bundle|export PACKAGE DIR\n"), 2;
  return print(run(argv[1], argv[2], argv[3]));
}
