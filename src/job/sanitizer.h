/// Whether this build is instrumented: sanitizers map terabytes of writable shadow, which RLIMIT_DATA would refuse.
#pragma once

namespace speedster::job {

// gcc defines macros, clang answers questions.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SPEEDSTER_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SPEEDSTER_SANITIZED 1
#endif
#endif

#ifdef SPEEDSTER_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace speedster::job
