#include "reference/window.h"

namespace speedster::reference {
namespace {

constexpr std::int64_t kLimit = std::int64_t{1} << 30;  // keeps the sums below far from overflow

void check(const Call& call, const char* what, std::int64_t value, std::int64_t low) {
  if (value < low || value > kLimit)
    call.fail(std::string(what) + " from " + std::to_string(low) + " to 2^30", std::to_string(value));
}

void resolve_same(Window::Axis& axis, bool upper) {
  axis.out = (axis.in + axis.stride - 1) / axis.stride;
  const std::int64_t total =
      std::max<std::int64_t>((axis.out - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1 - axis.in, 0);
  axis.begin = upper ? total / 2 : total - total / 2;
  axis.end = total - axis.begin;
}

void resolve(const Call& call, Window::Axis& axis, bool ceil) {
  const std::int64_t room = axis.in + axis.begin + axis.end - (axis.kernel - 1) * axis.dilation - 1;
  if (room < 0)
    call.fail("a window within the padded input", std::to_string(axis.kernel) + " over " + std::to_string(axis.in));
  axis.out = (ceil ? (room + axis.stride - 1) / axis.stride : room / axis.stride) + 1;
  // With ceil_mode the last window must still start inside the input or its leading padding.
  if (ceil && (axis.out - 1) * axis.stride >= axis.in + axis.begin) --axis.out;
}

}  // namespace

Window read_window(const Call& call, const Shape& input, std::span<const std::int64_t> kernel, bool transposed) {
  const int spatial = input.rank() - 2;
  if (spatial < 1 || spatial > 2) call.fail("one or two spatial axes", input.text());
  if (kernel.size() != static_cast<std::size_t>(spatial))
    call.fail("a kernel of " + std::to_string(spatial) + " axes", plugin::shape_text(kernel));
  const auto strides = call.node().integers("strides"), dilations = call.node().integers("dilations"),
             pads = call.node().integers("pads");
  for (const auto& [name, list, size] :
       {std::tuple{"strides", strides, 1}, {"dilations", dilations, 1}, {"pads", pads, 2}}) {
    if (!list.empty() && list.size() != static_cast<std::size_t>(spatial * size))
      call.fail(std::string(name) + " for " + std::to_string(spatial) + " axes", plugin::shape_text(list));
  }
  const std::string_view mode = call.node().text("auto_pad", "NOTSET");
  if (mode != "NOTSET" && mode != "VALID" && mode != "SAME_UPPER" && mode != "SAME_LOWER")
    call.fail("an auto_pad of ONNX", std::string(mode));

  Window window{input[0], input[1], {}, {}};
  for (int i = 0; i < spatial; ++i) {
    const auto at = static_cast<std::size_t>(i);
    Window::Axis& axis = i == spatial - 1 ? window.x : window.y;
    axis.in = input[i + 2];
    axis.kernel = kernel[at];
    if (!strides.empty()) axis.stride = strides[at];
    if (!dilations.empty()) axis.dilation = dilations[at];
    if (!pads.empty() && mode == "NOTSET") {
      axis.begin = pads[at];
      axis.end = pads[at + static_cast<std::size_t>(spatial)];
    }
    check(call, "an extent", axis.in, 0);
    check(call, "a kernel extent", axis.kernel, 1);
    check(call, "a stride", axis.stride, 1);
    check(call, "a dilation", axis.dilation, 1);
    check(call, "padding", axis.begin, 0);
    check(call, "padding", axis.end, 0);
    if (transposed) continue;
    if (mode.starts_with("SAME"))
      resolve_same(axis, mode == "SAME_UPPER");
    else
      resolve(call, axis, call.node().integer("ceil_mode", 0) != 0);
  }
  return window;
}

Shape window_result(const Window& window, std::int64_t channels, int rank) {
  Shape result{window.batch, channels};
  if (rank == 4) result.push_back(window.y.out);
  result.push_back(window.x.out);
  return result;
}

}  // namespace speedster::reference
