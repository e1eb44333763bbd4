/// The files of a store.
#pragma once
#include <string>

namespace speedster::samples {

inline constexpr int kStoreVersion = 1;
inline constexpr const char* kIndexFile = "index.json";  ///< written last
inline constexpr const char* kLabelsFile = "labels.safetensors";
inline constexpr const char* kLockFile = "lock";  ///< whoever fills it or has it open holds it in shared mode
/// A RaggedFile for each input, in the signature's order.
inline std::string input_file(std::size_t k) { return "input." + std::to_string(k) + ".safetensors"; }

}  // namespace speedster::samples
