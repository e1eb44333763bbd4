/// Arithmetic and activations. Floats are computed in double and rounded once; integers wrap.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "reference/broadcast.h"

namespace speedster::reference {
namespace {

template <typename C>
inline constexpr bool kReal = std::is_same_v<C, double>;

// -- two operands

constexpr auto kAdd = []<typename C>(const Call&, C a, C b) -> C { return add(a, b); };
constexpr auto kSub = []<typename C>(const Call&, C a, C b) -> C { return subtract(a, b); };
constexpr auto kMul = []<typename C>(const Call&, C a, C b) -> C { return multiply(a, b); };
constexpr auto kDiv = []<typename C>(const Call& call, C a, C b) -> C {
  if constexpr (kReal<C>)
    return a / b;
  else if (b == 0)
    call.fail("a divisor other than 0", "0");
  else if (std::is_signed_v<C> && b == static_cast<C>(-1))
    return subtract(C{0}, a);
  else
    return a / b;
};
constexpr auto kMod = []<typename C>(const Call& call, C a, C b) -> C {
  const bool truncated = call.node().integer("fmod", 0) != 0;
  if constexpr (kReal<C>) {
    const double rest = std::fmod(a, b);
    return truncated || rest == 0 || (rest < 0) == (b < 0) ? rest : rest + b;
  } else {
    if (b == 0) call.fail("a divisor other than 0", "0");
    if (std::is_signed_v<C> && b == static_cast<C>(-1)) return 0;
    const C rest = a % b;
    return truncated || rest == 0 || (rest < 0) == (b < 0) ? rest : static_cast<C>(rest + b);
  }
};
constexpr auto kMin = []<typename C>(const Call&, C a, C b) -> C {
  if constexpr (kReal<C>)
    return std::isnan(a) || a < b ? a : b;
  else
    return std::min(a, b);
};
constexpr auto kMax = []<typename C>(const Call&, C a, C b) -> C {
  if constexpr (kReal<C>)
    return std::isnan(a) || a > b ? a : b;
  else
    return std::max(a, b);
};
constexpr auto kPRelu = []<typename C>(const Call&, C a, C b) -> C { return a < C{0} ? multiply(a, b) : a; };

template <typename T, auto F>
void apply_binary(const Call& call, const Broadcast<2>& both, const Value& a, const Value& b, const Value& out) {
  const T *left = a.as<T>(), *right = b.as<T>();
  T* result = out.as<T>();
  both.rows([&](std::int64_t start, const auto& offset, const auto& step, std::int64_t length) {
    for (std::int64_t i = 0; i < length; ++i)
      store(result[start + i], F(call, load(left[offset[0] + i * step[0]]), load(right[offset[1] + i * step[1]])));
  });
}

template <auto F>
void binary(Call& call) {
  const Value &a = call.in(0), &b = call.in(1);
  if (a.type() != b.type()) call.fail("operands of one type", type_name(a.type()) + " and " + type_name(b.type()));
  const auto both = broadcast<2>(call, {&a.shape(), &b.shape()});
  const Value& out = call.out(0, a.type(), both.shape);
  call.require_type(visit_number(a.type(), [&]<typename T>() { apply_binary<T, F>(call, both, a, b, out); }), a.type());
}

/// Min, Max, Sum: any number of operands, folded from the left.
template <auto F>
void fold(Call& call) {
  Value sum = call.in(0);
  for (int i = 1; i < call.inputs(); ++i) {
    const Value& next = call.in(i);
    if (next.type() != sum.type())
      call.fail("operands of one type", type_name(sum.type()) + " and " + type_name(next.type()));
    const auto both = broadcast<2>(call, {&sum.shape(), &next.shape()});
    const Value out = call.out(0, sum.type(), both.shape);
    call.require_type(visit_number(sum.type(), [&]<typename T>() { apply_binary<T, F>(call, both, sum, next, out); }),
                      sum.type());
    sum = out;
  }
  call.alias(0, sum);
}

/// The exponent may have another type than the base.
void power(Call& call) {
  const Value &a = call.in(0), &b = call.in(1);
  const auto both = broadcast<2>(call, {&a.shape(), &b.shape()});
  const Value& out = call.out(0, a.type(), both.shape);
  const bool visited = visit_number(a.type(), [&]<typename T>() {
    call.require_type(
        visit_number(b.type(),
                     [&]<typename E>() {
                       both.rows([&](std::int64_t start, const auto& offset, const auto& step, std::int64_t length) {
                         for (std::int64_t i = 0; i < length; ++i) {
                           const double base = static_cast<double>(load(a.as<T>()[offset[0] + i * step[0]]));
                           const double result =
                               std::pow(base, static_cast<double>(load(b.as<E>()[offset[1] + i * step[1]])));
                           if constexpr (kIsFloat<T>) {
                             store(out.as<T>()[start + i], result);
                           } else {
                             if (!(std::fabs(result) < 0x1p62))
                               call.fail("a power within 62 bits", std::to_string(result));
                             store(out.as<T>()[start + i], static_cast<Compute<T>>(result));
                           }
                         }
                       });
                     }),
        b.type());
  });
  call.require_type(visited, a.type());
}

// -- one operand

template <auto F>
void real_unary(Call& call) {
  const Value& x = call.in(0);
  const Value& out = call.out(0, x.type(), x.shape());
  call.require_type(visit_float(x.type(),
                                [&]<typename T>() {
                                  for (std::int64_t i = 0, count = x.count(); i < count; ++i)
                                    store(out.as<T>()[i], F(load(x.as<T>()[i])));
                                }),
                    x.type());
}
template <auto F>
void number_unary(Call& call) {
  const Value& x = call.in(0);
  const Value& out = call.out(0, x.type(), x.shape());
  call.require_type(visit_number(x.type(),
                                 [&]<typename T>() {
                                   for (std::int64_t i = 0, count = x.count(); i < count; ++i)
                                     store(out.as<T>()[i], F(load(x.as<T>()[i])));
                                 }),
                    x.type());
}
/// Activations with parameters: F(x, alpha, beta), the attributes or their defaults.
template <auto F, double Alpha, double Beta>
void activation(Call& call) {
  const double alpha = call.node().real("alpha", Alpha), beta = call.node().real("beta", Beta);
  const Value& x = call.in(0);
  const Value& out = call.out(0, x.type(), x.shape());
  call.require_type(visit_float(x.type(),
                                [&]<typename T>() {
                                  for (std::int64_t i = 0, count = x.count(); i < count; ++i)
                                    store(out.as<T>()[i], F(load(x.as<T>()[i]), alpha, beta));
                                }),
                    x.type());
}

constexpr auto kNeg = []<typename C>(C x) -> C { return kReal<C> ? -x : subtract(C{0}, x); };
constexpr auto kAbs = []<typename C>(C x) -> C {
  if constexpr (kReal<C>)
    return std::fabs(x);
  else
    return x < C{0} ? subtract(C{0}, x) : x;
};
constexpr auto kSign = []<typename C>(C x) -> C { return x > C{0} ? C{1} : x < C{0} ? static_cast<C>(-1) : x; };
constexpr auto kRelu = []<typename C>(C x) -> C { return x < C{0} ? C{0} : x; };

double sigmoid(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
double erf_gelu(double x) { return 0.5 * x * std::erfc(-x * std::numbers::sqrt2 / 2); }
double tanh_gelu(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}
constexpr auto kSigmoid = [](double x) { return sigmoid(x); };
constexpr auto kErfGelu = [](double x) { return erf_gelu(x); };
constexpr auto kTanhGelu = [](double x) { return tanh_gelu(x); };
constexpr auto kSoftplus = [](double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); };
constexpr auto kLeakyRelu = [](double x, double alpha, double) { return x < 0 ? alpha * x : x; };
constexpr auto kElu = [](double x, double alpha, double) { return x < 0 ? alpha * std::expm1(x) : x; };
constexpr auto kHardSigmoid = [](double x, double alpha, double beta) {
  return std::clamp(alpha * x + beta, 0.0, 1.0);
};
constexpr auto kHardSwish = [](double x) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); };

