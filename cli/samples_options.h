/// The options that say which samples a command runs.
#pragma once
#include <memory>
#include <optional>

#include "cli/command.h"
#include "samples/store.h"

namespace speedster::cli {

struct SampleArguments {
  std::string data;
  std::vector<std::string> shapes, ranges;
};

std::shared_ptr<SampleArguments> declare_sample_options(CLI::App& app, const std::string& data_help);
/// Nothing without any of them; shapes or ranges alone mean random samples.
Result<std::optional<samples::SampleOptions>> sample_options(const SampleArguments& arguments, std::uint64_t seed);

}  // namespace speedster::cli
