/// Hostile text inside HTML and SVG.
#pragma once
#include <string>
#include <string_view>

namespace speedster::report {

/// Safe as element content and inside a quoted attribute: control characters gone, & < > " ' as entities.
std::string escape_html(std::string_view text);

}  // namespace speedster::report
