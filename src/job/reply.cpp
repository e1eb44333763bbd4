#include "job/reply.h"

namespace speedster::job {

Json to_reply(const Error& error) {
  Json reply = {{"ok", false},
                {"error", {{"kind", static_cast<int>(error.kind())}, {"message", error.full_message()}}}};
  if (error.vendor_code() != 0) reply["error"]["vendor_code"] = error.vendor_code();
  return reply;
}

Error error_from_reply(const Json& reply, std::string_view who) {
  const Json error = reply.is_object() ? reply.value("error", Json::object()) : Json::object();
  auto integer = [&](const char* key) -> std::int64_t {
    const Result<std::int64_t> value = json_int(error, key, who);
    return value ? *value : 0;
  };
  const std::int64_t number = integer("kind");
  const bool known = number >= static_cast<int>(ErrorKind::kUsage) && number <= static_cast<int>(ErrorKind::kInternal);
  Result<std::string> message = json_string(error, "message", who);
  if (!message) message = "[" + std::string(who) + "] expected success, got a failure without a message";
  return Error(known ? static_cast<ErrorKind>(number) : ErrorKind::kInternal, std::move(message).value())
      .with_vendor_code(integer("vendor_code"));
}

}  // namespace speedster::job
