// The error rates that docs/design/measuring.md states, seen on simulated searches. The tests make a few hundred of
// each kind; SPEEDSTER_SIMULATED_SEARCHES=2000 makes the figures of that document.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/text.h"
#include "fake_machine.h"

namespace speedster::measure {
namespace {

int searches() {
  const char* wanted = std::getenv("SPEEDSTER_SIMULATED_SEARCHES");
  return wanted == nullptr ? 300 : parse_number<int>(wanted).value_or(300);
}

// What was seen on rec.onnx, a noisier machine, one with a neighbour that comes and goes, one that is always shared.
constexpr Noise kQuiet{.load_sd = 0.009, .block_sd = 0.014, .drift_sd = 0.002};
constexpr Noise kNoisy{.load_sd = 0.015, .block_sd = 0.03, .drift_sd = 0.004};
constexpr Noise kBursts{.load_sd = 0.015, .block_sd = 0.03, .drift_sd = 0.004, .burst_every = 12};
constexpr Noise kBusy{.load_sd = 0.015, .block_sd = 0.10, .drift_sd = 0.02, .always_foreign = 0.5};

// Half of the time at half the speed, for two seconds on end: seen on a virtual machine beside others.
constexpr Noise kTwoSpeeds{
    .load_sd = 0.015, .block_sd = 0.03, .drift_sd = 0.004, .burst_every = 2, .burst_slowdown = 0.69, .hidden = true};

struct Scenario {
  std::string name;
  Noise noise;
  int candidates = 12;
  double spread = 0.08;    // true log times are uniform over this; the fastest takes 20 ms
  double original = 0.69;  // log time of the original over that of the fastest
  double deadline = 0;     // seconds; 0 = none
  bool patient = false;    // without the soft ends
};

/// Events out of trials.
struct Rate {
  int events = 0, trials = 0;
  void count(bool event) {
    events += event;
    ++trials;
  }
  double value() const { return trials > 0 ? static_cast<double>(events) / trials : 0; }
  double spread(double rate) const { return 3 * std::sqrt(rate * (1 - rate) * trials) + 1; }
  /// Whether so many events are likely (three standard deviations of the binomial) if the true rate is at most this.
  bool at_most(double rate) const { return events <= rate * trials + spread(rate); }
  bool at_least(double rate) const { return events >= rate * trials - spread(rate); }
};

struct Tally {
  Rate big_regret;  // the answer is more than 2 % slower than the best there was
  Rate original_kept, undecided, overrun;
  Rate covered;           // printed intervals that hold the true speed-up
  Rate wrong_slower;      // "slower", though it is faster than the answer
  Rate wrong_equivalent;  // "equivalent", though more than 2 % away
  double regret = 0, race_seconds = 0, confirm_seconds = 0, blocks = 0, loads = 0, dropped = 0;
};

class Search {
 public:
  Search(const Scenario& scenario, std::uint64_t seed) : scenario_(scenario), machine_(scenario.noise, seed) {
    truth_.resize(static_cast<std::size_t>(scenario.candidates));
    for (double& t : truth_) t = machine_.uniform(0, scenario.spread);
    truth_[seed % truth_.size()] = 0;
    for (std::size_t i = 0; i < truth_.size(); ++i) entrants_.push_back(enter(std::to_string(i), truth_[i]));
    original_ = enter("original", scenario.original);
  }

  void run(Tally& tally) {
    Policy policy = machine_.on({});
    if (scenario_.patient) policy.race_seconds = policy.confirm_seconds = 0;
    const double begin = machine_.now();
    const auto raced = race(original_, entrants_, policy, machine_.foreign(), within(scenario_.deadline / 2), {});
    ASSERT_TRUE(raced.ok()) << raced.error().full_message();
    const double race_end = machine_.now();
    std::vector<Entrant> finalists;
    for (std::size_t i = 0; i < entrants_.size(); ++i) {
      if (raced->rows[i].fate != RaceFate::kFinalist) continue;
      finalists.push_back(entrants_[i]);
      finalists.back().call_seconds = raced->rows[i].estimate;
    }
    const double spent = machine_.now() - begin;
    const auto confirmed = confirm(original_, finalists, policy, machine_.foreign(),
                                   within(scenario_.deadline > 0 ? scenario_.deadline - spent : 0), {});
    ASSERT_TRUE(confirmed.ok()) << confirmed.error().full_message();
    tally.race_seconds += race_end - begin;
    tally.confirm_seconds += machine_.now() - race_end;
    tally.overrun.count(scenario_.deadline > 0 && machine_.now() - begin > scenario_.deadline);
    tally.blocks += machine_.blocks;
    tally.loads += machine_.loads;
    tally.dropped += raced->dropped_rounds + confirmed->dropped_rounds;
    judge(*confirmed, tally);
  }

 private:
  Entrant enter(const std::string& name, double log_time) {
    const double call = 0.02 * std::exp(log_time);
    Entrant entrant = fake_entrant(machine_, name, {.call_seconds = call});
    entrant.call_seconds = call;
    entrant.load_seconds = 0.4;
    entrant.size = machine_.uniform(0, 1);  // the tie order knows nothing of speed
    return entrant;
  }
  static Deadline within(double seconds) { return seconds > 0 ? Deadline::in(seconds) : Deadline(); }
  double true_log(const std::string& name) const {
    return name == "original" ? scenario_.original : truth_[*parse_number<std::size_t>(name)];
  }

