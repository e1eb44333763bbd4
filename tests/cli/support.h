/// Runs the command line in this process and keeps what it printed.
#pragma once
#include <sstream>
#include <string>
#include <vector>

#include "cli/app.h"

namespace speedster::cli_test {

struct Ran {
  int code = 0;
  std::string out, err;
};

inline Ran run(const std::vector<std::string>& arguments, const std::vector<cli::Command>& commands) {
  std::ostringstream out, err;
  cli::Io io{out, err, {}, {}};
  Ran ran;
  ran.code = cli::run_app(arguments, commands, io);
  ran.out = out.str();
  ran.err = err.str();
  return ran;
}

}  // namespace speedster::cli_test
