#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "search/entrants.h"
#include "search/rows.h"
#include "search/session.h"
#include "tensor/difference.h"

namespace speedster::search {
namespace {

/// A dynamic axis with its range; axes of the same name move together.
struct MovingAxis {
  std::string name;
  std::int64_t min, opt, max;
};

std::vector<MovingAxis> moving_axes(const Signature& signature) {
  std::vector<MovingAxis> axes;
  for (const TensorSpec& input : signature.inputs)
    for (std::size_t i = 0; i < input.axes.size(); ++i) {
      const Axis& axis = input.axes[i];
      if (!axis.dynamic() || !axis.min || !axis.max || *axis.min == *axis.max) continue;
      const std::string key = axis_key(input, i);
      const auto same = std::find_if(axes.begin(), axes.end(), [&](const MovingAxis& a) { return a.name == key; });
      if (same == axes.end()) axes.push_back({key, *axis.min, axis.opt.value_or(*axis.max), *axis.max});
    }
  return axes;
}

// Resampled inputs are harsher than real data: at a corner an output is wrong when it is far off, not by rounding.
constexpr double kFullTolerance = 0.01, kReducedTolerance = 0.5;
// Integers are classes and positions: rounding turns over few of them where it may not turn over the numbers behind.
constexpr double kFullIntegers = 0.01;
constexpr int kTimedCalls = 5;
// So few calls of each tell no smaller difference.
constexpr double kSlowerFactor = 1.05;

}  // namespace

std::vector<Corner> corners_of(const Signature& signature) {
  const std::vector<MovingAxis> axes = moving_axes(signature);
  if (axes.empty()) return {};
  std::vector<Corner> all;
  std::set<std::string> seen;
  auto add = [&](const std::map<std::string, std::int64_t>& sizes) {
    std::string name;
    for (const auto& [axis, size] : sizes) name += (name.empty() ? "" : " ") + axis + "=" + std::to_string(size);
    if (seen.insert(name).second) all.push_back({name, shapes_at(signature, sizes)});
  };
  auto sizes_with = [&](auto&& pick) {
    std::map<std::string, std::int64_t> sizes;
    for (const MovingAxis& axis : axes) sizes[axis.name] = pick(axis);
    return sizes;
  };
  add(sizes_with([](const MovingAxis& a) { return a.min; }));
  add(sizes_with([](const MovingAxis& a) { return a.opt; }));
  add(sizes_with([](const MovingAxis& a) { return a.max; }));
  for (const MovingAxis& alone : axes)
    for (const std::int64_t size : {alone.min, alone.max})
      add(sizes_with([&](const MovingAxis& a) { return a.name == alone.name ? size : a.opt; }));
  return all;
}

std::vector<Corner> corners_of(const Session& session) {
  std::vector<Corner> all = corners_of(session.signature);
  if (session.call_shapes)
    for (const measure::CallShape& one : *session.call_shapes)
      all.push_back({short_number(100 * one.share) + " % of the calls, " + one.name, one.shapes});
  return all;
}

std::vector<std::vector<std::size_t>> thirds_of(const std::vector<std::uint64_t>& sizes) {
  std::vector<std::size_t> order(sizes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return sizes[i]; });
  if (order.size() < 3 || sizes[order.front()] == sizes[order.back()]) return {};
  std::vector<std::vector<std::size_t>> thirds(3);
  for (std::size_t i = 0; i < order.size(); ++i) thirds[i * 3 / order.size()].push_back(order[i]);
  return thirds;
}

