#include "tensor/safetensors_appender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/files.h"
#include "tensor/safetensors.h"

namespace speedster {
namespace {

TEST(SafetensorsAppenderTest, TensorsOneAfterAnother) {
  auto folder = TempDir::create("appender");
  ASSERT_TRUE(folder.ok());
  const fs::path path = folder->path() / "a.safetensors";
  auto appender = SafetensorsAppender::create(path);
  ASSERT_TRUE(appender.ok());
  for (int i = 0; i < 100; ++i) {
    Tensor tensor(DType::kInt32, {i});
    std::ranges::fill(tensor.as<std::int32_t>(), i);
    ASSERT_TRUE(appender->add("x." + std::to_string(i), tensor.view()).ok());
  }
  EXPECT_EQ(appender->bytes(), 4U * 99 * 100 / 2);
  EXPECT_FALSE(fs::exists(path));
  ASSERT_TRUE(appender->finish().ok());
  auto file = SafetensorsFile::open(path);
  ASSERT_TRUE(file.ok()) << file.error().full_message();
  EXPECT_EQ(file->names().size(), 100U);
  EXPECT_THAT(file->tensor("x.3")->as<std::int32_t>(), testing::ElementsAre(3, 3, 3));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder->path()), {}), 1) << "the spool is gone";
}

TEST(SafetensorsAppenderTest, Refusals) {
  auto folder = TempDir::create("appender");
  ASSERT_TRUE(folder.ok());
  EXPECT_EQ(SafetensorsAppender::create(folder->path() / "none" / "a").error().kind(), ErrorKind::kNotFound);
  auto appender = SafetensorsAppender::create(folder->path() / "a");
  const Tensor tensor(DType::kInt32, {1});
  ASSERT_TRUE(appender->add("x", tensor.view()).ok());
  ASSERT_TRUE(appender->add("x", tensor.view()).ok());
  EXPECT_EQ(appender->finish().error().kind(), ErrorKind::kUsage) << "a name twice";
}

}  // namespace
}  // namespace speedster
