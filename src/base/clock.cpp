#include "base/clock.h"

#include <cstdint>
#include <ctime>

#include "base/files.h"
#include "base/text.h"

namespace speedster {

std::string utc_now() {
  const auto given = parse_number<std::int64_t>(environment("SOURCE_DATE_EPOCH"));
  const std::time_t now = given ? static_cast<std::time_t>(*given) : std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace speedster
