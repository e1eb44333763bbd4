/// Comparisons, truth values, and the choice between two tensors.
#include <cmath>

#include "reference/broadcast.h"

namespace speedster::reference {
namespace {

constexpr auto kEqual = [](auto a, auto b) { return a == b; };
constexpr auto kLess = [](auto a, auto b) { return a < b; };
constexpr auto kLessOrEqual = [](auto a, auto b) { return a <= b; };
constexpr auto kGreater = [](auto a, auto b) { return a > b; };
constexpr auto kGreaterOrEqual = [](auto a, auto b) { return a >= b; };
constexpr auto kAnd = [](auto a, auto b) { return a != 0 && b != 0; };
constexpr auto kOr = [](auto a, auto b) { return a != 0 || b != 0; };
constexpr auto kXor = [](auto a, auto b) { return (a != 0) != (b != 0); };

template <auto F>
void compare(Call& call) {
  const Value &a = call.in(0), &b = call.in(1);
  if (a.type() != b.type()) call.fail("operands of one type", type_name(a.type()) + " and " + type_name(b.type()));
  const auto both = broadcast<2>(call, {&a.shape(), &b.shape()});
  const Value& out = call.out(0, Type::kBool, both.shape);
  call.require_type(
      visit_any(a.type(),
                [&]<typename T>() {
                  const T *left = a.as<T>(), *right = b.as<T>();
                  both.rows([&](std::int64_t start, const auto& offset, const auto& step, std::int64_t length) {
                    for (std::int64_t i = 0; i < length; ++i)
                      out.as<Bool>()[start + i].byte =
                          F(load(left[offset[0] + i * step[0]]), load(right[offset[1] + i * step[1]]));
                  });
                }),
      a.type());
}

void negate(Call& call) {
  const Value& x = call.in(0);
  if (x.type() != Type::kBool) call.unsupported("values of " + type_name(x.type()));
  const Value& out = call.out(0, Type::kBool, x.shape());
  for (std::int64_t i = 0, count = x.count(); i < count; ++i) out.as<Bool>()[i].byte = x.as<Bool>()[i].byte == 0;
}

template <auto F>
void classify(Call& call) {
  const Value& x = call.in(0);
  const Value& out = call.out(0, Type::kBool, x.shape());
  call.require_type(visit_float(x.type(),
                                [&]<typename T>() {
                                  for (std::int64_t i = 0, count = x.count(); i < count; ++i)
                                    out.as<Bool>()[i].byte = F(load(x.as<T>()[i]));
                                }),
                    x.type());
}

void where(Call& call) {
  const Value &condition = call.in(0), &a = call.in(1), &b = call.in(2);
  if (condition.type() != Type::kBool) call.fail("a condition of bool", type_name(condition.type()));
  if (a.type() != b.type()) call.fail("operands of one type", type_name(a.type()) + " and " + type_name(b.type()));
  const auto all = broadcast<3>(call, {&condition.shape(), &a.shape(), &b.shape()});
  const Value& out = call.out(0, a.type(), all.shape);
  call.require_type(
      visit_any(a.type(),
                [&]<typename T>() {
                  all.rows([&](std::int64_t start, const auto& offset, const auto& step, std::int64_t length) {
                    for (std::int64_t i = 0; i < length; ++i) {
                      const bool first = condition.as<Bool>()[offset[0] + i * step[0]].byte != 0;
                      out.as<T>()[start + i] =
                          first ? a.as<T>()[offset[1] + i * step[1]] : b.as<T>()[offset[2] + i * step[2]];
                    }
                  });
                }),
      a.type());
}

}  // namespace

std::span<const Operator> logic_operators() {
  static constexpr Operator kTable[] = {
      {"Equal", compare<kEqual>, 2, 1, ResultType::kBool},
      {"Less", compare<kLess>, 2, 1, ResultType::kBool},
      {"LessOrEqual", compare<kLessOrEqual>, 2, 1, ResultType::kBool},
      {"Greater", compare<kGreater>, 2, 1, ResultType::kBool},
      {"GreaterOrEqual", compare<kGreaterOrEqual>, 2, 1, ResultType::kBool},
      {"And", compare<kAnd>, 2, 1, ResultType::kBool},
      {"Or", compare<kOr>, 2, 1, ResultType::kBool},
      {"Xor", compare<kXor>, 2, 1, ResultType::kBool},
      {"Not", negate, 1, 1, ResultType::kBool},
      {"IsNaN", classify<[](double x) { return std::isnan(x); }>, 1, 1, ResultType::kBool},
      {"IsInf", classify<[](double x) { return std::isinf(x); }>, 1, 1, ResultType::kBool},
      {"Where", where, 3, 1, ResultType::kSameAsSecond},
  };
  return kTable;
}

}  // namespace speedster::reference