  void judge(const Confirmation& confirmed, Tally& tally) const {
    const double margin = std::log(1.02);
    const std::string winner = confirmed.winner ? confirmed.rows[*confirmed.winner].name : "original";
    const double regret = true_log(winner) - std::min(0.0, scenario_.original);
    tally.regret += regret;
    tally.big_regret.count(regret > margin);
    tally.original_kept.count(winner == "original");
    tally.undecided.count(confirmed.undecided);
    for (const ConfirmRow& row : confirmed.rows) {
      if (row.name == "original" || row.loads.empty()) continue;
      const double ratio = std::exp(scenario_.original - true_log(row.name));
      tally.covered.count(row.speedup.low <= ratio && ratio <= row.speedup.high);
      const double behind = true_log(row.name) - true_log(winner);
      if (row.verdict == "slower") tally.wrong_slower.count(behind < 0);
      if (row.verdict == "equivalent") tally.wrong_equivalent.count(std::abs(behind) > margin);
    }
  }

  const Scenario& scenario_;
  FakeMachine machine_;
  std::vector<double> truth_;
  std::vector<Entrant> entrants_;
  Entrant original_;
};

Tally simulate(const Scenario& scenario) {
  Tally tally;
  const int n = searches();
  for (int s = 0; s < n; ++s) Search(scenario, static_cast<std::uint64_t>(s) + 1).run(tally);
  std::printf(
      "| %-28s | %4.1f %% | %4.2f %% | %4.1f %% | %5.1f %% | %5.1f %% | %3d of %4d | %2d of %4d | %4.1f s | %4.1f s | "
      "%5.1f | %4.1f | %4.1f |\n",
      scenario.name.c_str(), 100 * tally.big_regret.value(), 100 * tally.regret / n, 100 * tally.undecided.value(),
      100 * tally.original_kept.value(), 100 * tally.covered.value(), tally.wrong_slower.events,
      tally.wrong_slower.trials, tally.wrong_equivalent.events, tally.wrong_equivalent.trials, tally.race_seconds / n,
      tally.confirm_seconds / n, tally.blocks / n, tally.loads / n, tally.dropped / n);
  return tally;
}

/// What holds whatever the machine is like.
void expect_honest(const Tally& tally) {
  EXPECT_TRUE(tally.covered.at_least(0.95)) << tally.covered.value();
  EXPECT_TRUE(tally.wrong_equivalent.at_most(0.05)) << tally.wrong_equivalent.value();
}

class Simulation : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::puts(
        "| search | regret > 2 % | mean regret | undecided | original kept | intervals hold | slower, wrongly | "
        "equivalent, "
        "wrongly | race | confirmation | blocks | loads | dropped |");
  }
};

TEST_F(Simulation, QuietMachine) {
  const Tally tally = simulate({"quiet, 12 over 8 %", kQuiet});
  expect_honest(tally);
  EXPECT_TRUE(tally.big_regret.at_most(0.01));
  EXPECT_TRUE(tally.wrong_slower.at_most(0.05));
  EXPECT_EQ(tally.original_kept.events, 0);
}

TEST_F(Simulation, NoisyMachine) {
  const Tally tally = simulate({"noisy, 12 over 8 %", kNoisy});
  expect_honest(tally);
  EXPECT_TRUE(tally.big_regret.at_most(0.05));
  EXPECT_TRUE(tally.wrong_slower.at_most(0.05));
  EXPECT_EQ(tally.original_kept.events, 0);
}

TEST_F(Simulation, PatienceBuysCertainty) {
  const Tally quiet = simulate({"quiet, 12 over 8 %, patient", kQuiet, 12, 0.08, 0.69, 0, true});
  const Tally noisy = simulate({"noisy, 12 over 8 %, patient", kNoisy, 12, 0.08, 0.69, 0, true});
  for (const Tally& tally : {quiet, noisy}) {
    expect_honest(tally);
    EXPECT_TRUE(tally.wrong_slower.at_most(0.05));
  }
  EXPECT_TRUE(quiet.big_regret.at_most(0.01));
  EXPECT_TRUE(quiet.undecided.at_most(0.4));
  EXPECT_TRUE(noisy.big_regret.at_most(0.02));
}

TEST_F(Simulation, NeighbourThatComesAndGoes) {
  const Tally tally = simulate({"bursts, 12 over 8 %", kBursts});
  expect_honest(tally);
  EXPECT_TRUE(tally.big_regret.at_most(0.07));
  EXPECT_GT(tally.dropped, 0);
}

TEST_F(Simulation, MachineThatIsAlwaysShared) {
  // Ten per cent between blocks hide differences of two; what must hold is that the intervals say so.
  expect_honest(simulate({"shared, 12 over 8 %", kBusy}));
}