void gelu(Call& call) {
  call.node().text("approximate", "none") == "tanh" ? real_unary<kTanhGelu>(call) : real_unary<kErfGelu>(call);
}

/// Of com.microsoft; its optional bias is not taken.
void fast_gelu(Call& call) {
  if (call.has(1)) call.unsupported("a bias");
  real_unary<kTanhGelu>(call);
}

/// Bounds are attributes up to opset 10, optional inputs from then on.
void clip(Call& call) {
  const Value& x = call.in(0);
  const Value& out = call.out(0, x.type(), x.shape());
  call.require_type(
      visit_number(x.type(),
                   [&]<typename T>() {
                     using C = Compute<T>;
                     C low = kReal<C> ? static_cast<C>(-INFINITY) : std::numeric_limits<C>::lowest();
                     C high = kReal<C> ? static_cast<C>(INFINITY) : std::numeric_limits<C>::max();
                     if (call.node().find("min") != nullptr) low = static_cast<C>(call.node().real("min", 0));
                     if (call.node().find("max") != nullptr) high = static_cast<C>(call.node().real("max", 0));
                     const auto bound = [&](int input, C& value) {
                       if (!call.has(input)) return;
                       if (call.in(input).type() != x.type() || call.in(input).count() != 1)
                         call.fail("scalar bounds of the data's type", call.in(input).shape().text());
                       value = load(*call.in(input).as<T>());
                     };
                     bound(1, low);
                     bound(2, high);
                     for (std::int64_t i = 0, count = x.count(); i < count; ++i) {
                       const C value = load(x.as<T>()[i]);
                       store(out.as<T>()[i], value < low ? std::min(low, high) : value > high ? high : value);
                     }
                   }),
      x.type());
}

}  // namespace

