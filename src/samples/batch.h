/// Which axis of an input is its batch axis, and how large a batch is.
#pragma once
#include <speedster/error.h>
#include <speedster/tensor.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/signature.h"

namespace speedster::samples {

/// Of one input. Nothing says whether a fixed or unnamed axis 0 is a batch, so then the data does: see `certain`.
struct BatchAxis {
  std::optional<std::size_t> axis;  ///< where a batch lies in the input; nothing for an input without one
  bool certain = false;             ///< named like the others' batch axis, dynamic, or 1
  std::int64_t size = 1;            ///< of --shapes, else fixed in the model, else 1
};

/// In the order of the signature's inputs. The batch symbol is a well-known name (batch, batch_size, N, …) if one
/// occurs, else the name that axis 0 of most inputs has. An input's batch axis is the one with that symbol; without it
/// axis 0, unless axis 0 has another name.
/// Kind usage where --shapes names an unknown input, has another rank or fixed size, or gives the symbol two sizes.
Result<std::vector<BatchAxis>> batch_axes(const Signature& signature, const std::map<std::string, Shape>& shapes);

}  // namespace speedster::samples
