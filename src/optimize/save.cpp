#include "optimize/save.h"

#include <speedster/version.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/text.h"
#include "package/payloads.h"
#include "package/samples.h"
#include "package/writer.h"
#include "tensor/copy.h"

namespace speedster::saving {
namespace {

using search::Candidate;

constexpr const char* kWho = "save";

Json figure(const std::optional<Figure>& value) {
  if (!value) return nullptr;
  Json json = {{"value", json_from_number(value->value)}};
  if (value->low) json["low"] = json_from_number(*value->low);
  if (value->high) json["high"] = json_from_number(*value->high);
  return json;
}

/// `sample_l2`: the largest relative L2 of a sample, for what `verify` accepts.
Json measured(const search::Session& session, const CandidateRow& row, double sample_l2) {
  return {{"fingerprint", session.fingerprint},
          {"processor", session.machine.model},
          {"codename", session.machine.codename},
          {"vendor_version", row.backend_version},
          {"latency_seconds", figure(row.latency_median)},
          {"speedup", figure(row.speedup)},
          {"drop", figure(row.drop)},
          {"sample_relative_l2", json_from_number(sample_l2)},
          {"peak_memory_bytes", row.peak_memory_bytes},
          {"threads", row.threads}};
}

Result<void> add_samples(package::PackageWriter& writer, const search::Session& session, search::Outcome& outcome,
                         package::EntryPoint& entry) {
  if (outcome.expected.empty()) return {};
  std::vector<package::SampleToPack> samples;
  for (search::ExpectedSample& expected : outcome.expected) {
    package::SampleToPack sample;
    SPEEDSTER_ASSIGN(const auto inputs, session.store.sample(expected.sample));
    for (std::size_t i = 0; i < inputs.size(); ++i)
      sample.inputs.push_back({session.signature.inputs[i].name, copy_of(inputs[i])});
    for (std::size_t i = 0; i < expected.outputs.size(); ++i)
      sample.outputs.push_back({session.signature.outputs[i].name, std::move(expected.outputs[i])});
    samples.push_back(std::move(sample));
  }
  const fs::path file = session.work / "samples.safetensors";
  SPEEDSTER_TRY(package::write_samples(file, samples));
  entry.samples = "samples/main.safetensors";
  return writer.add_file(file, entry.samples);
}

}  // namespace

Result<void> save(search::Session& session, search::Outcome& outcome) {
  std::uint64_t expected_bytes = outcome.original.row.model_bytes + (std::uint64_t{16} << 20U);
  for (const std::size_t index : outcome.variants) expected_bytes += outcome.candidates[index].row.model_bytes;
  SPEEDSTER_ASSIGN(package::PackageWriter writer,
                   package::PackageWriter::create(session.request->output, expected_bytes));
  SPEEDSTER_TRY(session.supervisor->remove_at_end(writer.staging()));  // it has another name once it is complete
  package::Payloads payloads(writer);

  package::Manifest manifest;
  manifest.speedster = SPEEDSTER_VERSION_STRING;
  package::EntryPoint entry;
  entry.signature = session.signature;
  auto add = [&](const Candidate& candidate, const CandidateRow& row) -> Result<void> {
    SPEEDSTER_ASSIGN(const package::LoadedManifest draft, package::read_manifest(candidate.package));
    SPEEDSTER_ASSIGN(package::Variant variant, payloads.add(candidate.package, draft.manifest, candidate.variant));
    variant.precision = row.ran_precision;
    variant.needs.memory_bytes = row.peak_memory_bytes;
    if (&candidate != &outcome.original)  // the last resort everywhere
      for (const std::string& isa : search::needed_isa(candidate.recipe, session.machine, row.ran_precision))
        variant.needs.isa.insert(isa);
    const auto& drop = candidate.judged ? candidate.judged : candidate.searched;
    variant.measured = measured(session, row, drop ? drop->largest_l2 : 0);
    entry.variants.push_back(std::move(variant));
    return {};
  };
  for (const std::size_t index : outcome.variants)
    SPEEDSTER_TRY(add(outcome.candidates[index], outcome.candidates[index].row));
  SPEEDSTER_TRY(add(outcome.original, outcome.report.original));
  SPEEDSTER_TRY(add_samples(writer, session, outcome, entry));
  manifest.entries["main"] = std::move(entry);
  SPEEDSTER_ASSIGN(manifest.provenance, parse_json(outcome.report.provenance_json, kWho));
  manifest.provenance["created"] = utc_now();
  outcome.report.package = session.request->output;
  SPEEDSTER_TRY(writer.add_text(report_json(outcome.report), package::kReportFile));
  SPEEDSTER_TRY(writer.add_text(report_html(outcome.report), "report.html"));
  SPEEDSTER_ASSIGN(outcome.report.manifest_sha256, writer.commit(std::move(manifest)));
  return {};
}

}  // namespace speedster::saving
