/// Faults on demand, so that tests can see what a crash, a hang or a memory eater inside a vendor's library does to a
/// search. Set by the environment alone: SPEEDSTER_TEST_FAULT="onnxruntime:crash@load" (WHO:KIND@POINT; several after
/// commas). KIND is crash, abort, hang, memory or error; POINT is open, probe, compile, load, stats or execute. Without
/// WHO it is every plug-in, without POINT it is load. docs/design/vendors.md has the table.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "support/error.h"

namespace speedster::plugin {

namespace detail {

inline bool fault_matches(std::string_view entry, std::string_view who, std::string_view point,
                          std::string_view& kind) {
  if (const auto colon = entry.find(':'); colon != std::string_view::npos) {
    if (entry.substr(0, colon) != who) return false;
    entry.remove_prefix(colon + 1);
  }
  const auto at = entry.find('@');
  kind = entry.substr(0, at);
  return point == (at == std::string_view::npos ? "load" : entry.substr(at + 1));
}

[[noreturn]] inline void eat_memory() {
  constexpr std::size_t kBlock = std::size_t{16} << 20U;
  while (true) {
    // Mapped, not malloc'ed: refused by RLIMIT_DATA as a vendor's arena is, and never merged into a free list.
    void* block = ::mmap(nullptr, kBlock, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) throw std::bad_alloc();
    std::memset(block, 1, kBlock);
  }
}

}  // namespace detail

/// Does what SPEEDSTER_TEST_FAULT asks for at this point; returns where it asks for nothing.
inline void test_fault(std::string_view who, std::string_view point) {
  const char* setting = std::getenv("SPEEDSTER_TEST_FAULT");
  if (setting == nullptr) return;
  std::string_view rest(setting);
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    std::string_view kind;
    if (detail::fault_matches(rest.substr(0, comma), who, point, kind)) {
      if (kind == "crash") ::raise(SIGSEGV);
      if (kind == "abort") std::abort();
      if (kind == "memory") detail::eat_memory();
      if (kind == "error")
        throw Failure(SP_VENDOR,
                      "[" + std::string(who) + "] expected no fault, got the one that SPEEDSTER_TEST_FAULT asks for");
      while (kind == "hang") ::pause();
    }
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace speedster::plugin
