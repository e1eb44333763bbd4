/// What the exit codes of `speedster` mean (docs/exit-codes.md).
#pragma once
#include <speedster/error.h>

#include <array>
#include <string_view>

namespace speedster::cli {

enum ExitCode : int {
  kOk = 0,
  kInternal = 1,
  kUsage = 2,
  kOriginalKept = 3,
  kBadInput = 4,
  kVendor = 5,
  kTime = 6,
  kCancelled = 7,
  kSystem = 8,
};

struct ExitCodeRow {
  ExitCode code;
  const char* name;
  const char* meaning;
};

inline constexpr std::array<ExitCodeRow, 9> kExitCodes = {{
    {kOk, "ok", "it was done"},
    {kInternal, "internal", "a defect of Speedster"},
    {kUsage, "usage", "wrong options or arguments"},
    {kOriginalKept, "original kept", "nothing that qualified is faster: the package holds the original"},
    {kBadInput, "bad input", "a model, samples, labels or package that cannot be used, or that changed"},
    {kVendor, "vendor", "a vendor's library is missing, failed or crashed"},
    {kTime, "time", "a time limit passed before there was a result"},
    {kCancelled, "cancelled", "interrupted"},
    {kSystem, "system", "no memory, no space on disk or no permission"},
}};

constexpr ExitCode exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage: return kUsage;
    case ErrorKind::kBadInput:
    case ErrorKind::kNotFound:
    case ErrorKind::kVersion:
    case ErrorKind::kCorrupt: return kBadInput;
    case ErrorKind::kUnsupported:
    case ErrorKind::kVendor:
    case ErrorKind::kCrashed: return kVendor;
    case ErrorKind::kTimeout: return kTime;
    case ErrorKind::kCancelled: return kCancelled;
    case ErrorKind::kOutOfMemory:
    case ErrorKind::kNoSpace:
    case ErrorKind::kPermission: return kSystem;
    case ErrorKind::kInternal: return kInternal;
  }
  return kInternal;
}

/// The code of a search's outcome.
constexpr ExitCode exit_code(std::string_view outcome) {
  if (outcome == "optimized") return kOk;
  if (outcome == "original kept") return kOriginalKept;
  if (outcome == "cancelled") return kCancelled;
  if (outcome == "time") return kTime;
  return kInternal;
}

}  // namespace speedster::cli