namespace {

/// Both on the same samples, alternated; the faster of two blocks of each.
Result<void> time_thirds(Session& session, ServedPackage& original, ServedPackage& winner, std::vector<CornerRow>& rows,
                         bool& whole) {
  const std::vector<std::size_t>& pool = session.split.search;
  std::vector<std::uint64_t> sizes;
  for (const std::size_t sample : pool) sizes.push_back(session.store.bytes(sample));
  constexpr const char* kNames[] = {"smallest", "middle", "largest"};
  const auto thirds = thirds_of(sizes);
  for (std::size_t third = 0; third < thirds.size(); ++third) {
    std::vector<std::size_t> samples = samples::spread_over(thirds[third], kTimedSamples);
    for (std::size_t& sample : samples) sample = pool[sample];
    measure::BlockSpec spec = load_profile(session);
    spec.mix.reset();  // the samples as they are
    double times[2] = {HUGE_VAL, HUGE_VAL};
    for (int turn = 0; turn < 4; ++turn) {
      ServedPackage& one = turn % 2 == 0 ? original : winner;
      const auto block = one.block(spec, samples, session.deadline, session.cancel);
      // The end of the time, or an original that fails, is no fault of the winner; what is known stays.
      if (!block.ok() && (session.stopping() || turn % 2 == 0)) {
        whole = false;
        return {};
      }
      if (!block.ok()) return block.error();
      times[turn % 2] = std::min(times[turn % 2], block->value);
    }
    rows.push_back({std::string("samples of the ") + kNames[third] + " third by size",
                    times[0],
                    times[1],
                    times[1] > kSlowerFactor * times[0],
                    {}});
  }
  return {};
}

bool is_float(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat64 || dtype == DType::kFloat16 || dtype == DType::kBFloat16;
}

/// The part of the elements that differ.
double unequal_share(const TensorView& a, const TensorView& b) {
  const std::int64_t count = a.count();
  std::int64_t unequal = 0;
  for (std::int64_t i = 0; i < count; ++i) unequal += element(a, i) != element(b, i) ? 1 : 0;
  return count > 0 ? static_cast<double>(unequal) / static_cast<double>(count) : 0;
}

/// What is wrong with one output, or nothing.
std::string wrong_at_corner(const Session& session, const Candidate& winner, const TensorView& expected,
                            const TensorView& got) {
  const Difference d = difference(expected, got);
  if (!d.same_shape) {
    // An extent may depend on the data where the model has operators for that; the metric judges those.
    if (session.data_dependent_shapes) return {};
    return "the shape " + to_string(got.shape) + " for " + to_string(expected.shape);
  }
  if (d.new_non_finite) return "NaN or infinity";
  if (is_float(expected.dtype))
    return d.relative_l2 > (winner.reduced ? kReducedTolerance : kFullTolerance)
               ? "relative L2 " + std::to_string(d.relative_l2)
               : "";
  // What lower precision does to classes is the metric's to judge, on real data.
  const double share = winner.reduced ? 0 : unequal_share(expected, got);
  return share > kFullIntegers ? "other values in " + std::to_string(100 * share) + " % of the elements" : "";
}

/// The winner has the original's shapes, no new NaN and nearly the same numbers.
Result<void> compare_corner(const Session& session, const Candidate& winner, const Corner& corner,
                            const Outputs& expected, const Outputs& got) {
  if (got.size() != expected.size())
    return Error(ErrorKind::kVendor, "[corners] expected as many outputs as the original has");
  if (auto fits = check_shapes(session.signature, expected, got); !fits.ok())
    return std::move(fits).error().wrap("[corners] expected the original's shapes at " + corner.name);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::string wrong = wrong_at_corner(session, winner, expected[i], got[i]);
    if (!wrong.empty())
      return Error(ErrorKind::kVendor, "[corners] expected the original's numbers at " + corner.name + ", got " +
                                           wrong + " in output \"" + session.signature.outputs[i].name + "\"");
  }
  return {};
}

}  // namespace

double corner_seconds(const Session& session, double call_seconds, double load_seconds) {
  constexpr double kLarger = 2;  // than the samples are the shapes
  const auto calls = static_cast<double>(corners_of(session).size() * 2 * (kTimedCalls + 1));
  return 2 * load_seconds + kLarger * calls * call_seconds;
}

Result<std::vector<CornerRow>> corners(Session& session, ServedPackage& original, const ServeSpec& original_spec,
                                       Candidate& winner, CornerRuns runs, bool& whole) {
  std::vector<CornerRow> rows;
  const std::vector<Corner> all = corners_of(session);
  SPEEDSTER_ASSIGN(ServedPackage child, ServedPackage::start(*session.supervisor, session.serve_spec(winner, "corners"),
                                                             session.deadline, session.cancel));
  const int calls = runs == CornerRuns::kTimed ? kTimedCalls : 1;
  for (const Corner& corner : all) {
    CornerRow row;
    row.name = corner.name;
    if (!original.running()) {  // a corner before was too much for it
      SPEEDSTER_ASSIGN(original,
                       ServedPackage::start(*session.supervisor, original_spec, session.deadline, session.cancel));
    }
    auto expected = original.run_shape(corner.shapes, 0, calls, session.deadline, session.cancel);
    if (!expected.ok()) {
      if (expected.error().kind() == ErrorKind::kCancelled || session.deadline.passed())
        return std::move(expected).error();
      row.error = "the original cannot run it: " + expected.error().full_message();
      rows.push_back(std::move(row));
      continue;
    }
    auto got = child.run_shape(corner.shapes, 0, calls, session.deadline, session.cancel);
    if (!got.ok())
      return std::move(got).error().wrap("[corners] expected " + winner.recipe.name + " to run " + corner.name);
    if (auto same = compare_corner(session, winner, corner, expected->outputs, got->outputs); !same.ok()) {
      child.report_wrong(same.error());
      return std::move(same).error();
    }
    row.original_seconds = expected->call_seconds;
    row.winner_seconds = got->call_seconds;
    row.slower = got->call_seconds > kSlowerFactor * expected->call_seconds;
    rows.push_back(std::move(row));
  }
  if (runs == CornerRuns::kOnce) return rows;
  if (original.running())
    SPEEDSTER_TRY(time_thirds(session, original, child, rows, whole));
  else
    whole = false;
  return rows;
}

}  // namespace speedster::search
