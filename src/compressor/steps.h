/// The compressor's steps as functions from file to file, and the JSON forms of what passes between them.
#pragma once
#include <speedster/error.h>

#include <filesystem>

#include "base/json.h"
#include "compressor/channels.h"
#include "compressor/migration.h"
#include "compressor/quantize.h"

namespace speedster::compressor {

/// Each reads `in`, writes `out` (with `out`.data beside it where the weights are large) and leaves `in` as it was.
Result<QuantizationSummary> quantize_dynamic_file(const std::filesystem::path& in, const std::filesystem::path& out,
                                                  const DynamicOptions& options);
Result<QuantizationSummary> quantize_static_file(const std::filesystem::path& in, const std::filesystem::path& out,
                                                 const Target& target, const Ranges& ranges,
                                                 const StaticOptions& options);
Result<QuantizationSummary> convert_half_file(const std::filesystem::path& in, const std::filesystem::path& out,
                                              Half kind, const std::set<std::string>& keep_operators);

/// {"quantized_nodes", "candidate_nodes", "nodes": […], "skipped": […], "corrected_biases"}
Json to_json(const QuantizationSummary& summary);
/// {TENSOR: [low, high], …}; exact: reading gives the same doubles.
Json to_json(const Ranges& ranges);
/// Kind corrupt for anything that to_json() would not write.
Result<Ranges> ranges_from_json(const Json& json);
/// {TENSOR: {"peak": […], "mean": […], "extents": […]}, …}
Json to_json(const ChannelTable& channels);
/// Kind corrupt for anything that to_json() would not write.
Result<ChannelTable> channels_from_json(const Json& json);
/// {"absorbed": […], "inserted": […], "skipped": […]}
Json to_json(const MigrationSummary& summary);

}  // namespace speedster::compressor
