// `speedster run`: the arrays of a file through a package, in this process, as an application would do it.
#include <speedster/learner.h>

#include <algorithm>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/load_options.h"
#include "cli/run_inputs.h"
#include "cli/run_outputs.h"
#include "report/format.h"
#include "report/text.h"
#include "samples/store.h"
#include "tensor/difference.h"

namespace speedster::cli {
namespace {

struct RunArguments {
  std::string package, data, output;
  std::shared_ptr<LoadArguments> load;
};

/// As far as a learner tells it; the typical sizes are the ones to show.
Signature signature_of(const Learner& learner) {
  const auto specs = [](const std::vector<TensorInfo>& tensors) {
    std::vector<TensorSpec> result;
    for (const TensorInfo& tensor : tensors) {
      TensorSpec& spec = result.emplace_back(TensorSpec{tensor.name, tensor.dtype, {}, tensor.unknown_rank});
      for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
        Axis& axis = spec.axes.emplace_back(Axis{tensor.shape[i], tensor.axes[i], {}, {}, {}});
        if (axis.dynamic()) axis.opt = tensor.typical[i];
      }
    }
    return result;
  };
  return {specs(learner.inputs()), specs(learner.outputs())};
}

/// An error about data ends with the inputs and the lines that write the file.
Error with_lines(Error error, const Signature& signature) {
  if (error.kind() != ErrorKind::kBadInput && error.kind() != ErrorKind::kNotFound) return error;
  const std::string lines = samples::how_to_write(signature), message = error.full_message();
  if (message.find(lines) != std::string::npos) return error;
  const bool tries = message.find("; try ") != std::string::npos;
  return {error.kind(), message + (tries ? "\n" : "; try\n") + lines};
}

/// One call. The outputs live until the next one.
Result<std::vector<TensorView>> call(Context& context, const std::vector<TensorView>& inputs, std::size_t outputs) {
  for (std::uint32_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].shape.data() == nullptr && inputs[i].data == nullptr)  // absent; a scalar has data
      SPEEDSTER_TRY(detail::take(speedster_bind_input(context.get(), i, nullptr)));
    else
      SPEEDSTER_TRY(context.bind_input(i, inputs[i]));
  }
  SPEEDSTER_TRY(context.run());
  std::vector<TensorView> views(outputs);
  for (std::uint32_t i = 0; i < outputs; ++i) {
    SPEEDSTER_ASSIGN(views[i], context.output(i));
  }
  return views;
}

/// All calls on one context, which has its memory from the first on. Seconds are those in the model.
Result<double> run_all(Context& context, const RunInputs& inputs, const Learner& learner, RunOutputs& outputs) {
  double seconds = 0;
  for (std::size_t i = 0; i < inputs.calls(); ++i) {
    SPEEDSTER_ASSIGN(const std::vector<TensorView> views, inputs.call(i));
    const double begin = now_seconds();
    SPEEDSTER_ASSIGN(const std::vector<TensorView> results, call(context, views, learner.outputs().size()));
    seconds += now_seconds() - begin;
    SPEEDSTER_TRY(outputs.add(results));
    inputs.forget(i);
  }
  return seconds;
}

Json output_json(const OutputArray& output) {
  Json first = Json::array();
  const TensorView view = output.view();
  for (std::int64_t i = 0; i < std::min<std::int64_t>(view.count(), RunOutputs::kFirst); ++i)
    first.push_back(json_from_number(element(view, i)));
  return {{"name", output.name}, {"dtype", std::string(name(view.dtype))}, {"shape", output.shape}, {"first", first}};
}

std::string output_line(const OutputArray& output) {
  const TensorView view = output.view();
  std::string line =
      report::printable(output.name) + " " + std::string(name(view.dtype)) + " " + to_string(view.shape) + ":";
  for (std::int64_t i = 0; i < std::min<std::int64_t>(view.count(), RunOutputs::kFirst); ++i)
    line += " " + report::format_number(element(view, i));
  return view.count() > static_cast<std::int64_t>(RunOutputs::kFirst) ? line + " …" : line;
}

Result<ExitCode> run(const RunArguments& a, Io& io) {
  if (a.package.empty() || a.data.empty())
    return Error(ErrorKind::kUsage,
                 "[usage] expected a package and --data, got less; try speedster run PACKAGE --data INPUTS.npz");
  SPEEDSTER_TRY(check_output_format(a.output, {}));
  SPEEDSTER_ASSIGN(const LoadOptions options, load_options(*a.load, io));
  const double begin = now_seconds();
  SPEEDSTER_ASSIGN(const Learner learner, Learner::load(a.package, options));
  const double loaded = now_seconds();
  if (!a.output.empty()) SPEEDSTER_TRY(check_output_format(a.output, learner.outputs()));
  const Signature signature = signature_of(learner);
  Result<RunInputs> inputs = RunInputs::open(a.data, signature, io.cancel);
  if (!inputs) return with_lines(std::move(inputs).error(), signature);
  SPEEDSTER_ASSIGN(RunOutputs gathered, RunOutputs::create(learner.outputs(), inputs->layout(), !a.output.empty()));
  SPEEDSTER_ASSIGN(Context context, learner.context());
  Result<double> seconds = run_all(context, *inputs, learner, gathered);
  if (!seconds) return with_lines(std::move(seconds).error(), signature);
  SPEEDSTER_ASSIGN(const std::vector<OutputArray> outputs, gathered.arrays());
  if (!a.output.empty()) SPEEDSTER_TRY(write_outputs(a.output, outputs));
  std::vector<std::string> notes = inputs->notes();
  notes.insert(notes.end(), gathered.notes().begin(), gathered.notes().end());
  for (const std::string& note : notes) io.err << io.err_terminal.fit("note: " + report::printable(note)) + "\n";
  if (io.json) {
    SPEEDSTER_ASSIGN(const std::string info, learner.info());
    SPEEDSTER_ASSIGN(const Json learner_json, parse_json(info, "run"));
    Json rows = Json::array();
    for (const OutputArray& output : outputs) rows.push_back(output_json(output));
    io.print({{"ok", true},
              {"outputs", rows},
              {"written", a.output},
              {"load_seconds", loaded - begin},
              {"run_seconds", *seconds},
              {"calls", inputs->calls()},
              {"notes", notes},
              {"learner", learner_json}});
  } else if (a.output.empty()) {
    for (const OutputArray& output : outputs) io.say(output_line(output));
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
            app.add_option(
                   "--data", a->data,
                   "The inputs by name: npz, safetensors, npy for a single input, or a folder with a file a call")
                ->group(kSamplesGroup)
                ->type_name("FILE|FOLDER");
            app.add_option("-o,--output", a->output,
                           "Write the outputs here, as npz or safetensors; without it their first values are printed")
                ->group(kOutputGroup)
                ->type_name("FILE");
            a->load = declare_load_options(app);
            return [a](Io& io) { return run(*a, io); };
          }};
}

}  // namespace speedster::cli
