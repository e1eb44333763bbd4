// Loads a package and runs it from C++ on several threads: one learner, a context for each thread, memory bound once.
//
//   usage: speedster-run-cpp PACKAGE [THREADS [CALLS]]
//
// Inputs are random; every thread runs the same ones and its outputs must be those of the first call.
#include <speedster/learner.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>

namespace {

using speedster::DType;
using speedster::Learner;
using speedster::NamedTensor;
using speedster::Result;
using speedster::Tensor;

/// Values in [0, 1) for float types, zeros for all others, in the shape that the package was judged at.
Tensor sample(const speedster::TensorInfo& info) {
  Tensor tensor(info.dtype, info.typical);
  std::memset(tensor.data(), 0, tensor.bytes());
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(0, 1);
  if (info.dtype == DType::kFloat32)
    for (float& value : tensor.as<float>()) value = uniform(random);
  return tensor;
}

/// One caller: binds its own memory once and runs.
Result<bool> agrees(const Learner& learner, const std::vector<NamedTensor>& inputs,
                    const std::vector<NamedTensor>& expected, int calls) {
  auto context = learner.context();
  if (!context) return std::move(context).error();
  for (std::uint32_t i = 0; i < inputs.size(); ++i)
    if (auto bound = context->bind_input(i, inputs[i].tensor.view()); !bound) return std::move(bound).error();
  std::vector<Tensor> outputs;
  for (std::uint32_t i = 0; i < expected.size(); ++i) {
    outputs.emplace_back(expected[i].tensor.dtype(), expected[i].tensor.shape());
    if (auto bound = context->bind_output(i, outputs.back().view()); !bound) return std::move(bound).error();
  }
  for (int call = 0; call < calls; ++call) {
    if (auto ran = context->run(); !ran) return std::move(ran).error();
    for (std::uint32_t i = 0; i < expected.size(); ++i) {
      const auto view = context->output(i);
      if (!view) return std::move(view).error();
      if (view->bytes() != outputs[i].bytes() || std::memcmp(view->data, expected[i].tensor.data(), view->bytes()) != 0)
        return false;
    }
  }
  return true;
}

int fail(const speedster::Error& error) {
  std::fprintf(stderr, "%s\n", error.full_message().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s PACKAGE [THREADS [CALLS]]\n", argv[0]);
    return 2;
  }
  const int threads = argc > 2 ? std::atoi(argv[2]) : 2;
  const int calls = argc > 3 ? std::atoi(argv[3]) : 100;

  speedster::LoadOptions options;
  options.contexts = threads;
  const auto learner = Learner::load(argv[1], options);
  if (!learner) return fail(learner.error());

  std::vector<NamedTensor> inputs;
  for (const speedster::TensorInfo& info : learner->inputs()) inputs.push_back({info.name, sample(info)});
  const auto expected = learner->run(inputs);
  if (!expected) return fail(expected.error());
  for (const NamedTensor& output : *expected)
    std::printf("%s %s [%s]\n", output.name.c_str(), std::string(name(output.tensor.dtype())).c_str(),
                speedster::to_string(output.tensor.shape()).c_str());

  std::vector<Result<bool>> results(static_cast<std::size_t>(threads), Result<bool>(false));
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> workers;
  for (Result<bool>& result : results)
    workers.emplace_back([&] { result = agrees(*learner, inputs, *expected, calls); });
  for (std::thread& worker : workers) worker.join();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;

  for (const Result<bool>& result : results) {
    if (!result) return fail(result.error());
    if (!*result) return std::fprintf(stderr, "a thread saw other outputs than the first call\n"), 1;
  }
  std::printf("%d threads, %d calls each: %.1f calls a second\n", threads, calls, threads * calls / elapsed.count());
  return 0;
}
