/// A parent that is going to be killed: starts a supervisor and children of every kind, prints the process ids of the
/// whole tree, and waits. Usage: job_victim CHILD DIRECTORY
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>

#include "job/supervisor.h"

int main(int argc, char** argv) {
  using namespace speedster;
  if (argc != 3) return 64;
  auto supervisor = job::Supervisor::start(argv[1], Log());
  if (!supervisor) return 1;
  std::vector<job::Child> children;
  int number = 0;
  auto spawn = [&](const std::string& mode) {
    job::Command command;
    command.argv = {argv[1], mode};
    command.directory = std::filesystem::path(argv[2]) / std::to_string(number++);
    std::filesystem::create_directories(command.directory);
    auto child = (*supervisor)->spawn(command);
    if (!child) std::exit(2);
    children.push_back(std::move(*child));
    std::printf("%d\n", children.back().pid());
  };
  auto ask = [&](const char* op) {
    auto answer = children.back().call({{"op", op}}, Deadline::in(20), CancelToken());
    if (!answer) std::exit(3);
    std::printf("%d\n", answer->value("pid", 0));
  };
  std::printf("%d\n", (*supervisor)->watchdog_pid());
  for (const char* mode : {"hang", "stubborn", "stopped"}) spawn(mode);
  spawn("serve");
  ask("runaway");
  spawn("serve");
  ask("member");
  if (!children.back().pause()) return 4;
  std::printf("ready\n");
  std::fflush(stdout);
  // A copy of this process that keeps the socket to the watchdog open must not keep the tree alive.
  if (::fork() == 0) {
    ::close(1);
    ::sleep(30);
    ::_exit(0);
  }
  while (true) ::pause();
}
