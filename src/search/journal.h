/// The journal of a search: what was found out, a JSON object a line, appended as it happens. A later search of the
/// same question (same key) reads it and does nothing twice; a line that was cut off by a crash or
/// changed since is ignored: each carries the digest of its value.
#pragma once
#include <speedster/error.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "base/json.h"

namespace speedster::search {

class Journal {
 public:
  static constexpr std::size_t kMostKept = 256;

  /// ROOT/KEY/journal.jsonl; the folder is made, and of the folders in ROOT the kMostKept that were opened last stay.
  /// An empty root keeps nothing (--no-cache).
  static Result<Journal> open(const std::filesystem::path& root, const std::string& key);
  /// The last record of this kind and subject.
  std::optional<Json> find(const std::string& event, const std::string& subject) const;
  /// Appends and syncs what is not there yet; a full disk is an error, a read-only cache is not (the search goes on
  /// without memory).
  Result<void> record(const std::string& event, const std::string& subject, const Json& value);
  /// The search's folder, for files that belong to the journal; empty where nothing is kept.
  const std::filesystem::path& directory() const { return directory_; }

 private:
  std::filesystem::path directory_;
  std::map<std::string, Json> records_;
};

}  // namespace speedster::search