TEST_F(Simulation, DifferencesThatMatterAreFound) {
  const Tally quiet = simulate({"quiet, 8 over 80 %", kQuiet, 8, 0.8});
  const Tally noisy = simulate({"noisy, 8 over 80 %", kNoisy, 8, 0.8});
  for (const Tally& tally : {quiet, noisy}) {
    expect_honest(tally);
    EXPECT_TRUE(tally.big_regret.at_most(0.01));
    EXPECT_LT((tally.race_seconds + tally.confirm_seconds) / searches(), 25);
  }
  EXPECT_TRUE(quiet.undecided.at_most(0.15));
}

TEST_F(Simulation, MachineOfTwoSpeeds) {
  // Half of the blocks are at half the speed, and nothing on the machine tells which.
  const Tally tally = simulate({"two speeds, 8 over 80 %", kTwoSpeeds, 8, 0.8});
  EXPECT_TRUE(tally.covered.at_least(0.95)) << tally.covered.value();
  EXPECT_TRUE(tally.big_regret.at_most(0.15));
  EXPECT_LT(tally.regret / searches(), 0.015);
}

TEST_F(Simulation, NobodyBeatsTheOriginalByLuck) {
  for (const auto& [name, noise] :
       {std::pair{"quiet, 12 like the original", kQuiet}, std::pair{"noisy, 12 like the original", kNoisy},
        std::pair{"shared, 12 like the original", kBusy}}) {
    const Tally tally = simulate({name, noise, 12, 0, 0});
    EXPECT_TRUE(tally.covered.at_least(0.95)) << name;
    EXPECT_TRUE(tally.original_kept.at_least(0.95)) << name << ' ' << tally.original_kept.value();
  }
}

TEST_F(Simulation, GainOfFivePerCentIsSeen) {
  const Tally quiet = simulate({"quiet, original 5 % slower", kQuiet, 12, 0.3, 0.05});
  const Tally noisy = simulate({"noisy, original 5 % slower", kNoisy, 12, 0.3, 0.05});
  EXPECT_TRUE(quiet.original_kept.at_most(0.01));
  EXPECT_TRUE(noisy.original_kept.at_most(0.06));
  expect_honest(quiet);
  expect_honest(noisy);
}

TEST_F(Simulation, DeadlineIsNeverOverrun) {
  for (const double deadline : {12.0, 20.0, 35.0}) {
    const Tally tally = simulate({"noisy, " + std::to_string(static_cast<int>(deadline)) + " s to the deadline", kNoisy,
                                  12, 0.08, 0.69, deadline});
    EXPECT_EQ(tally.overrun.events, 0) << deadline;
    EXPECT_TRUE(tally.covered.at_least(0.95)) << deadline;
    EXPECT_EQ(tally.original_kept.events, 0) << deadline;
  }
}

TEST(SimulatedComparison, IntervalOfACopyAgainstItselfHoldsOne) {
  for (const auto& [name, noise] : {std::pair{"quiet", kQuiet}, std::pair{"noisy", kNoisy},
                                    std::pair{"bursts", kBursts}, std::pair{"shared", kBusy}}) {
    Rate holds;
    double width = 0, seconds = 0;
    for (int s = 0; s < 4 * searches(); ++s) {
      FakeMachine machine(noise, static_cast<std::uint64_t>(s) + 1);
      const Load copy = fake_load(machine, std::make_shared<FakeModel>());
      const double begin = machine.now();
      const auto comparison = compare(copy, copy, machine.on({}), machine.foreign(), {}, {});
      ASSERT_TRUE(comparison.ok());
      seconds += machine.now() - begin;
      holds.count(comparison->speedup.low <= 1 && 1 <= comparison->speedup.high);
      width += comparison->speedup.high - comparison->speedup.low;
    }
    std::printf("| comparison, %-7s | holds 1 in %4.1f %% | width %4.1f %% | %4.1f s |\n", name, 100 * holds.value(),
                100 * width / holds.trials, seconds / holds.trials);
    // 36 of 40 must hold it; at 97 % that fails once in 150 such series, at 95 % once in 20.
    EXPECT_TRUE(holds.at_least(0.97)) << name << ' ' << holds.value();
  }
}

TEST(SimulatedComparison, FindsATrueDifference) {
  Rate holds, excludes_one;
  for (int s = 0; s < searches(); ++s) {
    FakeMachine machine(kQuiet, static_cast<std::uint64_t>(s) + 1);
    const Load first = fake_load(machine, std::make_shared<FakeModel>(FakeModel{.call_seconds = 0.02}));
    const Load second = fake_load(machine, std::make_shared<FakeModel>(FakeModel{.call_seconds = 0.021}));
    const auto comparison = compare(first, second, machine.on({}), machine.foreign(), {}, {});
    ASSERT_TRUE(comparison.ok());
    holds.count(comparison->speedup.low <= 1.05 && 1.05 <= comparison->speedup.high);
    excludes_one.count(comparison->speedup.low > 1);
  }
  EXPECT_TRUE(holds.at_least(0.97));
  EXPECT_TRUE(excludes_one.at_least(0.97)) << excludes_one.value();
}

}  // namespace
}  // namespace speedster::measure
