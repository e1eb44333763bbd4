#include "search/journal.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/files.h"

namespace speedster::search {
namespace {

class JournalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::create("speedster-journal-");
    ASSERT_TRUE(folder.ok());
    folder_.emplace(std::move(*folder));
  }
  Journal open(const std::string& key = "key") const {
    auto journal = Journal::open(folder_->path(), key);
    if (!journal.ok()) throw std::runtime_error(journal.error().full_message());
    return *std::move(journal);
  }
  std::optional<TempDir> folder_;
};

TEST_F(JournalTest, RemembersTheLastOfEachKindAndSubject) {
  Journal journal = open();
  ASSERT_TRUE(journal.record("checked", "a", {{"drop", 1}}).ok());
  ASSERT_TRUE(journal.record("checked", "a", {{"drop", 2}}).ok());
  ASSERT_TRUE(journal.record("race", "a", 3).ok());
  const Journal again = open();
  EXPECT_EQ((*again.find("checked", "a"))["drop"], 2);
  EXPECT_EQ(*again.find("race", "a"), 3);
  EXPECT_FALSE(again.find("checked", "b").has_value());
  EXPECT_FALSE(open("other").find("checked", "a").has_value());
}

TEST_F(JournalTest, ThoseOpenedLongestAgoGo) {
  for (std::size_t i = 0; i <= Journal::kMostKept; ++i) {
    Journal journal = open("key" + std::to_string(i));
    ASSERT_TRUE(journal.record("checked", "a", i).ok());
    fs::last_write_time(journal.directory(), fs::file_time_type::clock::now() - std::chrono::hours(1000 - i));
  }
  EXPECT_FALSE(fs::exists(folder_->path() / "key0"));
  EXPECT_TRUE(fs::exists(folder_->path() / "key1"));
  open("key1");
  open("new");
  EXPECT_TRUE(fs::exists(folder_->path() / "key1"));
  EXPECT_FALSE(fs::exists(folder_->path() / "key2"));
}

TEST_F(JournalTest, ALineThatWasChangedIsPassedOver) {
  Journal journal = open();
  ASSERT_TRUE(journal.record("tail", "a", {1.5, 2.5, 1e-9}).ok());
  ASSERT_TRUE(journal.record("tail", "b", {0.1}).ok());
  const fs::path file = journal.directory() / "journal.jsonl";
  std::string text = *read_file(file);
  text.replace(text.find("2.5"), 3, "[] ");
  ASSERT_TRUE(write_file(file, text).ok());
  const Journal after = open();
  EXPECT_FALSE(after.find("tail", "a").has_value());
  EXPECT_EQ(*after.find("tail", "b"), Json({0.1}));
}

TEST_F(JournalTest, ALineThatACrashCutOffIsPassedOver) {
  Journal journal = open();
  ASSERT_TRUE(journal.record("checked", "a", 1).ok());
  std::ofstream(journal.directory() / "journal.jsonl", std::ios::app) << R"({"event": "checked", "subj)";
  Journal after = open();
  EXPECT_EQ(*after.find("checked", "a"), 1);
  ASSERT_TRUE(after.record("checked", "b", 2).ok());
  EXPECT_EQ(*open().find("checked", "b"), 2);
}

TEST_F(JournalTest, RubbishIsNoJournal) {
  std::filesystem::create_directories(folder_->path() / "key");
  std::ofstream(folder_->path() / "key/journal.jsonl") << "[1]\nnull\n\"x\"\n{\"event\": 3}\n";
  EXPECT_FALSE(open().find("checked", "a").has_value());
}

TEST(JournalWithoutARoot, KeepsNothing) {
  auto journal = Journal::open({}, "key");
  ASSERT_TRUE(journal.ok());
  ASSERT_TRUE(journal->record("checked", "a", 1).ok());
  EXPECT_EQ(*journal->find("checked", "a"), 1) << "this search remembers";
  EXPECT_TRUE(journal->directory().empty());
}

}  // namespace
}  // namespace speedster::search
