/// Packages of one model, made on several machines, joined to one that loads the right variant on each.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "package/manifest.h"

namespace speedster::package {

struct Merged {
  std::string manifest_sha256;
  struct Part {
    std::filesystem::path package;
    std::string processor;              ///< where its first variant was measured; empty if that is not recorded
    std::vector<std::string> variants;  ///< by their names in the new package
  };
  std::vector<Part> parts;
  std::vector<std::string> notes;  ///< in what the searches differed: budgets, metrics, threads
};

/// Every file of `packages` is checked and copied, payloads of the same bytes once. Each variant keeps its needs and
/// what was measured; two of one name are told apart by the processor's. The order on a machine that made none of them:
/// each package's own is kept, and of two variants the one that asks for more instruction sets comes first.
/// Expected outputs are those of the first package that has samples.
///
/// Kinds: usage (fewer than two packages; another model, other samples, entries or signatures), and what reading,
/// checking and writing packages give.
Result<Merged> merge(std::span<const std::filesystem::path> packages, const std::filesystem::path& output);

}  // namespace speedster::package
