/// The options of a plug-in: one table that is at once the schema in `describe` and the parser of key/value strings.
#pragma once
#include <speedster/backend.h>

#include <charconv>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "support/error.h"
#include "support/json.h"

namespace speedster::plugin {

/// Where an option is accepted; several may be or-ed.
enum Scope : unsigned { kOpen = 1, kLoad = 2, kCompile = 4, kContext = 8 };

enum class OptionType { kInt, kFloat, kBool, kString, kEnum };

struct OptionSpec {
  std::string key;
  OptionType type = OptionType::kString;
  unsigned scope = kLoad;
  std::string fallback;  ///< the value where none is given, as text; "" for a string means unset
  std::string help;      ///< one line
  bool changes_numbers = false;
  std::vector<std::string> values = {};  ///< of an enum
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool caller_only = false;  ///< names a file or folder of the machine: not for a package to choose
};

/// The option, for who loads a package alone.
inline OptionSpec caller_only(OptionSpec spec) {
  spec.caller_only = true;
  return spec;
}

namespace detail {

inline const char* type_name(OptionType type) {
  switch (type) {
    case OptionType::kInt: return "int";
    case OptionType::kFloat: return "float";
    case OptionType::kBool: return "bool";
    case OptionType::kEnum: return "enum";
    case OptionType::kString: break;
  }
  return "string";
}

inline std::string scope_names(unsigned scope) {
  std::string names;
  for (const auto& [bit, name] :
       {std::pair{kOpen, "open"}, {kLoad, "load"}, {kCompile, "compile"}, {kContext, "context"}}) {
    if (scope & bit) names += (names.empty() ? "" : ",") + std::string(name);
  }
  return names;
}

template <typename T>
bool parse_all(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

template <typename Range>
std::string join(const Range& parts) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : ", ") + std::string(part);
  return text;
}

}  // namespace detail

/// Parsed options; every key that the scope knows has a value.
class OptionValues {
 public:
  const std::string& text(const std::string& key) const { return values_.at(key); }
  std::int64_t integer(const std::string& key) const {
    std::int64_t value = 0;
    detail::parse_all(text(key), value);
    return value;
  }
  double number(const std::string& key) const {
    double value = 0;
    detail::parse_all(text(key), value);
    return value;
  }
  bool flag(const std::string& key) const { return text(key) == "1" || text(key) == "true"; }
  /// Given by the caller, not defaulted.
  bool given(const std::string& key) const {
    const auto found = given_.find(key);
    return found != given_.end() && found->second;
  }

 private:
  friend class OptionTable;
  std::map<std::string, std::string> values_;
  std::map<std::string, bool> given_;
};

/// All options of one plug-in.
class OptionTable {
 public:
  OptionTable(std::string who, std::vector<OptionSpec> specs) : who_(std::move(who)), specs_(std::move(specs)) {}

  /// Checks keys, types, values and ranges. SP_INVALID: an unknown key (the message lists the known), a bad value.
  /// A key given twice keeps its last value. NULL options are none.
  OptionValues parse(const sp_options* options, Scope scope) const {
    OptionValues parsed;
    for (const auto& spec : specs_) {
      if (spec.scope & scope) parsed.values_[spec.key] = spec.fallback;
    }
    for (std::size_t i = 0; options != nullptr && i < options->count; ++i) {
      const sp_kv& kv = options->items[i];
      require(kv.key, who_.c_str(), "an option's key");
      require(kv.value, who_.c_str(), "an option's value");
      const OptionSpec& spec = known(kv.key, scope);
      check(spec, kv.value);
      parsed.values_[spec.key] = kv.value;
      parsed.given_[spec.key] = true;
    }
    return parsed;
  }

  /// The member "options" of describe.
  void describe(JsonWriter& json) const {
    json.object("options");
    for (const auto& spec : specs_) {
      json.object(spec.key).field("type", std::string_view(detail::type_name(spec.type)));
      if (!spec.values.empty()) {
        json.array("values");
        for (const auto& value : spec.values) json.item(std::string_view(value));
        json.end();
      }
      if (spec.fallback.empty()) {
        json.field("default", nullptr);
      } else if (spec.type == OptionType::kInt || spec.type == OptionType::kFloat) {
        json.raw_field("default", spec.fallback);
      } else if (spec.type == OptionType::kBool) {
        json.field("default", spec.fallback == "1" || spec.fallback == "true");
      } else {
        json.field("default", std::string_view(spec.fallback));
      }
      json.field("scope", std::string_view(detail::scope_names(spec.scope)))
          .field("changes_numbers", spec.changes_numbers);
      if (spec.caller_only) json.field("caller_only", true);
      json.field("help", std::string_view(spec.help)).end();
    }
    json.end();
  }

 private:
  const OptionSpec& known(std::string_view key, Scope scope) const {
    std::vector<std::string> names;
    for (const auto& spec : specs_) {
      if (!(spec.scope & scope)) continue;
      if (spec.key == key) return spec;
      names.push_back(spec.key);
    }
    throw Failure(SP_INVALID, "[" + who_ + "] expected an option of " + detail::scope_names(scope) + ", got '" +
                                  std::string(key) + "'; try one of " + detail::join(names));
  }

  void check(const OptionSpec& spec, std::string_view value) const {
    const auto bad = [&](const std::string& expected) {
      throw Failure(SP_INVALID, "[" + who_ + "] expected " + expected + " for option '" + spec.key + "', got '" +
                                    std::string(value) + "'");
    };
    const auto in_range = [&](double number) { return number >= spec.min && number <= spec.max; };
    switch (spec.type) {
      case OptionType::kInt: {
        std::int64_t number = 0;
        if (!detail::parse_all(value, number) || !in_range(static_cast<double>(number)))
          bad(range_text(spec, "an integer"));
        break;
      }
      case OptionType::kFloat: {
        double number = 0;
        if (!detail::parse_all(value, number) || !in_range(number)) bad(range_text(spec, "a number"));
        break;
      }
      case OptionType::kBool:
        if (value != "0" && value != "1" && value != "true" && value != "false") bad("one of 0, 1, true, false");
        break;
      case OptionType::kEnum:
        for (const auto& allowed : spec.values) {
          if (allowed == value) return;
        }
        bad("one of " + detail::join(spec.values));
        break;
      case OptionType::kString: break;
    }
  }

  static std::string range_text(const OptionSpec& spec, const char* noun) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const auto text = [](double value) {
      char buffer[40];
      return std::string(buffer, std::to_chars(buffer, buffer + sizeof(buffer), value).ptr);
    };
    std::string out = noun;
    if (spec.min != -kInfinity) out += " of at least " + text(spec.min);
    if (spec.max != kInfinity)
      out += (spec.min != -kInfinity ? " and" : " of") + std::string(" at most ") + text(spec.max);
    return out;
  }

  std::string who_;
  std::vector<OptionSpec> specs_;
};

/// What every plug-in accepts at load: threads, precision (only those it has), contexts. `own_threads`: 0 threads stand
/// for the vendor's own number.
inline std::vector<OptionSpec> common_load_options(std::vector<std::string> precisions, bool own_threads = false) {
  const char* help = own_threads ? "threads of one execution; 0: the vendor's own number" : "threads of one execution";
  return {
      {"threads", OptionType::kInt, kLoad, "1", help, false, {}, own_threads ? 0.0 : 1.0, 4096},
      {"precision", OptionType::kEnum, kLoad, "fp32", "inference precision of floating-point nodes", true,
       std::move(precisions)},
      {"contexts", OptionType::kInt, kLoad, "1", "callers to provide for", false, {}, 1, 65536},
  };
}

}  // namespace speedster::plugin
