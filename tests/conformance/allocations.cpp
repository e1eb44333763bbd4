#include "conformance/allocations.h"

#include <dlfcn.h>
#include <link.h>
#include <unwind.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <new>

#include "job/sanitizer.h"

namespace speedster::conformance {
namespace {

struct Range {
  std::uintptr_t begin = 0, end = 0;
  bool holds(std::uintptr_t address) const { return address >= begin && address < end; }
};

struct Watch {
  Range inside;        ///< whose allocations count
  Range libraries[3];  ///< that allocate for their callers: libstdc++, libc, libgcc_s
  std::uint64_t count = 0;
  bool walking = false;  ///< the unwinder may allocate too
};
thread_local Watch watch;

/// The addresses over which an object is mapped.
Range range_of(const dl_phdr_info& info) {
  Range range{UINTPTR_MAX, 0};
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const auto& segment = info.dlpi_phdr[i];
    if (segment.p_type != PT_LOAD) continue;
    const std::uintptr_t begin = info.dlpi_addr + segment.p_vaddr, end = begin + segment.p_memsz;
    range = {range.begin < begin ? range.begin : begin, range.end > end ? range.end : end};
  }
  return range;
}

int find_objects(dl_phdr_info* info, std::size_t, void* inside) {
  const Range range = range_of(*info);
  if (range.holds(reinterpret_cast<std::uintptr_t>(inside))) watch.inside = range;
  static constexpr const char* kNames[] = {"/libstdc++.so", "/libc.so", "/libgcc_s.so"};
  for (std::size_t i = 0; i < std::size(kNames); ++i)
    if (std::strstr(info->dlpi_name, kNames[i]) != nullptr) watch.libraries[i] = range;
  return 0;
}

bool is_library(std::uintptr_t address) {
  for (const Range& library : watch.libraries)
    if (library.holds(address)) return true;
  return false;
}

struct Walk {
  std::uintptr_t from;  ///< frames above this one are the allocator's
  bool begun = false, counts = false;
};

/// Looks for the first frame outside of the libraries.
_Unwind_Reason_Code step(_Unwind_Context* context, void* user) {
  auto& walk = *static_cast<Walk*>(user);
  const auto address = static_cast<std::uintptr_t>(_Unwind_GetIP(context));
  walk.begun |= address == walk.from;
  if (!walk.begun || is_library(address)) return _URC_NO_REASON;
  walk.counts = watch.inside.holds(address);
  return _URC_END_OF_STACK;
}

void note(const void* caller) {
  const auto address = reinterpret_cast<std::uintptr_t>(caller);
  if (watch.inside.end == 0 || watch.walking) return;
  Walk walk{address, false, watch.inside.holds(address)};
  if (!walk.counts && is_library(address)) {
    watch.walking = true;
    _Unwind_Backtrace(step, &walk);
    watch.walking = false;
  }
  watch.count += walk.counts;
}

}  // namespace

AllocationCounter::AllocationCounter(const void* inside) {
  watch = {};
  ::dl_iterate_phdr(find_objects, const_cast<void*>(inside));
}
AllocationCounter::~AllocationCounter() { watch = {}; }
std::uint64_t AllocationCounter::count() const { return watch.count; }

}  // namespace speedster::conformance

using speedster::conformance::note;

// The program's functions replace the libraries' everywhere, plug-ins included. free() stays: the memory is glibc's.
#ifdef SPEEDSTER_SANITIZED
namespace {
void* plain(std::size_t size) { return std::malloc(size); }
void* aligned(std::size_t alignment, std::size_t size) {
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}
}  // namespace
#else
#define EXPORT __attribute__((visibility("default")))
extern "C" {
void* __libc_malloc(std::size_t size);                           // NOLINT(bugprone-reserved-identifier): glibc's names
void* __libc_calloc(std::size_t count, std::size_t size);        // NOLINT(bugprone-reserved-identifier)
void* __libc_realloc(void* memory, std::size_t size);            // NOLINT(bugprone-reserved-identifier)
void* __libc_memalign(std::size_t alignment, std::size_t size);  // NOLINT(bugprone-reserved-identifier)

EXPORT void* malloc(std::size_t size) noexcept {
  note(__builtin_return_address(0));
  return __libc_malloc(size);
}
EXPORT void* calloc(std::size_t count, std::size_t size) noexcept {
  note(__builtin_return_address(0));
  return __libc_calloc(count, size);
}
EXPORT void* realloc(void* memory, std::size_t size) noexcept {
  note(__builtin_return_address(0));
  return __libc_realloc(memory, size);
}
EXPORT void* memalign(std::size_t alignment, std::size_t size) noexcept {
  note(__builtin_return_address(0));
  return __libc_memalign(alignment, size);
}
EXPORT void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  note(__builtin_return_address(0));
  return __libc_memalign(alignment, size);
}
EXPORT int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
  note(__builtin_return_address(0));
  if (alignment % sizeof(void*) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
  void* found = __libc_memalign(alignment, size);
  if (found == nullptr) return ENOMEM;
  *memory = found;
  return 0;
}
}
namespace {
void* plain(std::size_t size) { return __libc_malloc(size); }
void* aligned(std::size_t alignment, std::size_t size) { return __libc_memalign(alignment, size); }
}  // namespace
#endif

namespace {
void* allocate(std::size_t size, std::size_t alignment) {
  void* memory = alignment == 0 ? plain(size == 0 ? 1 : size) : aligned(alignment, size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
}  // namespace

void* operator new(std::size_t size) {
  note(__builtin_return_address(0));
  return allocate(size, 0);
}
void* operator new[](std::size_t size) {
  note(__builtin_return_address(0));
  return allocate(size, 0);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  note(__builtin_return_address(0));
  return allocate(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  note(__builtin_return_address(0));
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
