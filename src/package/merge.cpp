#include "package/merge.h"

#include <speedster/version.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "package/payloads.h"

namespace speedster::package {
namespace {

constexpr const char* kWho = "merge";

struct Source {
  fs::path folder;
  LoadedManifest read;
  const Manifest& manifest() const { return read.manifest; }
};

std::string text_of(const Json& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Error differs(const Source& first, const Source& other, const std::string& what) {
  return {ErrorKind::kUsage, "[merge] expected packages of one " + what + ", got " + first.folder.string() + " and " +
                                 other.folder.string() + " of two; try packages that were made from the same files"};
}

/// What decides whether variants may stand in for each other.
Result<void> check_same(const Source& first, const Source& other) {
  const Json& one = first.manifest().provenance;
  const Json& two = other.manifest().provenance;
  for (const Source* source : {&first, &other})
    if (text_of(source->manifest().provenance, "model_digest").empty())
      return Error(ErrorKind::kUsage, "[merge] expected packages that record their model's digest, got " +
                                          source->folder.string() + "; try to make it again");
  if (text_of(one, "model_digest") != text_of(two, "model_digest")) return differs(first, other, "model");
  if (text_of(one, "samples_digest") != text_of(two, "samples_digest")) return differs(first, other, "set of samples");
  const auto& entries = first.manifest().entries;
  const auto& others = other.manifest().entries;
  const bool same =
      std::equal(entries.begin(), entries.end(), others.begin(), others.end(), [](const auto& a, const auto& b) {
        return a.first == b.first && to_json(a.second.signature) == to_json(b.second.signature);
      });
  if (!same) return differs(first, other, "set of entry points and signatures");
  return {};
}

/// Where the search was told other things, its choice answers another question.
void note_differences(const Source& first, const Source& other, std::vector<std::string>& notes) {
  constexpr std::pair<const char*, const char*> kTold[] = {
      {"metric", "metric"},   {"metric_command", "metric command"}, {"metric_drop", "allowed drop"},
      {"labels", "labels"},   {"metric_confidence", "confidence"},  {"threads", "number of threads"},
      {"session", "session"}, {"concurrency", "number of callers"}, {"shape_mix", "mix of shapes"}};
  const Json& one = first.manifest().provenance;
  const Json& two = other.manifest().provenance;
  for (const auto& [key, name] : kTold) {
    const Json a = one.value(key, Json(nullptr)), b = two.value(key, Json(nullptr));
    if (a != b)
      notes.push_back(other.folder.string() + " was made with another " + name + ": " + to_text(b) + " instead of " +
                      to_text(a));
  }
}

/// The part of a variant's new name that says where it was measured.
std::string machine_name(const Variant& variant) {
  std::string name;
  for (const char c : text_of(variant.measured, "codename").empty() ? text_of(variant.measured, "processor")
                                                                    : text_of(variant.measured, "codename")) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (plain || (c >= 'A' && c <= 'Z'))
      name += plain ? c : static_cast<char>(c - 'A' + 'a');
    else if (!name.empty() && name.back() != '-')
      name += '-';
  }
  return name.substr(0, 40);
}

/// Gives each variant of an entry a name of its own.
class Names {
 public:
  std::string take(const Variant& variant) {
    constexpr std::size_t kLongest = 70;  // with the machine's name and a number it is still valid
    std::string name = variant.name;
    if (taken_.contains(name))
      if (const std::string machine = machine_name(variant); !machine.empty())
        name = name.substr(0, kLongest) + "." + machine;
    const std::string base = name.substr(0, kLongest + 41);
    for (int i = 2; !taken_.insert(name).second; ++i) name = base + "-" + std::to_string(i);
    return name;
  }

 private:
  std::set<std::string> taken_;
};

/// Merges two sequences, each in its own order.
std::vector<Variant> interleaved(std::vector<Variant> first, std::vector<Variant> second) {
  std::vector<Variant> all;
  auto a = first.begin();
  auto b = second.begin();
  while (a != first.end() || b != second.end()) {
    const bool take_second = a == first.end() || (b != second.end() && b->needs.isa.size() > a->needs.isa.size());
    all.push_back(std::move(take_second ? *b++ : *a++));
  }
  return all;
}

class Merger {
 public:
  explicit Merger(PackageWriter& writer) : writer_(writer), payloads_(writer) {}

