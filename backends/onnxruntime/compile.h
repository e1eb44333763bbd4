/// What compile writes, and the execution that stats makes where nobody executed yet.
#pragma once
#include <memory>
#include <string>

#include "onnxruntime/session.h"
#include "support/vendor_table.h"

namespace speedster::onnxruntime {

/// Copies the model with its external data, or writes the graph as the vendor optimized it. Returns the answer's JSON.
std::string compile(const Runtime& runtime, const plugin::CompileRequest& request);

/// Executes the model on zeros if nobody executed it yet, so that its profile can tell the precision. Axes without an
/// extent are tried at several; a model that accepts none of them stays "unknown".
void probe_execution(const std::shared_ptr<Session>& session);

}  // namespace speedster::onnxruntime
