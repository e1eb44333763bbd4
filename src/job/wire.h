/// The words that the supervisor and the watchdog share.
#pragma once
#include "base/json.h"
#include "job/supervisor.h"

namespace speedster::job {

/// Every child's environment says whose it is (TOKEN-ID): found even where it left its parent and its group.
inline constexpr const char* kMarkVariable = "SPEEDSTER_CHILD";

/// Descriptors of a child: requests, replies, and what the command adds.
inline constexpr int kRequestDescriptor = 3, kReplyDescriptor = 4, kFirstExtraDescriptor = 5;
inline constexpr std::size_t kMaxExtraDescriptors = 16;

/// The exit that a watchdog's "ended" event reports; what it wrote last helps to tell a refusal of memory.
Exit exit_of(const Json& event, std::uint64_t memory_limit_bytes, std::string log_tail);

Json to_json(const Limits& limits);
Limits limits_from_json(const Json& json);

}  // namespace speedster::job
