#include "reference/behaviour.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "reference/options.h"

namespace speedster::reference {
namespace {

plugin::OptionValues options(const std::vector<std::pair<std::string, std::string>>& given) {
  std::vector<sp_kv> items;
  for (const auto& [key, value] : given) items.push_back({key.c_str(), value.c_str()});
  const sp_options list{items.data(), items.size()};
  return option_table().parse(&list, plugin::kLoad);
}

struct Moments {
  double mean = 0, deviation = 0;
};
/// Of the logarithms.
Moments log_moments(const std::vector<double>& values) {
  Moments m;
  for (const double v : values) m.mean += std::log(v) / static_cast<double>(values.size());
  for (const double v : values)
    m.deviation += std::pow(std::log(v) - m.mean, 2) / static_cast<double>(values.size() - 1);
  m.deviation = std::sqrt(m.deviation);
  return m;
}

TEST(Delay, IsWhatWasAskedFor) {
  Delay none(options({})), plain(options({{"delay_us", "250"}, {"delay_scale", "2"}})),
      sized(options({{"delay_element_ns", "10"}}));
  EXPECT_EQ(none.next(1000), 0);
  EXPECT_DOUBLE_EQ(plain.next(1000), 500e-6);
  EXPECT_DOUBLE_EQ(sized.next(1000), 10e-6);
}

TEST(Delay, NoiseBetweenCallsIsLognormal) {
  Delay delay(options({{"delay_us", "1000"}, {"noise_call", "0.2"}, {"noise_seed", "7"}}));
  std::vector<double> values;
  for (int i = 0; i < 4000; ++i) values.push_back(delay.next(0));
  const Moments m = log_moments(values);
  EXPECT_NEAR(m.mean, std::log(1e-3), 0.02);
  EXPECT_NEAR(m.deviation, 0.2, 0.02);
}

TEST(Delay, NoiseBetweenBlocksNeedsAPause) {
  Delay delay(options({{"delay_us", "1000"}, {"noise_block", "0.3"}, {"noise_seed", "7"}}));
  const double first = delay.next(0);
  for (int i = 0; i < 10; ++i) {
    delay.ended();
    EXPECT_EQ(delay.next(0), first) << "expected one factor within a block";
  }
  delay.ended();
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_NE(delay.next(0), first) << "expected another factor after a pause";
}

TEST(Delay, NoiseBetweenLoadsIsOneFactorALoad) {
  std::vector<double> values;
  for (int seed = 1; seed <= 400; ++seed) {
    Delay delay(options({{"delay_us", "1000"}, {"noise_load", "0.1"}, {"noise_seed", std::to_string(seed)}}));
    values.push_back(delay.next(0));
    EXPECT_EQ(delay.next(0), values.back());
  }
  EXPECT_NEAR(log_moments(values).deviation, 0.1, 0.02);
}

TEST(Delay, SeedsRepeatAndEntropyDoesNot) {
  const auto first = [](const char* seed) {
    return Delay(options({{"delay_us", "1000"}, {"noise_load", "0.1"}, {"noise_seed", seed}})).next(0);
  };
  EXPECT_EQ(first("5"), first("5"));
  EXPECT_NE(first("5"), first("6"));
  EXPECT_NE(first("0"), first("0"));
}

TEST(StayBusy, TakesItsTimeAndEndsWhenPolledTo) {
  const auto start = std::chrono::steady_clock::now();
  stay_busy(0.02, [] {});
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(20));
  EXPECT_THROW(stay_busy(60, [] { throw std::runtime_error("enough"); }), std::runtime_error);
}

TEST(Fault, PlacesAreChecked) {
  for (const char* place : {"open", "probe", "compile", "load", "execute", "execute:1", "execute:17"})
    EXPECT_NO_THROW(Fault(options({{"fault", "error"}, {"fault_at", place}}))) << place;
  for (const char* place : {"", "nowhere", "execute:", "execute:0", "execute:x", "execute:-1"})
    EXPECT_THROW(Fault(options({{"fault", "error"}, {"fault_at", place}})), plugin::Failure) << place;
}

}  // namespace
}  // namespace speedster::reference
