#include "base/json.h"

#include <gtest/gtest.h>

#include <limits>

namespace speedster {
namespace {

TEST(JsonText, RefusesMalformedDeepAndDoubled) {
  EXPECT_FALSE(parse_json("{", "test").ok());
  EXPECT_FALSE(parse_json(R"({"a":1,"a":2})", "test").ok());
  EXPECT_FALSE(parse_json(std::string(100000, '['), "test").ok());
  EXPECT_TRUE(parse_json(R"({"a":{"a":"[[[["}})", "test").ok());
}

TEST(JsonText, KeepsTheOrderOfKeys) {
  EXPECT_EQ(to_text(parse_json(R"({"z":1,"a":2})", "test").value()), R"({"z":1,"a":2})");
}

TEST(JsonText, TypedLookUpsNameTheKey) {
  const Json json =
      parse_json(R"({"s":"x","i":3,"d":1.5,"b":true,"l":["a"],"mixed":["a",1],"big":18446744073709551615})", "t")
          .value();
  EXPECT_EQ(json_string(json, "s", "t").value(), "x");
  EXPECT_EQ(json_int(json, "i", "t").value(), 3);
  EXPECT_EQ(json_number(json, "d", "t").value(), 1.5);
  EXPECT_TRUE(json_bool(json, "b", "t").value());
  EXPECT_EQ(json_strings(json, "l", "t").value(), std::vector<std::string>{"a"});
  EXPECT_FALSE(json_strings(json, "mixed", "t").ok());
  EXPECT_FALSE(json_int(json, "big", "t").ok());
  EXPECT_FALSE(json_int(json, "d", "t").ok());
  EXPECT_NE(json_string(json, "none", "t").error().message().find("\"none\""), std::string::npos);
}

TEST(JsonText, NumbersThatJsonCannotSayBecomeNull) {
  EXPECT_TRUE(json_from_number(std::numeric_limits<double>::quiet_NaN()).is_null());
  EXPECT_EQ(json_from_number(2.0).get<double>(), 2.0);
}

TEST(JsonText, InvalidUtf8IsReplaced) { EXPECT_EQ(to_text(Json("a\xff")), "\"a\xEF\xBF\xBD\""); }

}  // namespace
}  // namespace speedster
