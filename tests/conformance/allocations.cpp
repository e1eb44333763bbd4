#include "conformance/allocations.h"

#include <dlfcn.h>
#include <link.h>

#include <cstdlib>
#include <new>

namespace speedster::conformance {
namespace {

struct Watch {
  std::uintptr_t begin = 0, end = 0;
  std::uint64_t count = 0;
};
thread_local Watch watch;

void note(const void* caller) {
  const auto address = reinterpret_cast<std::uintptr_t>(caller);
  if (address >= watch.begin && address < watch.end) ++watch.count;
}

/// The addresses over which the object that holds `watch.begin` is mapped.
int find_object(dl_phdr_info* info, std::size_t, void* inside) {
  const auto wanted = reinterpret_cast<std::uintptr_t>(inside);
  std::uintptr_t low = UINTPTR_MAX, high = 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD) continue;
    low = low < info->dlpi_addr + segment.p_vaddr ? low : info->dlpi_addr + segment.p_vaddr;
    const std::uintptr_t end = info->dlpi_addr + segment.p_vaddr + segment.p_memsz;
    high = high > end ? high : end;
  }
  if (wanted < low || wanted >= high) return 0;
  watch = {low, high, 0};
  return 1;
}

void* allocate(std::size_t size, std::size_t alignment) {
  void* memory = alignment == 0 ? std::malloc(size == 0 ? 1 : size)
                                : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

AllocationCounter::AllocationCounter(const void* inside) { ::dl_iterate_phdr(find_object, const_cast<void*>(inside)); }
AllocationCounter::~AllocationCounter() { watch = {}; }
std::uint64_t AllocationCounter::count() const { return watch.count; }

}  // namespace speedster::conformance

using speedster::conformance::allocate;
using speedster::conformance::note;

// The program's operators replace the library's everywhere, plug-ins included.
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
