/// A flag that one thread raises and others look at.
#pragma once
#include <atomic>
#include <memory>

namespace speedster {

/// Copies share the flag. Safe to raise from a signal handler (lock-free atomic store).
class CancelToken {
 public:
  void cancel() const { flag_->store(true, std::memory_order_relaxed); }
  bool cancelled() const { return flag_->load(std::memory_order_relaxed); }

 private:
  std::shared_ptr<std::atomic<bool>> flag_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace speedster
