/// Reads the wire form of a model without its weights: raw tensor data of 1 KiB and more stays in the file, and the
/// tensor says where. So a model of any size is read in the memory of its graph alone.
#pragma once
#include <speedster/error.h>

#include <cstdint>
#include <string>

#include "onnx/source.h"

namespace speedster::onnx_model {

/// The key of the external-data entry that points into the model's own file: "OFFSET:LENGTH".
inline constexpr char kOwnFileKey[] = "speedster.range";
/// The same for the file of values that were made while the model was edited.
inline constexpr char kScratchKey[] = "speedster.scratch";
/// Raw data below this stays in the proto.
inline constexpr std::uint64_t kSpillBytes = 1024;

struct Skeleton {
  std::string bytes;        ///< a serialized ModelProto
  std::size_t spilled = 0;  ///< tensors whose data stayed in the file
};

/// Walks the wire form: every length is checked against what holds it before anything is copied, subgraphs may nest 16
/// deep, and a model has at most 4 million nodes, attributes and tensors. Kind bad input otherwise.
Result<Skeleton> read_skeleton(const ByteSource& source);

/// Protobuf's variable-length integer.
void append_varint(std::uint64_t value, std::string& out);

}  // namespace speedster::onnx_model
