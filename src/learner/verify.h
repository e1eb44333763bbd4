/// Checks a package against itself: every digest, then its samples against the original's outputs, then the time, and
/// whether the variant that loads here is still the fastest of those that hold.
#pragma once
#include "learner/learner.h"

namespace speedster::learner {

/// The relative L2 difference that an output of this variant may have to the original's.
double difference_limit(const package::Variant& variant);

/// The report goes to `report` whether or not everything held: {"ok", "package", "manifest_sha256", "files", "bytes",
/// "variant", "precision", "samples", "relative_l2", "cosine", "limit", "latency_seconds", "judged_latency_seconds",
/// "others", "choice", "error"}. Unless the caller requires a variant, "others" has a row for each one that was not
/// loaded:
/// {"variant", "loads", "reason", "precision", "relative_l2", "cosine", "limit", "holds", "latency_seconds",
/// "judged_latency_seconds", "over_choice": {"median", "low", "high"}}, the last its time over that of the loaded one;
/// and "choice" is {"stands", "faster"}, where a faster one is named only if it holds and its whole interval is below
/// 0.98. Kind corrupt where a digest or an output does not hold; other kinds where nothing could be loaded.
///
/// An output holds if NaN and infinity are where the original has them and its relative L2 difference is within the
/// limit: 1.5 times what was seen when the package was made ("sample_relative_l2" under "measured") and 0.001 more, or,
/// where that is not recorded, 0.001 at f32, 0.05 at bf16 and f16 and 0.3 at any other precision.
Result<void> verify(const std::filesystem::path& package, const LoadOptions& options, Json* report);

}  // namespace speedster::learner
