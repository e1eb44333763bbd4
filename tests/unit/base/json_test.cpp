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

std::string object_of(int members) {
  std::string text = "{";
  for (int i = 0; i < members; ++i) text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
  return text + "}";
}

TEST(JsonText, AnObjectOfAMillionMembersIsRefusedAtOnce) {
  const auto refused = parse_json(object_of(1'000'000), "test");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind(), ErrorKind::kCorrupt);
  EXPECT_NE(refused.error().message().find("at most 65536 members, got 1000000"), std::string::npos)
      << refused.error().message();
  EXPECT_FALSE(parse_json("[[" + object_of(65'537) + "]]", "test").ok());
  EXPECT_TRUE(
      parse_json("[" + object_of(1000) + "," + object_of(1000) + R"(,{"a":"::::","b":{"c":":"}}])", "test").ok());
  EXPECT_EQ(parse_json(object_of(65'536), "test").value().size(), 65'536U);  // minutes, if each key were looked for
  EXPECT_FALSE(parse_json("}}]]:::" + object_of(3), "test").ok());
}

TEST(JsonText, EveryKindOfValueAtItsPlace) {
  for (const char* text :
       {"null", "true", "-3", "18446744073709551615", "0.5", "\"x\"", "[]", "{}",
        R"({"a":[1,[2,{"b":null}],{}],"c":{"d":{"e":"f"},"g":[[]]},"":false})", R"([[{"a":1},{"a":2}],"x"])"})
    EXPECT_EQ(to_text(parse_json(text, "test").value()), text);
  for (const char* text : {"", " ", "1 2", "{} x", "[1,]", R"({"a"})", R"({"a":1,})", "1e999", R"({"":1,"":2})", "nul"})
    EXPECT_FALSE(parse_json(text, "test").ok()) << text;
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
