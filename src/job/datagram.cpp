#include "job/datagram.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace speedster::job {
namespace {

constexpr std::size_t kMaxBody = std::size_t{128} << 10U;

}  // namespace

Result<void> send_datagram(int socket, const Json& body, std::span<const int> descriptors) {
  std::vector<std::uint8_t> bytes = Json::to_cbor(body);
  if (bytes.size() > kMaxBody)
    return Error(ErrorKind::kUsage, "[job] expected a command of at most 128 KiB, got " + std::to_string(bytes.size()) +
                                        " bytes; try to hand long values over in a file");
  if (descriptors.size() > kMaxDescriptors)
    return Error(ErrorKind::kUsage, "[job] expected at most " + std::to_string(kMaxDescriptors) + " descriptors, got " +
                                        std::to_string(descriptors.size()));
  iovec piece{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control{};
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  while (::sendmsg(socket, &message, MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN || errno == EBADF)
      return Error(ErrorKind::kCrashed, "[job] expected a watchdog that listens, got a closed socket");
    if (errno == EAGAIN || errno == EWOULDBLOCK)
      return Error(ErrorKind::kTimeout, "[job] expected a watchdog that listens, got a full socket");
    return Error(errno_kind(errno), std::string("[job] expected to reach the watchdog, got: ") + std::strerror(errno));
  }
  return {};
}

Result<std::optional<Datagram>> receive_datagram(int socket) {
  std::vector<std::uint8_t> bytes(kMaxBody);
  iovec piece{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = 0;
  do got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got == 0 || (got < 0 && errno == ECONNRESET)) return std::optional<Datagram>();
  if (got < 0)
    return Error(ErrorKind::kInternal, std::string("[job] expected a message, got: ") + std::strerror(errno));

  Datagram datagram;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      datagram.descriptors.emplace_back(fd);
    }
  }
  datagram.body = Json::from_cbor(bytes.begin(), bytes.begin() + got, /*strict=*/true, /*allow_exceptions=*/false);
  if (!datagram.body.is_object())
    return Error(ErrorKind::kInternal, "[job] expected a message in CBOR, got " + std::to_string(got) + " other bytes");
  return std::optional<Datagram>(std::move(datagram));
}

}  // namespace speedster::job
