#include "cli/samples_options.h"

#include "base/text.h"
#include "cli/parse.h"

namespace speedster::cli {

std::shared_ptr<SampleArguments> declare_sample_options(CLI::App& app, const std::string& data_help) {
  auto a = std::make_shared<SampleArguments>();
  app.add_option("--data", a->data, data_help)->group(kSamplesGroup)->type_name("SAMPLES");
  app.add_option("--shapes", a->shapes,
                 "Size of one call for each input: images=1x3x48x320,tokens=1x128; with shares a mix: …@3")
      ->allow_extra_args(false)
      ->group(kSamplesGroup)
      ->type_name("NAME=SHAPE");
  app.add_option("--range", a->ranges, "Bounds of random samples, HIGH left out for integers")
      ->allow_extra_args(false)
      ->group(kSamplesGroup)
      ->type_name("NAME=LOW:HIGH");
  return a;
}

Result<std::optional<samples::SampleOptions>> sample_options(const SampleArguments& a, std::uint64_t seed) {
  if (a.data.empty() && a.shapes.empty() && a.ranges.empty()) return std::optional<samples::SampleOptions>();
  samples::SampleOptions options;
  options.random = a.data.empty() || a.data == "random" || a.data.starts_with("random:");
  options.seed = seed;
  if (!options.random) {
    options.data = a.data;
  } else if (a.data.starts_with("random:")) {
    const auto given = parse_number<std::uint64_t>(std::string_view(a.data).substr(7));
    if (!given)
      return Error(ErrorKind::kUsage,
                   "[usage] expected random:SEED with a number, got \"" + a.data + "\"; try random:1");
    options.seed = *given;
  }
  SPEEDSTER_ASSIGN(ShapeOptions shapes, parse_shapes(a.shapes));
  options.shapes = std::move(shapes.shapes);
  for (auto& one : shapes.mix) options.mix.push_back({std::move(one.shapes), one.share});
  SPEEDSTER_ASSIGN(options.ranges, parse_ranges(a.ranges));
  return std::optional(std::move(options));
}

}  // namespace speedster::cli
