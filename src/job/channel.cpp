#include "job/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cmath>

namespace speedster::job {
namespace {

/// A child that goes on without a line end is broken; nothing of ours is nearly as long.
constexpr std::size_t kMaxLine = std::size_t{256} << 20U;

}  // namespace

Channel::Channel(UniqueFd requests, UniqueFd replies) : requests_(std::move(requests)), replies_(std::move(replies)) {
  ::fcntl(replies_.get(), F_SETFL, O_NONBLOCK);
}

void Channel::queue(const Json& request) {
  outgoing_ = to_text(request) + "\n";
  sent_ = 0;
}

Channel::State Channel::pump(double seconds) {
  if (closed_ && incoming_.find('\n', scanned_) == std::string::npos) return State::kClosed;
  std::array<pollfd, 2> watched{
      {{closed_ ? -1 : replies_.get(), POLLIN, 0}, {sent_all() ? -1 : requests_.get(), POLLOUT, 0}}};
  const int timeout = static_cast<int>(std::ceil(std::max(seconds, 0.0) * 1e3));
  if (::poll(watched.data(), watched.size(), timeout) < 0 && errno != EINTR) closed_ = true;

  if (watched[1].revents != 0) {
    const ssize_t put =
        ::send(requests_.get(), outgoing_.data() + sent_, outgoing_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put > 0)
      sent_ += static_cast<std::size_t>(put);
    else if (errno != EAGAIN && errno != EINTR)
      sent_ = outgoing_.size();  // it reads no more; its end tells the rest
  }
  if (watched[0].revents != 0) {
    std::array<char, 65536> buffer;
    const ssize_t got = ::read(replies_.get(), buffer.data(), buffer.size());
    if (got > 0)
      incoming_.append(buffer.data(), static_cast<std::size_t>(got));
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
      closed_ = true;
  }
  if (incoming_.find('\n', scanned_) != std::string::npos) return State::kLine;
  scanned_ = incoming_.size();
  if (incoming_.size() > kMaxLine) return State::kRubbish;
  return closed_ ? State::kClosed : State::kWaiting;
}

std::optional<std::string> Channel::next_line() {
  const std::size_t end = incoming_.find('\n', scanned_);
  if (end == std::string::npos) return std::nullopt;
  std::string line = incoming_.substr(0, end);
  incoming_.erase(0, end + 1);
  scanned_ = 0;
  return line;
}

}  // namespace speedster::job