std::span<const Operator> elementwise_operators() {
  static constexpr Operator kTable[] = {
      {"Add", binary<kAdd>, 2, 1},
      {"Sub", binary<kSub>, 2, 1},
      {"Mul", binary<kMul>, 2, 1},
      {"Div", binary<kDiv>, 2, 1},
      {"Mod", binary<kMod>, 2, 1},
      {"Pow", power, 2, 1},
      {"PRelu", binary<kPRelu>, 2, 1},
      {"Min", fold<kMin>, 1, 1},
      {"Max", fold<kMax>, 1, 1},
      {"Sum", fold<kAdd>, 1, 1},
      {"Neg", number_unary<kNeg>, 1, 1},
      {"Abs", number_unary<kAbs>, 1, 1},
      {"Sign", number_unary<kSign>, 1, 1},
      {"Relu", number_unary<kRelu>, 1, 1},
      {"Sqrt", real_unary<[](double x) { return std::sqrt(x); }>, 1, 1},
      {"Reciprocal", real_unary<[](double x) { return 1 / x; }>, 1, 1},
      {"Exp", real_unary<[](double x) { return std::exp(x); }>, 1, 1},
      {"Log", real_unary<[](double x) { return std::log(x); }>, 1, 1},
      {"Sin", real_unary<[](double x) { return std::sin(x); }>, 1, 1},
      {"Cos", real_unary<[](double x) { return std::cos(x); }>, 1, 1},
      {"Tanh", real_unary<[](double x) { return std::tanh(x); }>, 1, 1},
      {"Erf", real_unary<[](double x) { return std::erf(x); }>, 1, 1},
      {"Floor", real_unary<[](double x) { return std::floor(x); }>, 1, 1},
      {"Ceil", real_unary<[](double x) { return std::ceil(x); }>, 1, 1},
      {"Round", real_unary<[](double x) { return std::nearbyint(x); }>, 1, 1},
      {"Sigmoid", real_unary<kSigmoid>, 1, 1},
      {"Softplus", real_unary<kSoftplus>, 1, 1},
      {"HardSwish", real_unary<kHardSwish>, 1, 1},
      {"FastGelu", fast_gelu, 1, 1},
      {"Gelu", gelu, 1, 1},
      {"LeakyRelu", activation<kLeakyRelu, 0.01, 0.0>, 1, 1},
      {"Elu", activation<kElu, 1.0, 0.0>, 1, 1},
      {"HardSigmoid", activation<kHardSigmoid, 0.2, 0.5>, 1, 1},
      {"Clip", clip, 1, 1},
  };
  return kTable;
}

}  // namespace speedster::reference
