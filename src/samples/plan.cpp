#include "samples/plan.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/files.h"
#include "samples/arrays.h"
#include "samples/batch.h"

namespace speedster::samples {
namespace {

constexpr std::int64_t kMostSamples = std::int64_t{1} << 22U;  // some 40 bytes of bookkeeping each

struct Found {
  fs::path file;
  std::size_t array = 0;
  ArrayInfo info;
};
using Arrays = std::map<std::string, Found, std::less<>>;
using Names = std::set<std::string, std::less<>>;

bool is_array_file(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".npz" || extension == ".npy" || extension == ".safetensors";
}

Result<Arrays> arrays_of(const fs::path& file, const Signature& signature) {
  SPEEDSTER_ASSIGN(const std::unique_ptr<ArrayFile> opened, open_arrays(file));
  Arrays arrays;
  for (std::size_t i = 0; i < opened->arrays().size(); ++i) {
    ArrayInfo info = opened->arrays()[i];
    if (info.name.empty()) {  // an npy file has no name for its array
      if (signature.inputs.size() != 1)
        return Error(ErrorKind::kBadInput, "[samples] expected " + std::to_string(signature.inputs.size()) +
                                               " named arrays, got the npy file " + file.string() +
                                               ", which holds one; try npz\n" + how_to_write(signature));
      info.name = signature.inputs[0].name;
    }
    std::string name = info.name;
    arrays.emplace(std::move(name), Found{file, i, std::move(info)});
  }
  return arrays;
}

class Planner {
 public:
  Planner(const SampleOptions& options, const Signature& signature, std::vector<BatchAxis> batches)
      : options_(options), signature_(signature), batches_(std::move(batches)) {
    for (const TensorSpec& input : signature.inputs) plan_.inputs.push_back({input, {}, input.axes.size(), {}, 0});
  }

  Result<Plan> from_file(const fs::path& file) {
    SPEEDSTER_ASSIGN(const Arrays arrays, arrays_of(file, signature_));
    Names used;
    for (std::size_t k = 0; k < plan_.inputs.size(); ++k) {
      const std::string& name = plan_.inputs[k].spec.name;
      if (const auto it = arrays.find(name); it != arrays.end()) {
        used.insert(name);
        SPEEDSTER_TRY(add_rows(k, it->second));
      } else {
        SPEEDSTER_TRY(add_numbered(k, arrays, used));
        if (plan_.inputs[k].parts.empty()) return missing(name, arrays, file);
      }
    }
    note_ignored(arrays, used);
    return finish();
  }

  Result<Plan> from_folder(const fs::path& folder) {
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
      if (is_array_file(it->path())) files.push_back(it->path());
    if (error) return errno_error(error.value(), "samples", "a readable folder", folder);
    std::ranges::sort(files);
    if (files.empty()) return bad("npz, npy or safetensors files, one a sample, in " + folder.string(), "none");
    Names inputs;
    for (const TensorSpec& input : signature_.inputs) inputs.insert(input.name);
    for (const fs::path& file : files) {
      SPEEDSTER_ASSIGN(const Arrays arrays, arrays_of(file, signature_));
      if (plan_.notes.empty()) note_ignored(arrays, inputs);
      for (std::size_t k = 0; k < plan_.inputs.size(); ++k) {
        const auto it = arrays.find(plan_.inputs[k].spec.name);
        if (it == arrays.end()) return missing(plan_.inputs[k].spec.name, arrays, file);
        SPEEDSTER_TRY(add_sample(k, it->second));
      }
    }
    return finish();
  }

 private:
  void note_ignored(const Arrays& arrays, const Names& used) {
    std::string ignored;
    for (const auto& [name, found] : arrays)
      if (!used.contains(name)) ignored += (ignored.empty() ? "" : ", ") + name;
    if (!ignored.empty()) plan_.notes.push_back("no input is called " + ignored + ": left out");
  }

  Error bad(const std::string& expected, const std::string& got) const {
    return {ErrorKind::kBadInput,
            "[samples] expected " + expected + ", got " + got + "; try\n" + how_to_write(signature_)};
  }
  Error missing(const std::string& name, const Arrays& arrays, const fs::path& file) const {
    std::string got;
    for (const auto& [other, found] : arrays) {
      if (got.size() > 500) {
        got += ", …";
        break;
      }
      got += (got.empty() ? "" : ", ") + other + " " + std::string(speedster::name(found.info.dtype)) + " " +
             to_string(found.info.shape);
    }
    return bad("an array \"" + name + "\" in " + file.string(), got.empty() ? "no arrays" : got);
  }

