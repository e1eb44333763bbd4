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
