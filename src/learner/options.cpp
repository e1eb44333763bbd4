#include "learner/options.h"

#include "base/text.h"

namespace speedster::learner {
namespace {

constexpr int kMaxThreads = 65536;
constexpr int kMaxContexts = 4096;

/// The member, if the caller's struct is long enough to hold it.
template <typename Member>
Member covered(const speedster_load_options& options, Member speedster_load_options::* member) {
  const auto offset = reinterpret_cast<const char*>(&(options.*member)) - reinterpret_cast<const char*>(&options);
  return static_cast<std::size_t>(offset) + sizeof(Member) <= options.size ? options.*member : Member{};
}

std::string text(const char* value) { return value == nullptr ? std::string() : std::string(value); }

Result<int> bounded(int value, int max, const char* what) {
  if (value < 0 || value > max)
    return Error(ErrorKind::kUsage,
                 "[learner] expected 0 to " + std::to_string(max) + " " + what + ", got " + std::to_string(value));
  return value;
}

}  // namespace

Result<std::map<std::string, std::string, std::less<>>> parse_pairs(std::string_view list, std::string_view what) {
  std::map<std::string, std::string, std::less<>> pairs;
  for (const std::string& piece : split(list, ',')) {
    const std::size_t equals = piece.find('=');
    const std::string key(trim(std::string_view(piece).substr(0, equals)));
    if (equals == std::string::npos || key.empty())
      return Error(ErrorKind::kUsage,
                   "[learner] expected " + std::string(what) + " as KEY=VALUE[,KEY=VALUE…], got \"" + piece + "\"");
    if (!pairs.emplace(key, trim(std::string_view(piece).substr(equals + 1))).second)
      return Error(ErrorKind::kUsage,
                   "[learner] expected " + std::string(what) + " once each, got \"" + key + "\" twice");
  }
  return pairs;
}

Result<LoadOptions> from_c(const speedster_load_options* from) {
  LoadOptions options;
  if (from == nullptr) return options;
  if (from->size < sizeof(from->size))
    return Error(ErrorKind::kUsage,
                 "[learner] expected `size` to be sizeof(speedster_load_options), got " + std::to_string(from->size));
  using C = speedster_load_options;
  if (const char* entry = covered(*from, &C::entry); entry != nullptr) options.entry = entry;
  SPEEDSTER_ASSIGN(options.threads, bounded(covered(*from, &C::threads), kMaxThreads, "threads"));
  SPEEDSTER_ASSIGN(options.contexts, bounded(covered(*from, &C::contexts), kMaxContexts, "contexts"));
  if (options.contexts == 0) options.contexts = 1;
  options.require_variant = text(covered(*from, &C::require_variant));
  options.manifest_sha256 = text(covered(*from, &C::manifest_sha256));
  options.allow_code = covered(*from, &C::allow_code) != 0;
  options.backend_path = text(covered(*from, &C::backend_path));
  SPEEDSTER_ASSIGN(options.vendor_library, parse_pairs(text(covered(*from, &C::vendor_library)), "vendor libraries"));
  SPEEDSTER_ASSIGN(options.options, parse_pairs(text(covered(*from, &C::options)), "session options"));
  for (const std::string& name : split(text(covered(*from, &C::hide_isa)), ','))
    if (!trim(name).empty()) options.hide_isa.emplace(trim(name));
  options.vendor_cache = covered(*from, &C::no_vendor_cache) == 0;
  if (const speedster_log log = covered(*from, &C::log); log != nullptr)
    options.log = Log([log, user = covered(*from, &C::log_user)](LogLevel level, std::string_view message) {
      log(user, static_cast<int>(level), std::string(message).c_str());
    });
  return options;
}

}  // namespace speedster::learner
