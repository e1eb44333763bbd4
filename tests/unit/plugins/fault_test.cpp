#include "support/fault.h"

#include <stdlib.h>

#include "unit/plugins/folder.h"

namespace speedster::plugin {
namespace {

/// Code of the failure at a point under a setting.
int fault(const char* setting, const char* who, const char* point) {
  ::setenv("SPEEDSTER_TEST_FAULT", setting, 1);
  const int code = failure_code([&] { test_fault(who, point); });
  ::unsetenv("SPEEDSTER_TEST_FAULT");
  return code;
}

TEST(Fault, MeetsItsPlugInAndPointAlone) {
  EXPECT_EQ(fault("onnxruntime:error@execute", "onnxruntime", "execute"), SP_VENDOR);
  EXPECT_EQ(fault("onnxruntime:error@execute", "onnxruntime", "load"), 0);
  EXPECT_EQ(fault("onnxruntime:error@execute", "openvino", "execute"), 0);
}

TEST(Fault, HasDefaults) {
  EXPECT_EQ(fault("error", "openvino", "load"), SP_VENDOR);
  EXPECT_EQ(fault("error", "openvino", "execute"), 0);
  EXPECT_EQ(fault("error@stats", "openvino", "stats"), SP_VENDOR);
}

TEST(Fault, TakesSeveral) {
  EXPECT_EQ(fault("onnxruntime:error@load,openvino:error@probe", "openvino", "probe"), SP_VENDOR);
  EXPECT_EQ(fault("onnxruntime:error@load,openvino:error@probe", "onnxruntime", "load"), SP_VENDOR);
}

TEST(Fault, IsNothingUnlessAskedFor) {
  EXPECT_EQ(failure_code([] { test_fault("openvino", "load"); }), 0);
}

TEST(FaultDeathTest, CrashesAndAborts) {
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(
      {
        ::signal(SIGSEGV, SIG_DFL);
        fault("crash", "openvino", "load");
      },
      ::testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EXIT(
      {
        ::signal(SIGABRT, SIG_DFL);
        fault("abort", "openvino", "load");
      },
      ::testing::KilledBySignal(SIGABRT), "");
}

}  // namespace
}  // namespace speedster::plugin
