/// Runs a program to its end: no shell, an environment of its own, output into a file.
#pragma once
#include <speedster/error.h>

#include <filesystem>
#include <string>
#include <vector>

namespace speedster::learner {

struct Program {
  std::vector<std::string> arguments;    ///< the program's path first
  std::vector<std::string> environment;  ///< "KEY=VALUE"; nothing is inherited
  std::filesystem::path output;          ///< standard output and error
  double seconds = 60;
};

/// The exit status; kind crashed for a signal, timeout when it was ended.
Result<int> run_program(const Program& program);

}  // namespace speedster::learner
