/// How an Error crosses a process: {"ok": false, "error": {"kind": int, "message": str}}.
#pragma once
#include <speedster/error.h>

#include <string_view>

#include "base/json.h"

namespace speedster::job {

/// The failing reply (and the result.json) of this error.
Json to_reply(const Error& error);

/// The Error of a reply or result with "ok": false; `who` speaks where it carries no message of its own.
Error error_from_reply(const Json& reply, std::string_view who);

}  // namespace speedster::job
