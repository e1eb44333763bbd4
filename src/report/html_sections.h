/// The parts of the HTML report, each as text; empty where there is nothing to say.
#pragma once
#include <speedster/report.h>

#include <string>
#include <string_view>

namespace speedster::report {

/// The whole page: nothing in it may be loaded from elsewhere or run. `title` and `body` are HTML, `footer` is text.
std::string page(const std::string& title, const std::string& body, std::string_view footer);

/// `<section>` with a heading, a muted line that says how to read it, and a body; nothing without a body.
std::string section(std::string_view heading, std::string_view how_to_read, const std::string& body);

std::string result_section(const Report& report);      ///< original, optimized, improvement
std::string candidates_section(const Report& report);  ///< a row each, with fate and reason
std::string corners_section(const Report& report);     ///< declared shapes
std::string precision_section(const Report& report);   ///< layers in int8 and those that were given back
std::string rewriting_section(const Report& report);   ///< passes over the graph
std::string stages_section(const Report& report);      ///< where the time went
std::string machine_section(const Report& report);     ///< hardware, versions, provenance
std::string reading_section(const Report& report);     ///< what the words mean

}  // namespace speedster::report
