// `speedster cache`: what earlier searches left, and how to make it smaller.
#include <algorithm>

#include "base/files.h"
#include "cli/commands.h"
#include "cli/parse.h"
#include "job/job.h"
#include "learner/vendor_cache.h"
#include "report/format.h"
#include "report/text.h"
#include "samples/store.h"

namespace speedster::cli {
namespace {

struct CacheArguments {
  std::string max_size;
  bool all = false;
};

/// A folder of the cache that is no job: a store of samples, a search's journal, or what a vendor made of a package.
struct Folder {
  fs::path path;
  std::uint64_t bytes = 0;
  double age_seconds = 0;
};

/// Of cache/KIND, those used longest ago first.
std::vector<Folder> folders(const char* kind) {
  std::vector<Folder> entries;
  std::error_code error;
  for (fs::directory_iterator it(cache_directory() / kind, error), end; !error && it != end; it.increment(error)) {
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
  Json jobs = Json::array(),
       rest = {{"samples", Json::array()}, {"searches", Json::array()}, {"vendor", Json::array()}};
  for (const job::JobCache::Entry& entry : cache.list()) {
    total += entry.bytes;
    jobs.push_back(
        {{"key", entry.key}, {"step", entry.step}, {"bytes", entry.bytes}, {"age_seconds", entry.age_seconds}});
    io.say(report::pad(entry.key.substr(0, 12), 14) + report::pad(report::printable(entry.step), 20) +
           report::pad(report::format_bytes(entry.bytes), 12) + "used " + age(entry.age_seconds) + " ago");
  }
  constexpr std::pair<const char*, const char*> kKinds[] = {
      {"samples", "samples"}, {"searches", "search"}, {"vendor", "vendor's cache"}};
  for (const auto& [kind, name] : kKinds)
    for (const Folder& entry : folders(kind)) {
      total += entry.bytes;
      const std::string key = entry.path.filename().string();
      rest[kind].push_back({{"key", key}, {"bytes", entry.bytes}, {"age_seconds", entry.age_seconds}});
      io.say(report::pad(report::printable(key.substr(0, 12)), 14) + report::pad(name, 20) +
             report::pad(report::format_bytes(entry.bytes), 12) + "used " + age(entry.age_seconds) + " ago");
    }
  const std::uint64_t copies = cache.unused_copies_bytes();
  total += copies;
  if (copies > 0) io.say(report::pad("", 14) + report::pad("unused copies", 20) + report::format_bytes(copies));
  if (io.json)
    io.print({{"ok", true},
              {"unused_copies_bytes", copies},
              {"folder", cache_directory().string()},
              {"bytes", total},
              {"jobs", jobs},
              {"samples", rest["samples"]},
              {"searches", rest["searches"]},
              {"vendor", rest["vendor"]}});
  io.say((total > 0 ? report::format_bytes(total) : std::string("nothing")) + " in " + cache_directory().string());
  return kOk;
}

Result<ExitCode> prune(const CacheArguments& a, Io& io) {
  if (a.all == !a.max_size.empty())
    return Error(ErrorKind::kUsage, "[usage] expected --all or --max-size SIZE, got " +
                                        std::string(a.all ? "both" : "neither") +
                                        "; try speedster cache prune --max-size 5GB");
  std::uint64_t keep = 0;
  if (!a.all) {
    SPEEDSTER_ASSIGN(keep, parse_bytes(a.max_size, "--max-size"));
  }
  SPEEDSTER_ASSIGN(job::JobCache cache, open_cache());
  // Stores of samples go first: they are made again in seconds, a compilation may take minutes. Journals are small and
  // go last: they alone know what was measured.
  // What vendors made of packages is made again at a load.
  std::uint64_t jobs = 0, freed = 0;
  for (const job::JobCache::Entry& entry : cache.list()) jobs += entry.bytes;
  const std::vector<Folder> stores = folders("samples"), blobs = folders("vendor"), journals = folders("searches");
  const auto bytes_of = [](const std::vector<Folder>& all) {
    std::uint64_t bytes = 0;
    for (const Folder& one : all) bytes += one.bytes;
    return bytes;
  };
  std::uint64_t rest = bytes_of(stores) + bytes_of(blobs) + bytes_of(journals);
  const auto drop = [&](const std::vector<Folder>& all, std::uint64_t others, const auto& remove) -> Result<void> {
    for (const Folder& one : all) {
      if (!a.all && others + rest <= keep) break;
      SPEEDSTER_ASSIGN(const bool removed, remove(one.path));
      if (!removed) continue;
      rest -= one.bytes;
      freed += one.bytes;
    }
    return {};
  };
  // What a search has open stays.
  SPEEDSTER_TRY(drop(stores, jobs, samples::remove_store));
  SPEEDSTER_TRY(
      drop(blobs, jobs, [](const fs::path& path) -> Result<bool> { return learner::remove_vendor_cache(path); }));
  freed += cache.prune(keep > rest ? keep - rest : 0);
  const auto remove_journal = [](const fs::path& path) -> Result<bool> {
    SPEEDSTER_TRY(remove_directory(path));
    return true;
  };
  SPEEDSTER_TRY(drop(journals, 0, remove_journal));
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
            prune_app->add_option("--max-size", a->max_size, "Keep at most this much")
                ->group(kBoundsGroup)
                ->type_name("SIZE");
            prune_app->add_flag("--all", a->all, "Keep nothing")->group(kBoundsGroup);
            return [=](Io& io) -> Result<ExitCode> {
              if (list_app->parsed()) return list(io);
              if (prune_app->parsed()) return prune(*a, io);
              return Error(ErrorKind::kUsage, "[usage] expected list or prune, got nothing; try speedster cache list");
            };
          }};
}

}  // namespace speedster::cli
