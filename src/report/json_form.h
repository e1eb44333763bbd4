/// The JSON form of a report: what schemas/report.schema.json describes.
#pragma once

namespace speedster::report {

/// Raised when a key changes its meaning or goes away; new keys do not raise it.
inline constexpr int kReportVersion = 1;

}  // namespace speedster::report
