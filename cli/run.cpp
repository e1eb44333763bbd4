// `speedster run`: the arrays of a file through a package, in this process, as an application would do it.
#include <speedster/learner.h>

#include <algorithm>

#include "base/clock.h"
#include "base/files.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/load_options.h"
#include "report/format.h"
#include "report/text.h"
#include "samples/store.h"
#include "tensor/difference.h"

namespace speedster::cli {
namespace {

constexpr std::size_t kShown = 8;  // values of an output that are printed

struct RunArguments {
  std::string package, data, output;
  std::shared_ptr<LoadArguments> load;
};

std::string describe(const TensorInfo& spec) {
  std::string text = spec.name + " " + std::string(name(spec.dtype));
  if (spec.unknown_rank) return text + " of any rank";
  std::vector<std::string> axes;
  for (std::size_t i = 0; i < spec.shape.size(); ++i)
    axes.push_back(spec.shape[i] >= 0 ? std::to_string(spec.shape[i]) : spec.axes[i].empty() ? "?" : spec.axes[i]);
  return text + " [" + join(axes, ", ") + "]";
}

/// Puts the arrays in the signature's order. An .npy file has one array without a name: it is the only input.
Result<std::vector<NamedTensor>> arrange(std::vector<NamedTensor> arrays, const Learner& learner) {
  const std::vector<TensorInfo>& inputs = learner.inputs();
  if (arrays.size() == 1 && inputs.size() == 1 && arrays[0].name.empty()) arrays[0].name = inputs[0].name;
  std::vector<std::string> expected;
  expected.reserve(inputs.size());
  for (const TensorInfo& input : inputs) expected.push_back(describe(input));
  for (const NamedTensor& array : arrays)
    if (!learner.input_index(array.name))
      return Error(ErrorKind::kBadInput, "[run] expected the inputs " + join(expected, "; ") + ", got \"" + array.name +
                                             "\" " + std::string(name(array.tensor.dtype())) + " " +
                                             to_string(array.tensor.shape()));
  return arrays;
}

/// How many calls the arrays are cut into along axis 0: where the model fixes that axis and every array holds the same
/// multiple of it. 1 = as they are.
std::int64_t calls_of(const std::vector<NamedTensor>& arrays, const Learner& learner) {
  std::int64_t calls = 1;
  for (const NamedTensor& array : arrays) {
    const TensorInfo& spec = learner.inputs()[*learner.input_index(array.name)];
    const Shape& shape = array.tensor.shape();
    if (spec.unknown_rank || spec.shape.empty() || spec.shape.size() != shape.size() || spec.shape[0] <= 0) return 1;
    if (shape[0] % spec.shape[0] != 0 || array.tensor.count() == 0) return 1;
    const std::int64_t here = shape[0] / spec.shape[0];
    if (&array != &arrays.front() && here != calls) return 1;
    calls = here;
  }
  return calls;
}

/// A view of the `call`-th of `calls` equal parts along axis 0; `shape` receives the part's shape.
TensorView part(const Tensor& tensor, std::int64_t call, std::int64_t calls, Shape& shape) {
  shape = tensor.shape();
  if (calls > 1) shape[0] /= calls;
  const std::size_t bytes = tensor.bytes() / static_cast<std::size_t>(calls);
  auto* begin = static_cast<std::byte*>(const_cast<void*>(tensor.data()));
  return {tensor.dtype(), shape, begin + static_cast<std::size_t>(call) * bytes};
}

/// One output of all calls, joined along axis 0.
Result<NamedTensor> joined(const std::vector<std::vector<NamedTensor>>& calls, std::size_t output) {
  const NamedTensor& first = calls[0][output];
  if (calls.size() == 1) return NamedTensor{first.name, first.tensor.clone()};
  Shape shape = first.tensor.shape();
  std::int64_t rows = 0;
  for (const auto& outputs : calls) {
    Shape other = outputs[output].tensor.shape();
    if (other.empty() || other.size() != shape.size() || !std::equal(other.begin() + 1, other.end(), shape.begin() + 1))
      return Error(ErrorKind::kUnsupported, "[run] expected calls whose outputs \"" + first.name +
                                                "\" can be joined, got " + to_string(other) + " beside " +
                                                to_string(shape) + "; try a file that holds one call");
    rows += other[0];
  }
  shape[0] = rows;
  Tensor whole(first.tensor.dtype(), shape);
  auto* to = static_cast<std::byte*>(whole.data());
  for (const auto& outputs : calls) {
    const Tensor& from = outputs[output].tensor;
    if (from.bytes() > 0) std::memcpy(to, from.data(), from.bytes());
    to += from.bytes();
  }
  return NamedTensor{first.name, std::move(whole)};
}

Result<std::vector<NamedTensor>> run_all(const Learner& learner, const std::vector<NamedTensor>& arrays) {
  const std::int64_t calls = calls_of(arrays, learner);
  std::vector<std::vector<NamedTensor>> results;
  for (std::int64_t call = 0; call < calls; ++call) {
    std::vector<TensorView> views(learner.inputs().size());
    std::vector<Shape> shapes(views.size());
    for (const NamedTensor& array : arrays) {
      const std::uint32_t i = *learner.input_index(array.name);
      views[i] = part(array.tensor, call, calls, shapes[i]);
    }
    SPEEDSTER_ASSIGN(results.emplace_back(), learner.run(views));
  }
  std::vector<NamedTensor> outputs;
  for (std::size_t i = 0; i < learner.outputs().size(); ++i) {
    SPEEDSTER_ASSIGN(NamedTensor output, joined(results, i));
    outputs.push_back(std::move(output));
  }
  return outputs;
}

Json output_json(const NamedTensor& output) {
  Json first = Json::array();
  const TensorView view = output.tensor.view();
  for (std::int64_t i = 0; i < std::min<std::int64_t>(view.count(), kShown); ++i)
    first.push_back(json_from_number(element(view, i)));
  return {{"name", output.name},
          {"dtype", std::string(name(view.dtype))},
          {"shape", output.tensor.shape()},
          {"first", first}};
}

std::string output_line(const NamedTensor& output) {
  const TensorView view = output.tensor.view();
  std::string line =
      report::printable(output.name) + " " + std::string(name(view.dtype)) + " " + to_string(view.shape) + ":";
  for (std::int64_t i = 0; i < std::min<std::int64_t>(view.count(), kShown); ++i)
    line += " " + report::format_number(element(view, i));
  return view.count() > static_cast<std::int64_t>(kShown) ? line + " …" : line;
}

Result<ExitCode> run(const RunArguments& a, Io& io) {
  if (a.package.empty() || a.data.empty())
    return Error(ErrorKind::kUsage,
                 "[usage] expected a package and --data, got less; try speedster run PACKAGE --data INPUTS.npz");
  if (!a.output.empty() && fs::path(a.output).has_extension() && fs::path(a.output).extension() != ".npz")
    return Error(ErrorKind::kUsage, "[usage] expected -o to be an npz file, got " + a.output + "; try -o outputs.npz");
  SPEEDSTER_ASSIGN(const LoadOptions options, load_options(*a.load, io));
  const double begin = now_seconds();
  SPEEDSTER_ASSIGN(const Learner learner, Learner::load(a.package, options));
  const double loaded = now_seconds();
  SPEEDSTER_ASSIGN(std::vector<NamedTensor> arrays, samples::read_tensors(a.data));
  SPEEDSTER_ASSIGN(arrays, arrange(std::move(arrays), learner));
  const double ready = now_seconds();
  SPEEDSTER_ASSIGN(const std::vector<NamedTensor> outputs, run_all(learner, arrays));
  const double seconds = now_seconds() - ready;
  if (!a.output.empty()) SPEEDSTER_TRY(samples::write_npz(a.output, outputs));
  if (io.json) {
    SPEEDSTER_ASSIGN(const std::string info, learner.info());
    SPEEDSTER_ASSIGN(const Json learner_json, parse_json(info, "run"));
    Json rows = Json::array();
    for (const NamedTensor& output : outputs) rows.push_back(output_json(output));
    io.print({{"ok", true},
              {"outputs", rows},
              {"written", a.output},
              {"load_seconds", loaded - begin},
              {"run_seconds", seconds},
              {"learner", learner_json}});
  } else if (a.output.empty()) {
    for (const NamedTensor& output : outputs) io.say(output_line(output));
  } else if (!io.quiet) {
    io.say("wrote " + std::to_string(outputs.size()) + " outputs to " + a.output);
  }
  return kOk;
}

}  // namespace

Command run_command() {
  return {"run", "Run a package on the arrays of a file", [](CLI::App& app) -> Run {
            auto a = std::make_shared<RunArguments>();
            app.add_option("package", a->package, "The package")->type_name("PACKAGE");
            app.add_option("--data", a->data, "The inputs by name: npz, safetensors, or npy for a single input")
                ->group(kSamplesGroup)
                ->type_name("FILE");
            app.add_option("-o,--output", a->output,
                           "Write the outputs here; without it their first values are printed")
                ->group(kOutputGroup)
                ->type_name("FILE.npz");
            a->load = declare_load_options(app);
            return [a](Io& io) { return run(*a, io); };
          }};
}

}  // namespace speedster::cli
