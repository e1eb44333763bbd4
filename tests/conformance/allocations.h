/// Counts the allocations that code of a plug-in makes: the program's allocator notes who called it.
#pragma once
#include <cstdint>

namespace speedster::conformance {

/// Counts from construction on, on this thread, the calls of operator new whose caller lies in the shared
/// object that holds `inside`. Vendors' own allocations have other callers and are not counted.
class AllocationCounter {
 public:
  explicit AllocationCounter(const void* inside);
  ~AllocationCounter();
  AllocationCounter(const AllocationCounter&) = delete;
  AllocationCounter& operator=(const AllocationCounter&) = delete;
  std::uint64_t count() const;
};

}  // namespace speedster::conformance
