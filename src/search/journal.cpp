#include "search/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "base/digest.h"
#include "base/files.h"
#include "base/text.h"

namespace speedster::search {
namespace {

constexpr const char* kWho = "journal";
constexpr std::uint64_t kMaxBytes = std::uint64_t{64} << 20U;
constexpr const char* kFile = "journal.jsonl";

std::string slot(const std::string& event, const std::string& subject) { return event + "\n" + subject; }

std::string digest_of(const std::string& event, const std::string& subject, const Json& value) {
  constexpr std::size_t kDigits = 16;
  return Sha256().field(event).field(subject).field(to_text(value)).hex().substr(0, kDigits);
}

/// Of the journals in `root` those that were opened last stay.
void bound_journals(const fs::path& root) {
  std::vector<std::pair<fs::file_time_type, fs::path>> found;
  std::error_code error;
  for (fs::directory_iterator it(root, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    found.emplace_back(fs::last_write_time(it->path(), ignored), it->path());
  }
  std::ranges::sort(found, std::greater{});
  for (std::size_t i = Journal::kMostKept; i < found.size(); ++i) fs::remove_all(found[i].second, error);
}

}  // namespace

Result<Journal> Journal::open(const std::filesystem::path& root, const std::string& key) {
  Journal journal;
  if (root.empty()) return journal;
  const fs::path directory = root / key;
  if (auto made = make_directories(directory); !made.ok()) {
    if (made.error().kind() == ErrorKind::kNoSpace) return std::move(made).error();
    return journal;
  }
  journal.directory_ = directory;
  std::error_code ignored;
  fs::last_write_time(directory, fs::file_time_type::clock::now(), ignored);
  bound_journals(root);
  const auto text = read_file(directory / kFile, kMaxBytes);
  if (!text.ok()) return journal;
  for (const std::string& line : split(*text, '\n')) {
    auto parsed = parse_json(line, kWho);
    if (!parsed.ok()) continue;  // cut off by a crash
    auto event = json_string(*parsed, "event", kWho);
    auto subject = json_string(*parsed, "subject", kWho);
    auto digest = json_string(*parsed, "digest", kWho);
    if (event.ok() && subject.ok() && digest.ok() && parsed->contains("value") &&
        *digest == digest_of(*event, *subject, (*parsed)["value"]))
      journal.records_[slot(*event, *subject)] = (*parsed)["value"];
  }
  return journal;
}

std::optional<Json> Journal::find(const std::string& event, const std::string& subject) const {
  const auto it = records_.find(slot(event, subject));
  if (it == records_.end()) return std::nullopt;
  return it->second;
}

Result<void> Journal::record(const std::string& event, const std::string& subject, const Json& value) {
  const auto [known, fresh] = records_.try_emplace(slot(event, subject), value);
  if (!fresh && known->second == value) return {};
  known->second = value;
  if (directory_.empty()) return {};
  // The leading newline ends a line that a crash cut off.
  const std::string line =
      "\n" +
      to_text(Json{
          {"event", event}, {"subject", subject}, {"digest", digest_of(event, subject, value)}, {"value", value}}) +
      "\n";
  const fs::path file = directory_ / kFile;
  UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!fd.valid()) {
    if (errno_kind(errno) == ErrorKind::kNoSpace) return errno_error(errno, kWho, "a writable journal", file);
    return {};
  }
  SPEEDSTER_TRY(write_all(fd.get(), std::as_bytes(std::span(line.data(), line.size())), file));
  if (::fsync(fd.get()) != 0 && errno_kind(errno) == ErrorKind::kNoSpace)
    return errno_error(errno, kWho, "a writable journal", file);
  return {};
}

}  // namespace speedster::search
