#include "learner/target.h"

namespace speedster::learner {

bool holds_only(const std::filesystem::path& folder, const std::set<std::string>& names) {
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (!names.contains(it->path().filename().string())) return false;
  return !error;
}

Result<void> go_on(const CancelToken& cancel, const std::string& who) {
  if (cancel.cancelled()) return Error(ErrorKind::kCancelled, "[" + who + "] cancelled");
  return {};
}

}  // namespace speedster::learner