  Result<void> check_dtype(const InputPlan& input, const ArrayInfo& info) const {
    if (info.dtype == input.spec.dtype) return {};
    const std::string wanted(speedster::name(input.spec.dtype));
    const std::string variable = python_name(input.spec.name, static_cast<std::size_t>(&input - plan_.inputs.data()));
    return Error(ErrorKind::kBadInput, "[samples] expected " + wanted + " for " + describe(input.spec) + ", got " +
                                           std::string(speedster::name(info.dtype)) + "; try " + variable + " = " +
                                           variable + ".astype(" +
                                           (info_numpy(input.spec.dtype) ? "np." + wanted : "\"" + wanted + "\"") +
                                           ")\n" + how_to_write(signature_));
  }
  static bool info_numpy(DType dtype) { return !info(dtype).numpy.empty(); }

  /// The shape of one call against the model.
  Result<void> check_shape(std::size_t k, const Shape& shape, const std::string& array) const {
    const TensorSpec& spec = plan_.inputs[k].spec;
    bool fits = spec.unknown_rank || shape.size() == spec.axes.size();
    for (std::size_t i = 0; fits && !spec.unknown_rank && i < shape.size(); ++i)
      fits = spec.axes[i].dynamic() || spec.axes[i].value == shape[i];
    if (!fits)
      return bad("samples that fit " + describe(spec), to_string(shape) + " a sample in the array \"" + array + "\"");
    return {};
  }

  Result<void> add_shape(std::size_t k, const Shape& shape, std::size_t count) {
    InputPlan& input = plan_.inputs[k];
    if (input.shapes.empty() && input.parts.empty()) input.rank = shape.size();
    if (shape.size() != input.rank) return bad("samples of one rank for " + input.spec.name, to_string(shape));
    for (std::size_t i = 0; i < count; ++i) input.shapes.insert(input.shapes.end(), shape.begin(), shape.end());
    return {};
  }

  /// An array that is one call, of whatever size its dynamic axes have: what --shapes gives is the one to optimize for.
  Result<void> add_sample(std::size_t k, const Found& found) {
    SPEEDSTER_TRY(check_dtype(plan_.inputs[k], found.info));
    const Shape& shape = found.info.shape;
    SPEEDSTER_TRY(check_shape(k, shape, found.info.name));
    const BatchAxis& batch = batches_[k];
    const TensorSpec& spec = plan_.inputs[k].spec;
    if (options_.shapes.contains(spec.name) && batch.axis && *batch.axis < shape.size() &&
        shape[*batch.axis] != batch.size)
      return bad("samples with a batch of " + std::to_string(batch.size) + " for " + spec.name + ", as --shapes says",
                 to_string(shape) + " in the array \"" + found.info.name + "\"");
    SPEEDSTER_TRY(add_shape(k, shape, 1));
    plan_.inputs[k].parts.push_back({found.file, found.array, 1});
    return {};
  }

  /// NAME.0, NAME.1, … of one input.
  Result<void> add_numbered(std::size_t k, const Arrays& arrays, Names& used) {
    const std::string prefix = plan_.inputs[k].spec.name + ".";
    while (true) {
      const std::string name = prefix + std::to_string(plan_.inputs[k].parts.size());
      const auto found = signature_.input(name) == nullptr ? arrays.find(name) : arrays.end();
      if (found == arrays.end()) break;
      used.insert(name);
      SPEEDSTER_TRY(add_sample(k, found->second));
    }
    for (auto it = arrays.lower_bound(prefix); it != arrays.end() && it->first.starts_with(prefix); ++it) {
      const std::string_view number = std::string_view(it->first).substr(prefix.size());
      const bool numbered = !number.empty() && number.find_first_not_of("0123456789") == std::string_view::npos;
      if (numbered && !used.contains(it->first) && signature_.input(it->first) == nullptr)
        return bad("arrays " + prefix + "0, " + prefix + "1, … without a gap",
                   it->first + " but no " + prefix + std::to_string(plan_.inputs[k].parts.size()));
    }
    return {};
  }

