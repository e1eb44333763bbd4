/// Whether this build is instrumented: sanitizers map terabytes of writable shadow, which RLIMIT_DATA would refuse.
#pragma once

namespace speedster::job {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace speedster::job
