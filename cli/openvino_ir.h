/// What `inspect` shows of an OpenVINO IR (model.xml, version 10 and later): operators and, where the file says them
/// plainly, inputs and outputs. Streams the XML's tags without the vendor; hostile input.
#pragma once
#include <speedster/error.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "model/signature.h"

namespace speedster::cli {

struct OpenvinoIr {
  std::string version;                           ///< of the format: "11"
  std::map<std::string, std::size_t> operators;  ///< layers by type, those of bodies (loops, branches) included
  /// Nothing where a name, an element type or a shape is not plain.
  std::optional<Signature> signature;
};

/// Kind bad input for what is no IR, is larger than 512 MiB, or is not written as the vendor writes it; not found and
/// permission as they are.
Result<OpenvinoIr> read_openvino_ir(const std::filesystem::path& xml);

}  // namespace speedster::cli
