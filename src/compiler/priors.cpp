#include "compiler/priors.h"

#include <algorithm>
#include <cmath>

#include "compiler/priors_text.h"

namespace speedster::compiler {
namespace {

constexpr const char* kWho = "priors";
constexpr double kCostOfMaking = 0.15;

Error refuse(std::size_t row, const std::string& expected, const std::string& got) {
  return {ErrorKind::kBadInput, "[priors] expected " + expected + " in row " + std::to_string(row + 1) + ", got " +
                                    got + "; try share/speedster/priors.json as a model"};
}

bool has(const hardware::Machine& machine, const std::string& isa) {
  return isa == "vnni" ? machine.has_vnni() : isa == "bf16" ? machine.has_bf16() : machine.has_fp16();
}

Result<Prior> row_from_json(const Json& json, std::size_t index) {
  if (!json.is_object()) return refuse(index, "an object", json.type_name());
  Prior prior;
  SPEEDSTER_ASSIGN(prior.candidate, json_string(json, "candidate", kWho));
  if (json.contains("isa")) {
    SPEEDSTER_ASSIGN(prior.isa, json_strings(json, "isa", kWho));
  }
  for (const std::string& isa : prior.isa)
    if (isa != "vnni" && isa != "bf16" && isa != "fp16")
      return refuse(index, "isa vnni, bf16 or fp16", "\"" + isa + "\"");
  if (json.contains("family")) {
    SPEEDSTER_ASSIGN(prior.family, json_string(json, "family", kWho));
    if (prior.family != "convolutional" && prior.family != "products")
      return refuse(index, "the family convolutional or products", "\"" + prior.family + "\"");
  }
  SPEEDSTER_ASSIGN(prior.expected, json_number(json, "expected", kWho));
  if (!std::isfinite(prior.expected) || prior.expected <= 0)
    return refuse(index, "a positive number under \"expected\"", json["expected"].dump());
  if (json.contains("make")) {
    SPEEDSTER_ASSIGN(const std::int64_t make, json_int(json, "make", kWho));
    if (make < 0 || make > 3) return refuse(index, "\"make\" of 0 to 3", std::to_string(make));
    prior.make = static_cast<int>(make);
  }
  return prior;
}

}  // namespace

Result<std::vector<Prior>> read_priors(const std::string& text) {
  const auto json = parse_json(text, kWho);
  if (!json.ok()) return Error(ErrorKind::kBadInput, json.error().full_message());
  const auto rows = json_array(*json, "rows", kWho);
  if (!rows.ok())
    return Error(ErrorKind::kBadInput, rows.error().message() + "; try share/speedster/priors.json as a model");
  std::vector<Prior> priors;
  for (const Json& item : **rows) {
    auto prior = row_from_json(item, priors.size());
    if (!prior.ok())
      return Error(ErrorKind::kBadInput, "[priors] expected row " + std::to_string(priors.size() + 1) +
                                             " to have a candidate and what is expected: " + prior.error().message());
    priors.push_back(*std::move(prior));
  }
  return priors;
}

const std::vector<Prior>& default_priors() {
  // The text is in our hands and tested; without it every candidate has the same rank.
  static const std::vector<Prior> kPriors = [] {
    auto priors = read_priors(std::string(kPriorsText));
    return priors.ok() ? *std::move(priors) : std::vector<Prior>();
  }();
  return kPriors;
}

std::string_view family_of(const ModelFacts& model) {
  const auto count = [&](const char* op) {
    const auto found = model.operators.find(op);
    return found == model.operators.end() ? std::size_t{0} : found->second;
  };
  return count("Conv") > count("MatMul") + count("Gemm") ? "convolutional" : "products";
}

const Prior* prior_of(const std::vector<Prior>& priors, const std::string& candidate, const hardware::Machine& machine,
                      std::string_view family) {
  const auto fits = [&](const Prior& prior) {
    return matches_any({prior.candidate}, candidate) && (prior.family.empty() || prior.family == family) &&
           std::ranges::all_of(prior.isa, [&](const std::string& isa) { return has(machine, isa); });
  };
  const auto found = std::ranges::find_if(priors, fits);
  return found == priors.end() ? nullptr : &*found;
}

double rank_of(const Prior* prior) { return prior ? prior->expected * (1 + kCostOfMaking * prior->make) : 1; }

}  // namespace speedster::compiler
