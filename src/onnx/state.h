/// What an OnnxModel holds; for the files of this room alone.
#pragma once
#include <onnx-ml.pb.h>

#include "onnx/model.h"
#include "onnx/storage.h"

namespace speedster::onnx_model {

struct OnnxModel::State {
  ::onnx::ModelProto proto;
  std::filesystem::path path;
  Storage storage;
};

}  // namespace speedster::onnx_model
