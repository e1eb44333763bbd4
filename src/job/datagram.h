/// What the supervisor and the watchdog say to each other: one value a datagram (CBOR, so that paths need not be
/// UTF-8), with descriptors beside it (SCM_RIGHTS), over a SOCK_SEQPACKET socket.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "base/files.h"
#include "base/json.h"

namespace speedster::job {

/// Descriptors that one datagram may carry.
inline constexpr std::size_t kMaxDescriptors = 24;

struct Datagram {
  Json body;
  std::vector<UniqueFd> descriptors;  ///< close-on-exec
};

/// Waits while the socket is full, at most its SO_SNDTIMEO. Kind usage for a body above 128 KiB, crashed where the peer
/// is gone, timeout where it does not read.
Result<void> send_datagram(int socket, const Json& body, std::span<const int> descriptors = {});

/// Blocks for the next one. Nothing where the peer has closed.
Result<std::optional<Datagram>> receive_datagram(int socket);

}  // namespace speedster::job