  Result<void> add(const Source& source) {
    Merged::Part part{source.folder, {}, {}};
    for (const auto& [name, entry] : source.manifest().entries) {
      EntryPoint& target = manifest_.entries[name];
      target.signature = entry.signature;
      std::vector<Variant> variants;
      for (const Variant& variant : entry.variants) {
        SPEEDSTER_ASSIGN(Variant stored, payloads_.add(source.folder, source.manifest(), variant));
        stored.name = names_[name].take(variant);
        // A package that was merged itself says so already.
        if (!stored.measured.contains("package")) stored.measured["package"] = source.read.sha256;
        if (part.processor.empty()) part.processor = text_of(variant.measured, "processor");
        part.variants.push_back(stored.name);
        variants.push_back(std::move(stored));
      }
      target.variants = interleaved(std::move(target.variants), std::move(variants));
      if (target.samples.empty() && !entry.samples.empty()) {
        target.samples = "samples/" + name + ".safetensors";
        SPEEDSTER_TRY(copy(source, entry.samples, target.samples));
      }
    }
    SPEEDSTER_TRY(add_origins(source));
    parts_.push_back(std::move(part));
    return {};
  }

  Result<Merged> commit(const Json& provenance) {
    manifest_.speedster = SPEEDSTER_VERSION_STRING;
    manifest_.provenance = {{"model_digest", provenance["model_digest"]},
                            {"samples_digest", provenance.value("samples_digest", Json(nullptr))},
                            {"merged", std::move(origins_)}};
    Merged merged;
    SPEEDSTER_ASSIGN(merged.manifest_sha256, writer_.commit(std::move(manifest_)));
    merged.parts = std::move(parts_);
    return merged;
  }

 private:
  Result<void> copy(const Source& source, const std::string& file, const std::string& as) {
    SPEEDSTER_ASSIGN(const fs::path from, inside(source.folder, file, kWho));
    return writer_.add_file(from, as);
  }

  /// One origin for each search behind the package, which may itself be a merged one.
  Result<void> add_origins(const Source& source) {
    const Manifest& manifest = source.manifest();
    Json origins = Json::array();
    if (manifest.provenance.contains("merged")) {
      SPEEDSTER_ASSIGN(const Json* merged, json_array(manifest.provenance, "merged", kWho));
      origins = *merged;
    } else {
      origins.push_back({{"manifest_sha256", source.read.sha256},
                         {"speedster", manifest.speedster},
                         {"report", kReportFile},
                         {"provenance", manifest.provenance}});
    }
    for (Json& origin : origins) {
      if (!origin.is_object())
        return Error(ErrorKind::kCorrupt, "[merge] expected what " + source.folder.string() +
                                              " was merged from as objects, got another value");
      const std::string report = text_of(origin, "report");
      origin["report"] = nullptr;
      if (manifest.files.contains(report)) {
        const std::string place = "reports/" + std::to_string(origins_.size() + 1) + ".json";
        SPEEDSTER_TRY(copy(source, report, place));
        origin["report"] = place;
      }
      origins_.push_back(std::move(origin));
    }
    return {};
  }

  PackageWriter& writer_;
  Payloads payloads_;
  Manifest manifest_;
  Json origins_ = Json::array();
  std::map<std::string, Names> names_;
  std::vector<Merged::Part> parts_;
};

}  // namespace

Result<Merged> merge(std::span<const fs::path> packages, const fs::path& output) {
  if (packages.size() < 2)
    return Error(ErrorKind::kUsage, "[merge] expected two packages or more, got " + std::to_string(packages.size()));
  std::vector<Source> sources;
  std::uint64_t bytes = 0;
  for (const fs::path& folder : packages) {
    Source source{folder, {}};
    SPEEDSTER_ASSIGN(source.read, read_manifest(folder));
    for (const Source& other : sources)
      if (other.read.sha256 == source.read.sha256)
        return Error(ErrorKind::kUsage, "[merge] expected each package once, got " + folder.string() +
                                            " with the manifest of " + other.folder.string());
    if (!sources.empty()) SPEEDSTER_TRY(check_same(sources.front(), source));
    SPEEDSTER_TRY(check_all(folder, source.manifest()));
    for (const auto& [name, record] : source.manifest().files) bytes += record.bytes;
    sources.push_back(std::move(source));
  }
  SPEEDSTER_ASSIGN(PackageWriter writer, PackageWriter::create(output, bytes));
  Merger merger(writer);
  std::vector<std::string> notes;
  for (const Source& source : sources) {
    SPEEDSTER_TRY(merger.add(source));
    note_differences(sources.front(), source, notes);
  }
  SPEEDSTER_ASSIGN(Merged merged, merger.commit(sources.front().manifest().provenance));
  merged.notes = std::move(notes);
  return merged;
}

}  // namespace speedster::package
