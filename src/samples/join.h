/// Larger batches out of the samples that there are.
#pragma once
#include <speedster/error.h>

#include <cstdint>
#include <filesystem>
#include <vector>

#include "model/signature.h"
#include "samples/store.h"

namespace speedster::samples {

/// The rows of each of the first samples, `most` of them, by the inputs' batch axes; 1 where there is none.
Result<std::vector<std::int64_t>> rows_of(const SampleStore& store, const Signature& signature, std::size_t most);

/// Writes `count` samples of `rows` rows each as data for build_store(): sample i begins with the rows of the store's
/// i-th and goes on with those of the next ones, from the first again after the last. A neighbour of another shape is
/// passed over, and where there is no other the rows repeat. Inputs without a batch axis keep the i-th sample's values.
/// Kind usage for a model whose batch axis is fixed or that has none.
Result<void> write_batches(const std::filesystem::path& file, const SampleStore& store, const Signature& signature,
                           std::size_t count, std::int64_t rows);

}  // namespace speedster::samples
