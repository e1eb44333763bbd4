#include "search/tune.h"

#include <gmock/gmock.h>

namespace speedster::search {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Tune, FewerThreadsThanTheSearchHas) {
  EXPECT_THAT(fewer_threads(1, 1), IsEmpty());
  EXPECT_THAT(fewer_threads(2, 1), ElementsAre(1));
  EXPECT_THAT(fewer_threads(3, 1), ElementsAre(1));
  EXPECT_THAT(fewer_threads(8, 1), ElementsAre(1, 4));
}

TEST(Tune, CallersAtOnceShareTheCores) {
  EXPECT_THAT(fewer_threads(16, 4), ElementsAre(1, 4, 8));
  EXPECT_THAT(fewer_threads(8, 16), ElementsAre(1, 4)) << "more callers than cores";
}

std::vector<std::string> suffixes(int threads, int concurrency, const std::set<std::string>& known,
                                  const std::map<std::string, std::string>& fixed = {}) {
  std::vector<std::string> names;
  for (const Setting& setting : other_settings(threads, concurrency, known, fixed)) names.push_back(setting.suffix);
  return names;
}

TEST(Tune, SettingsAreThoseOfTheBackendThatTheUserLeftOpen) {
  const std::set<std::string> onnxruntime{"threads", "inter_threads"}, openvino{"threads", "streams"};
  EXPECT_THAT(suffixes(4, 1, onnxruntime), ElementsAre("1t", "2t", "inter2"));
  EXPECT_THAT(suffixes(4, 1, onnxruntime, {{"inter_threads", "1"}}), ElementsAre("1t", "2t"));
  EXPECT_THAT(suffixes(1, 1, onnxruntime), IsEmpty());
  EXPECT_THAT(suffixes(4, 1, openvino), ElementsAre("1t", "2t")) << "one caller has one stream";
  EXPECT_THAT(suffixes(4, 2, openvino), ElementsAre("1t", "2t", "1streams", "4streams"));
  EXPECT_THAT(suffixes(2, 4, openvino), ElementsAre("1t", "1streams")) << "two are what it has anyway";
  EXPECT_THAT(suffixes(4, 2, openvino, {{"streams", "2"}}), ElementsAre("1t", "2t"));
  const Setting side_by_side = other_settings(4, 1, onnxruntime, {}).back();
  EXPECT_EQ(side_by_side.threads, 2) << "two nodes at once on the cores of one";
  EXPECT_EQ(side_by_side.options.at("inter_threads"), "2");
}

TEST(Tune, ARecipeThatNamesItsThreadsKeepsThem) {
  OptimizeRequest request;
  Session session;
  session.request = &request;
  session.threads = 8;
  session.machine.usable_cores = 8;
  compiler::Recipe recipe;
  EXPECT_EQ(session.threads_of(recipe), 8);
  recipe.threads = 2;
  EXPECT_EQ(session.threads_of(recipe), 2);
  session.machine.usable_cores = 1;
  EXPECT_EQ(session.threads_of(recipe), 1) << "repeated on a smaller machine";
}

}  // namespace
}  // namespace speedster::search
