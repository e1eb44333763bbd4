/// What candidates are expected to take, before anything runs here: a table that can be read and changed. An order,
/// never a filter.
#pragma once
#include <speedster/error.h>

#include <string>
#include <string_view>
#include <vector>

#include "compiler/recipe.h"

namespace speedster::compiler {

/// src/compiler/priors.json, as it was built in; it lies in share/speedster, too.
const std::vector<Prior>& default_priors();
/// The same from text. Kind bad input, naming the row.
Result<std::vector<Prior>> read_priors(const std::string& text);

/// "convolutional" where there are more convolutions than products with weights, else "products".
std::string_view family_of(const ModelFacts& model);

/// The first row that fits; null where none does.
const Prior* prior_of(const std::vector<Prior>& priors, const std::string& candidate, const hardware::Machine& machine,
                      std::string_view family);
/// Low is tried first: expected · (1 + 0.15 · make), 1 without a row.
double rank_of(const Prior* prior);

}  // namespace speedster::compiler
