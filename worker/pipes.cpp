#include "worker/pipes.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "job/wire.h"

namespace speedster::worker {
namespace {

constexpr std::size_t kMaxLine = std::size_t{256} << 20U;

/// Programs that the vendor starts (compilers) must not inherit it.
int take_over(int fd) { return ::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? fd : -1; }

}  // namespace

Pipes::Pipes() : requests_(take_over(job::kRequestDescriptor)), replies_(take_over(job::kReplyDescriptor)) {
  ::signal(SIGPIPE, SIG_IGN);
}

Result<std::optional<Json>> Pipes::next() {
  std::array<char, 65536> piece;
  std::size_t scanned = 0, end = 0;
  while ((end = buffer_.find('\n', scanned)) == std::string::npos) {
    scanned = buffer_.size();
    if (scanned > kMaxLine) return Error(ErrorKind::kCorrupt, "[worker] expected a request, got an endless line");
    const ssize_t got = requests_ < 0 ? 0 : ::read(requests_, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::optional<Json>();
    buffer_.append(piece.data(), static_cast<std::size_t>(got));
  }
  Result<Json> json = parse_json(std::string_view(buffer_).substr(0, end), "worker");
  buffer_.erase(0, end + 1);
  if (!json) return std::move(json).error();
  if (!json->is_object()) return Error(ErrorKind::kCorrupt, "[worker] expected a JSON object as the request");
  return std::optional<Json>(std::move(json).value());
}

void Pipes::send(const Json& line) const {
  const std::string text = to_text(line) + "\n";
  for (std::size_t sent = 0; replies_ >= 0 && sent < text.size();) {
    const ssize_t put = ::write(replies_, text.data() + sent, text.size() - sent);
    if (put >= 0)
      sent += static_cast<std::size_t>(put);
    else if (errno != EINTR)
      return;
  }
}

void Pipes::progress(double share, const std::string& message) const {
  send({{"progress", share}, {"message", message}});
}

}  // namespace speedster::worker
