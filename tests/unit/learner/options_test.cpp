#include "learner/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>

namespace speedster::learner {
namespace {

TEST(ParsePairs, KeysAndValues) {
  using Pairs = std::map<std::string, std::string, std::less<>>;
  EXPECT_EQ(parse_pairs("", "x").value(), Pairs{});
  EXPECT_EQ(parse_pairs("a=1, b = x=y ,c=", "x").value(), (Pairs{{"a", "1"}, {"b", "x=y"}, {"c", ""}}));
  for (const char* bad : {"a", "=1", "a=1,,b=2", "a=1,a=2", ","})
    EXPECT_EQ(parse_pairs(bad, "x").error().kind(), ErrorKind::kUsage) << bad;
}

TEST(FromC, NullGivesDefaults) {
  const LoadOptions options = from_c(nullptr).value();
  EXPECT_EQ(options.entry, "main");
  EXPECT_EQ(options.contexts, 1);
}

TEST(FromC, ReadsOnlyWhatTheSizeCovers) {
  speedster_load_options c{};
  c.size = offsetof(speedster_load_options, contexts);
  c.entry = "decode";
  c.threads = 3;
  c.contexts = 7;  // a caller of an older release would have other memory here
  c.require_variant = reinterpret_cast<const char*>(1);
  const LoadOptions options = from_c(&c).value();
  EXPECT_EQ(options.entry, "decode");
  EXPECT_EQ(options.threads, 3);
  EXPECT_EQ(options.contexts, 1);
  EXPECT_EQ(options.require_variant, "");
}

TEST(FromC, EveryField) {
  speedster_load_options c{};
  c.size = sizeof(c);
  c.contexts = 2;
  c.require_variant = "v";
  c.manifest_sha256 = "d";
  c.allow_code = 1;
  c.backend_path = "/p";
  c.vendor_library = "onnxruntime=/a/b.so,openvino=/c.so";
  c.options = "spinning=0";
  c.hide_isa = "avx512_vnni, avx_vnni";
  c.no_vendor_cache = 1;
  std::vector<std::string> lines;
  c.log = [](void* user, int level, const char* text) {
    static_cast<std::vector<std::string>*>(user)->push_back(std::to_string(level) + text);
  };
  c.log_user = &lines;
  const LoadOptions options = from_c(&c).value();
  EXPECT_EQ(options.contexts, 2);
  EXPECT_EQ(options.require_variant, "v");
  EXPECT_EQ(options.manifest_sha256, "d");
  EXPECT_TRUE(options.allow_code);
  EXPECT_EQ(options.backend_path, "/p");
  EXPECT_EQ(options.vendor_library.at("openvino"), "/c.so");
  EXPECT_EQ(options.options.at("spinning"), "0");
  EXPECT_EQ(options.hide_isa, (hardware::IsaSet{"avx512_vnni", "avx_vnni"}));
  EXPECT_FALSE(options.vendor_cache);
  options.log.warning("careful");
  EXPECT_EQ(lines, std::vector<std::string>{"2careful"});
}

TEST(FromC, NonsenseIsRefused) {
  speedster_load_options c{};
  EXPECT_EQ(from_c(&c).error().kind(), ErrorKind::kUsage) << "size 0";
  c.size = sizeof(c);
  c.threads = -1;
  EXPECT_EQ(from_c(&c).error().kind(), ErrorKind::kUsage);
  c.threads = 0;
  c.contexts = 1 << 30;
  EXPECT_EQ(from_c(&c).error().kind(), ErrorKind::kUsage);
  c.contexts = 0;
  c.options = "novalue";
  EXPECT_EQ(from_c(&c).error().kind(), ErrorKind::kUsage);
}

}  // namespace
}  // namespace speedster::learner
