/// Counts the allocations that code of a plug-in makes: the program's allocator notes on whose behalf it was called.
#pragma once
#include <cstdint>

namespace speedster::conformance {

/// Counts from construction on, on this thread, the calls of operator new and of malloc and its kin that the shared
/// object that holds `inside` makes, itself or through libstdc++ and libc (a string that grows, strdup). Vendors' own
/// allocations are not counted. Under a sanitizer, whose malloc stays, operator new alone is seen.
class AllocationCounter {
 public:
  explicit AllocationCounter(const void* inside);
  ~AllocationCounter();
  AllocationCounter(const AllocationCounter&) = delete;
  AllocationCounter& operator=(const AllocationCounter&) = delete;
  std::uint64_t count() const;
};

}  // namespace speedster::conformance
