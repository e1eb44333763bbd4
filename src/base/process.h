/// A program in a process group of its own, so that what it starts ends with it.
#pragma once
#include <speedster/error.h>
#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace speedster {

class ProcessGroup {
 public:
  /// argv[0] is a path; `environment` holds "KEY=value" entries and is the whole of it. stdin is empty, stdout and
  /// stderr go to the descriptor `output`, which the caller keeps. The program dies with the thread that started it,
  /// however that ends. `who` names the stage in messages; a program that cannot be started is an error.
  static Result<ProcessGroup> start(const std::vector<std::string>& argv, const std::vector<std::string>& environment,
                                    int output, std::string_view who);
  ProcessGroup(ProcessGroup&& other) noexcept : leader_(std::exchange(other.leader_, 0)) {}
  ProcessGroup& operator=(ProcessGroup&&) = delete;
  /// Kills what is left of it.
  ~ProcessGroup();
  bool ended() const;
  void kill() const;
  /// Waits for the program and returns its status (waitpid(2)). What it left running is killed, while its number is
  /// still its own.
  int wait();

 private:
  explicit ProcessGroup(pid_t leader) : leader_(leader) {}
  pid_t leader_;
};

}  // namespace speedster
