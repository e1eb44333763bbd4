#include "model/signature.h"

#include <gtest/gtest.h>

namespace speedster {
namespace {

Signature example() {
  Signature s;
  s.inputs.push_back({"images", DType::kFloat32, {{-1, "batch", 1, 2, 8}, {3}, {48}, {-1, {}, {}, {}, {}}}, false});
  s.inputs.push_back({"scalar", DType::kInt64, {}, false});
  s.outputs.push_back({"any", DType::kBool, {}, true});
  return s;
}

TEST(Signature, RoundTrip) { EXPECT_EQ(signature_from_json(to_json(example()), "test").value(), example()); }

TEST(Signature, LookUpAndDescribe) {
  const Signature s = example();
  EXPECT_EQ(describe(*s.input("images")), "images float32 [batch, 3, 48, ?]");
  EXPECT_EQ(s.input("images")->shape(), (Shape{-1, 3, 48, -1}));
  EXPECT_EQ(describe(*s.output("any")), "any bool […]");
  EXPECT_EQ(s.input("none"), nullptr);
}

TEST(Signature, RefusesHostileJson) {
  for (const char* text : {R"({"inputs":[]})", R"({"inputs":[{"name":"a"}],"outputs":[]})",
                           R"({"inputs":[{"name":"a","dtype":"float99","shape":[]}],"outputs":[]})",
                           R"({"inputs":[{"name":"a","dtype":"float32","shape":[-2]}],"outputs":[]})",
                           R"({"inputs":[{"name":"a","dtype":"float32","shape":["x"]}],"outputs":[]})",
                           R"({"inputs":[{"name":"a","dtype":"float32","shape":[{"min":-1}]}],"outputs":[]})"})
    EXPECT_FALSE(signature_from_json(parse_json(text, "t").value(), "t").ok()) << text;
  Json deep = {{"inputs", Json::array()}, {"outputs", Json::array()}};
  deep["inputs"].push_back({{"name", "a"}, {"dtype", "int8"}, {"shape", Json(std::vector<int>(33, 1))}});
  EXPECT_FALSE(signature_from_json(deep, "t").ok());
}

}  // namespace
}  // namespace speedster
