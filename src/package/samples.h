/// The samples that a package carries for `verify`: a safetensors file whose tensors are named "input.NAME.INDEX" and
/// "output.NAME.INDEX". The outputs are the original's.
#pragma once
#include <speedster/tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "package/manifest.h"
#include "tensor/safetensors.h"

namespace speedster::package {

/// Views into a mapped file; `file` keeps it alive.
struct PackagedSamples {
  struct Sample {
    std::map<std::string, TensorView, std::less<>> inputs, outputs;
  };
  SafetensorsFile file;
  std::vector<Sample> samples;
};

/// One sample to write.
struct SampleToPack {
  std::vector<NamedTensor> inputs, outputs;
};

/// Writes the file that `read_samples` reads.
Result<void> write_samples(const std::filesystem::path& path, const std::vector<SampleToPack>& samples);
/// Kind corrupt where names or dtypes are not those of the signature, or a sample is not whole. Optional inputs may be
/// missing from a sample.
Result<PackagedSamples> read_samples(const std::filesystem::path& path, const Signature& signature);

}  // namespace speedster::package