  /// An array with many samples along its axis 0.
  Result<void> add_rows(std::size_t k, const Found& found) {
    InputPlan& input = plan_.inputs[k];
    const TensorSpec& spec = input.spec;
    const BatchAxis& batch = batches_[k];
    const Shape& shape = found.info.shape;
    SPEEDSTER_TRY(check_dtype(input, found.info));
    const std::string got = to_string(shape) + " in the array \"" + found.info.name + "\"";
    const bool with_sample_axis = !spec.unknown_rank && shape.size() == spec.axes.size() + 1;
    if (shape.empty() || (!spec.unknown_rank && !with_sample_axis && shape.size() != spec.axes.size()))
      return bad("samples along axis 0 for " + describe(spec), got);
    if (!with_sample_axis && !batch.axis)
      return bad("a leading sample axis for " + describe(spec) + ", which has no batch axis", got);

    const std::int64_t rows = shape[0];
    Shape sample(shape.begin() + 1, shape.end());
    std::int64_t each = 1;  // rows of a sample
    if (!with_sample_axis) {
      each = batch.size;
      sample.insert(sample.begin() + static_cast<std::ptrdiff_t>(*batch.axis), each);
      if (*batch.axis > 0 && each > 1) input.stacked_axis = *batch.axis;
    }
    const std::int64_t samples = rows / each;
    // A header of some bytes can promise any number of empty samples, and deflate a thousand for a byte.
    if (samples > kMostSamples) return bad("at most " + std::to_string(kMostSamples) + " samples", got);
    if (samples > 1 && found.info.bytes() == 0) return bad("samples with elements", got);
    if (samples == 0) return bad("at least " + std::to_string(each) + " rows along axis 0 for " + describe(spec), got);
    SPEEDSTER_TRY(check_shape(k, sample, found.info.name));
    if (const auto given = options_.shapes.find(spec.name);
        given != options_.shapes.end() && !std::ranges::equal(given->second, sample))
      return bad("samples of " + to_string(given->second) + " for " + spec.name + ", as --shapes says",
                 to_string(sample) + " in the array \"" + found.info.name + "\"");
    SPEEDSTER_TRY(add_shape(k, sample, static_cast<std::size_t>(samples)));
    input.parts.push_back({found.file, found.array, static_cast<std::size_t>(samples)});
    if (each > 1 || plan_.rows == 0) {
      plan_.batch = static_cast<std::size_t>(each);
      plan_.rows = static_cast<std::size_t>(rows);
    }
    if (rows % each != 0)
      plan_.notes.push_back("the last " + std::to_string(rows % each) + " rows of " + spec.name +
                            " do not fill a batch of " + std::to_string(each) + ": dropped");
    return {};
  }

  Result<Plan> finish() {
    const auto count = [](const InputPlan& input) {
      std::size_t samples = 0;
      for (const Part& part : input.parts) samples += part.samples;
      return samples;
    };
    if (plan_.inputs.empty())
      return Error(ErrorKind::kBadInput, "[samples] expected a model with inputs, got one without");
    plan_.samples = count(plan_.inputs[0]);
    for (const InputPlan& input : plan_.inputs) {
      if (count(input) == plan_.samples) continue;
      std::string counts;
      for (const InputPlan& each : plan_.inputs)
        counts += (counts.empty() ? "" : ", ") + each.spec.name + " " + std::to_string(count(each));
      return bad("the same number of samples for each input (an input without a batch axis has a leading sample axis)",
                 counts);
    }
    if (plan_.rows == 0) plan_.rows = plan_.samples;
    return std::move(plan_);
  }

  const SampleOptions& options_;
  const Signature& signature_;
  std::vector<BatchAxis> batches_;
  Plan plan_;
};

}  // namespace

Result<Plan> plan_files(const SampleOptions& options, const Signature& signature) {
  SPEEDSTER_ASSIGN(std::vector<BatchAxis> batches, batch_axes(signature, options.shapes));
  std::error_code error;
  Planner planner(options, signature, std::move(batches));
  return fs::is_directory(options.data, error) ? planner.from_folder(options.data) : planner.from_file(options.data);
}

}  // namespace speedster::samples
