#include "report/labels.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/html_text.h"
#include "report/text.h"

namespace speedster::report {

void Labels::keep_off(double x1, double y1, double x2, double y2) {
  taken_.push_back({std::min(x1, x2) - 1, std::min(y1, y2) - 1, std::max(x1, x2) + 1, std::max(y1, y2) + 1});
}

std::string Labels::place(double x, double y, const std::string& text, const char* css) {
  const double width = 6.4 * display_width(text), height = 14;
  const struct {
    double dx, dy;
    const char* anchor;
  } places[] = {{12, 4, "start"}, {10, -9, "start"}, {-12, 4, "end"},  {0, -13, "middle"},
                {-10, -9, "end"}, {10, 20, "start"}, {-10, 20, "end"}, {0, 22, "middle"}};
  for (const auto& place : places) {
    const double at = x + place.dx, base = y + place.dy;
    const double left = place.anchor[0] == 's' ? at : place.anchor[0] == 'e' ? at - width : at - width / 2;
    const Box box = {left, base - height + 3, left + width, base + 3};
    if (box.left < frame_.left || box.right > frame_.right || box.top < frame_.top || box.bottom > frame_.bottom)
      continue;
    if (std::any_of(taken_.begin(), taken_.end(), [&](const Box& b) { return box.overlaps(b); })) continue;
    taken_.push_back(box);
    return fmt::format(R"(<text class="label {}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>)", css, at, base,
                       place.anchor, escape_html(text));
  }
  return {};
}

}  // namespace speedster::report
