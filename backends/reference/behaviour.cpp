#include "reference/behaviour.h"

#include <unistd.h>

#include <charconv>
#include <cmath>
#include <csignal>
#include <cstring>
#include <thread>
#include <vector>

#include "reference/elements.h"
#include "reference/options.h"

namespace speedster::reference {
namespace {

using plugin::Failure;

constexpr std::chrono::milliseconds kPollEvery{1};
constexpr std::chrono::milliseconds kBlockPause{20};

void touch(void* memory, std::size_t bytes) { std::memset(memory, 1, bytes); }

/// Resident memory grows block by block, so that a watcher can see it; without one it ends as a failed allocation
/// would.
void eat_memory(std::uint64_t limit_mb, const Poll& poll) {
  constexpr std::size_t kBlock = std::size_t{16} << 20U;
  std::vector<std::shared_ptr<void>> blocks;
  for (std::uint64_t eaten = 0; eaten < limit_mb; eaten += 16) {
    poll();
    blocks.push_back(plugin::allocate(kBlock));
    touch(blocks.back().get(), kBlock);
    std::this_thread::sleep_for(kPollEvery);
  }
  throw Failure(SP_MEMORY, "[reference] expected a limit on memory, got " + std::to_string(limit_mb) +
                               " MB without one (fault=memory)");
}

}  // namespace

Fault::Fault(const plugin::OptionValues& options) {
  static constexpr std::string_view kKinds[] = {"none",  "crash",  "abort", "exit", "hang",
                                                "stuck", "memory", "wrong", "nan",  "error"};
  const std::string& kind = options.text("fault");
  kind_ = static_cast<Kind>(std::find(std::begin(kKinds), std::end(kKinds), kind) - std::begin(kKinds));
  place_ = options.text("fault_at");
  memory_mb_ = static_cast<std::uint64_t>(options.integer("fault_mb"));
  constexpr std::string_view kNumbered = "execute:";
  bool known = false;
  if (place_.starts_with(kNumbered)) {
    const char *begin = place_.data() + kNumbered.size(), *end = place_.data() + place_.size();
    const auto parsed = std::from_chars(begin, end, number_);
    known = parsed.ec == std::errc() && parsed.ptr == end && number_ > 0;
    place_ = "execute";
  } else {
    for (const std::string_view name : {"open", "probe", "compile", "load", "execute"}) known |= place_ == name;
  }
  if (!known)
    throw Failure(SP_INVALID,
                  "[reference] expected open, probe, compile, load, execute or execute:N for option 'fault_at', got '" +
                      options.text("fault_at") + "'");
}

void Fault::strike_now(const Poll& poll) const {
  switch (kind_) {
    case Kind::kCrash: ::raise(SIGSEGV); break;
    case Kind::kAbort: std::abort();
    case Kind::kExit: ::_exit(0);
    case Kind::kHang:
      while (true) {
        poll();
        std::this_thread::sleep_for(kPollEvery);
      }
    case Kind::kStuck:
      while (true) std::this_thread::sleep_for(std::chrono::seconds(1));
    case Kind::kMemory: return eat_memory(memory_mb_, poll);
    case Kind::kError: throw Failure(SP_VENDOR, "[reference] expected success, got fault=error; try without it", 42);
    case Kind::kNone:
    case Kind::kWrong:
    case Kind::kNan: break;
  }
}

void Fault::spoil(const Value& output, std::uint64_t execution) const {
  if (!at_execution(execution) || (kind_ != Kind::kWrong && kind_ != Kind::kNan)) return;
  visit_any(output.type(), [&]<typename T>() {
    for (std::int64_t i = 0, count = output.count(); i < count; ++i) {
      T& element = output.as<T>()[i];
      if constexpr (kIsFloat<T>)
        store(element, kind_ == Kind::kNan ? std::nan("") : 1 - 2 * load(element));
      else if (kind_ == Kind::kWrong)
        store(element, subtract(Compute<T>{1}, load(element)));
    }
  });
}

Delay::Delay(const plugin::OptionValues& options)
    : base_(options.number("delay_us") * 1e-6 * options.number("delay_scale")),
      per_element_(options.number("delay_element_ns") * 1e-9 * options.number("delay_scale")),
      sigma_call_(options.number("noise_call")),
      sigma_block_(options.number("noise_block")) {
  const auto seed = static_cast<std::uint64_t>(options.integer("noise_seed"));
  random_.seed(seed != 0 ? seed : (std::uint64_t{std::random_device{}()} << 32U) ^ std::random_device{}());
  load_factor_ = factor(options.number("noise_load"));
  block_factor_ = factor(sigma_block_);
  last_end_ = Clock::now();
}

double Delay::next(std::uint64_t elements) {
  const double seconds = base_ + per_element_ * static_cast<double>(elements);
  if (seconds == 0) return 0;
  const std::lock_guard lock(mutex_);
  if (Clock::now() - last_end_ > kBlockPause) block_factor_ = factor(sigma_block_);
  return seconds * load_factor_ * block_factor_ * factor(sigma_call_);
}

void Delay::ended() {
  if (sigma_block_ == 0) return;
  const std::lock_guard lock(mutex_);
  last_end_ = Clock::now();
}

void take_time(std::int64_t milliseconds, const Poll& poll) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  while (std::chrono::steady_clock::now() < end) {
    poll();
    std::this_thread::sleep_for(
        std::min<std::chrono::steady_clock::duration>(kPollEvery, end - std::chrono::steady_clock::now()));
  }
}

void perturb(const Value& output, double relative) {
  if (relative == 0) return;
  visit_float(output.type(), [&]<typename T>() {
    for (std::int64_t i = 0, count = output.count(); i < count; ++i)
      store(output.as<T>()[i], load(output.as<T>()[i]) * (i % 2 == 0 ? 1 + relative : 1 - relative));
  });
}

std::shared_ptr<void> hold_memory(std::int64_t megabytes) {
  if (megabytes == 0) return nullptr;
  const auto bytes = static_cast<std::size_t>(megabytes) << 20U;
  auto memory = plugin::allocate(bytes);
  touch(memory.get(), bytes);
  return memory;
}

}  // namespace speedster::reference
