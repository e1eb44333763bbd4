// check_json SCHEMA FILE…: whether each file holds the schema; a key that the schema does not describe is wrong.
#include <iostream>

#include "base/files.h"
#include "support/json_schema.h"

int main(int argc, char** argv) {
  using namespace speedster;
  constexpr std::uint64_t kMostBytes = std::uint64_t{64} << 20U;
  if (argc < 3) {
    std::cerr << "usage: check_json SCHEMA FILE...\n";
    return 2;
  }
  const auto load = [](const char* path) -> Result<Json> {
    SPEEDSTER_ASSIGN(const std::string text, read_file(path, kMostBytes));
    return parse_json(text, path);
  };
  const Result<Json> schema = load(argv[1]);
  if (!schema) {
    std::cerr << schema.error().full_message() << "\n";
    return 2;
  }
  int status = 0;
  for (int i = 2; i < argc; ++i) {
    const Result<Json> json = load(argv[i]);
    const std::optional<std::string> wrong =
        json ? test::JsonSchema(*schema, /*closed=*/true).check(*json) : json.error().full_message();
    if (wrong) {
      std::cerr << argv[i] << ": " << *wrong << "\n";
      status = 1;
    }
  }
  return status;
}
