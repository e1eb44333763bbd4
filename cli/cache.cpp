// `speedster cache`: what earlier searches left, and how to make it smaller.
#include <algorithm>

#include "base/files.h"
#include "cli/commands.h"
#include "cli/parse.h"
#include "job/job.h"
#include "report/format.h"
#include "report/text.h"

namespace speedster::cli {
namespace {

struct CacheArguments {
  std::string max_size;
  bool all = false;
};

/// A folder of the cache that is no job: a store of samples.
struct SampleEntry {
  fs::path path;
  std::uint64_t bytes = 0;
  double age_seconds = 0;
};

std::vector<SampleEntry> sample_entries() {
  std::vector<SampleEntry> entries;
  std::error_code error;
  for (fs::directory_iterator it(cache_directory() / "samples", error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    const auto age = fs::file_time_type::clock::now() - fs::last_write_time(it->path(), ignored);
    entries.push_back({it->path(), directory_size(it->path()), std::chrono::duration<double>(age).count()});
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.age_seconds > b.age_seconds; });
  return entries;
}

/// Only for looking and pruning: the bound of a search is its own.
Result<job::JobCache> open_cache() {
  constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 62U;
  return job::JobCache::open(cache_directory() / "jobs", kNoLimit);
}

std::string age(double seconds) {
  if (seconds < 86400) return report::format_seconds(std::max(0.0, seconds));
  return std::to_string(static_cast<int>(seconds / 86400)) + " days";
}

Result<ExitCode> list(Io& io) {
  SPEEDSTER_ASSIGN(const job::JobCache cache, open_cache());
  std::uint64_t total = 0;
  Json jobs = Json::array(), samples = Json::array();
  for (const job::JobCache::Entry& entry : cache.list()) {
    total += entry.bytes;
    jobs.push_back(
        {{"key", entry.key}, {"step", entry.step}, {"bytes", entry.bytes}, {"age_seconds", entry.age_seconds}});
    io.say(report::pad(entry.key.substr(0, 12), 14) + report::pad(report::printable(entry.step), 20) +
           report::pad(report::format_bytes(entry.bytes), 12) + "used " + age(entry.age_seconds) + " ago");
  }
  for (const SampleEntry& entry : sample_entries()) {
    total += entry.bytes;
    const std::string key = entry.path.filename().string();
    samples.push_back({{"key", key}, {"bytes", entry.bytes}, {"age_seconds", entry.age_seconds}});
    io.say(report::pad(report::printable(key.substr(0, 12)), 14) + report::pad("samples", 20) +
           report::pad(report::format_bytes(entry.bytes), 12) + "used " + age(entry.age_seconds) + " ago");
  }
  if (io.json)
    io.print(
        {{"ok", true}, {"folder", cache_directory().string()}, {"bytes", total}, {"jobs", jobs}, {"samples", samples}});
  io.say((total > 0 ? report::format_bytes(total) : std::string("nothing")) + " in " + cache_directory().string());
  return kOk;
}

Result<ExitCode> prune(const CacheArguments& a, Io& io) {
  if (a.all == !a.max_size.empty())
    return Error(ErrorKind::kUsage,
                 "[usage] expected --all or --max-size SIZE, got " + std::string(a.all ? "both" : "neither"));
  std::uint64_t keep = 0;
  if (!a.all) {
    SPEEDSTER_ASSIGN(keep, parse_bytes(a.max_size, "--max-size"));
  }
  SPEEDSTER_ASSIGN(job::JobCache cache, open_cache());
  // Stores of samples go first: they are made again in seconds, a compilation may take minutes.
  std::uint64_t jobs = 0, samples = 0, freed = 0;
  for (const job::JobCache::Entry& entry : cache.list()) jobs += entry.bytes;
  std::vector<SampleEntry> stores = sample_entries();
  for (const SampleEntry& store : stores) samples += store.bytes;
  for (const SampleEntry& store : stores) {
    if (jobs + samples <= keep && !a.all) break;
    std::error_code error;
    fs::remove_all(store.path, error);
    if (error) return errno_error(error.value(), "cache", "a folder that can be removed", store.path);
    samples -= store.bytes;
    freed += store.bytes;
  }
  freed += cache.prune(keep > samples ? keep - samples : 0);
  if (io.json) io.print({{"ok", true}, {"freed_bytes", freed}});
  io.say((freed > 0 ? report::format_bytes(freed) : std::string("nothing")) + " freed");
  return kOk;
}

}  // namespace

Command cache_command() {
  return {"cache", "List and prune what earlier searches left", [](CLI::App& app) -> Run {
            auto a = std::make_shared<CacheArguments>();
            CLI::App* list_app = app.add_subcommand("list", "Show the entries, their sizes and when they were used");
            CLI::App* prune_app = app.add_subcommand("prune", "Remove what was not used for longest");
            prune_app->add_option("--max-size", a->max_size, "Keep at most this much")->type_name("SIZE");
            prune_app->add_flag("--all", a->all, "Keep nothing");
            return [=](Io& io) -> Result<ExitCode> {
              if (list_app->parsed()) return list(io);
              if (prune_app->parsed()) return prune(*a, io);
              return Error(ErrorKind::kUsage, "[usage] expected list or prune, got nothing; try speedster cache list");
            };
          }};
}

}  // namespace speedster::cli
