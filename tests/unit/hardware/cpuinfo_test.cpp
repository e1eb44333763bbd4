#include "hardware/cpuinfo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace speedster::hardware {
namespace {

using ::testing::Contains;
using ::testing::Not;

std::string x86(std::string_view vendor, int family, int model, int stepping, std::string_view name,
                std::string_view flags) {
  std::string text;
  for (int processor = 0; processor < 2; ++processor) {
    text += "processor\t: " + std::to_string(processor) + "\nvendor_id\t: " + std::string(vendor) +
            "\ncpu family\t: " + std::to_string(family) + "\nmodel\t\t: " + std::to_string(model) +
            "\nmodel name\t: " + std::string(name) + "\nstepping\t: " + std::to_string(stepping) +
            "\ncpu MHz\t\t: 2445.430\nflags\t\t: fpu sse sse2 " + std::string(flags) +
            "\nbugs\t\t: avx512_vnni_bug\n\n";
  }
  return text;
}

TEST(CpuInfo, Zen3HasNoVnni) {
  const Machine m = parse_cpuinfo(x86("AuthenticAMD", 25, 1, 1, "AMD EPYC", "sse4_2 avx avx2 fma f16c"));
  EXPECT_EQ(m.vendor, "AuthenticAMD");
  EXPECT_EQ(m.model, "AMD EPYC");
  EXPECT_EQ(m.codename, "Zen 3");
  EXPECT_EQ(m.cores, 2);
  EXPECT_EQ(m.isa, (IsaSet{"avx", "avx2", "f16c", "fma", "sse4_2"}));
  EXPECT_FALSE(m.has_vnni());
  EXPECT_FALSE(m.has_bf16());
  // f16c converts half precision; it does not compute in it.
  EXPECT_FALSE(m.has_fp16());
}

TEST(CpuInfo, Zen4AndZen5HaveVnniAndBf16) {
  constexpr std::string_view kFlags = "avx avx2 fma f16c avx512f avx512bw avx512vl avx512_vnni avx512_bf16";
  const Machine genoa = parse_cpuinfo(x86("AuthenticAMD", 25, 17, 1, "AMD EPYC 9R14", kFlags));
  EXPECT_EQ(genoa.codename, "Zen 4");
  EXPECT_TRUE(genoa.has_vnni());
  EXPECT_TRUE(genoa.has_bf16());
  EXPECT_FALSE(genoa.has_fp16());
  const Machine turin = parse_cpuinfo(x86("AuthenticAMD", 26, 2, 1, "AMD EPYC", std::string(kFlags) + " avx_vnni"));
  EXPECT_EQ(turin.codename, "Zen 5");
  EXPECT_THAT(turin.isa, Contains("avx_vnni"));
}

TEST(CpuInfo, SapphireRapidsHasTiles) {
  const Machine m =
      parse_cpuinfo(x86("GenuineIntel", 6, 143, 8, "Intel(R) Xeon(R) Platinum 8488C",
                        "avx avx2 avx512f avx512_vnni avx512_bf16 avx512_fp16 amx_tile amx_int8 amx_bf16"));
  EXPECT_EQ(m.codename, "Sapphire Rapids");
  EXPECT_TRUE(m.has_vnni() && m.has_bf16() && m.has_fp16());
}

TEST(CpuInfo, AlderLakeHasVnniInTheShortEncoding) {
  const Machine m =
      parse_cpuinfo(x86("GenuineIntel", 6, 151, 2, "12th Gen Intel(R) Core(TM)", "avx avx2 fma avx_vnni"));
  EXPECT_EQ(m.codename, "Alder Lake");
  EXPECT_TRUE(m.has_vnni());
}

TEST(CpuInfo, TilesAloneAreEnoughForVnni) {
  EXPECT_TRUE(parse_cpuinfo(x86("GenuineIntel", 6, 143, 8, "x", "amx_tile amx_int8")).has_vnni());
}

TEST(CpuInfo, OneModelNumberThreeGenerations) {
  EXPECT_EQ(codename("GenuineIntel", 6, 0x55, 4), "Skylake");
  EXPECT_EQ(codename("GenuineIntel", 6, 0x55, 7), "Cascade Lake");
  EXPECT_EQ(codename("GenuineIntel", 6, 0x55, 11), "Cooper Lake");
}

TEST(CpuInfo, UnknownProcessorHasNoCodename) {
  EXPECT_EQ(codename("AuthenticAMD", 0x7f, 1, 0), "");
  EXPECT_EQ(codename("CentaurHauls", 6, 0x8f, 0), "");
}

TEST(CpuInfo, ArmIsNamedByImplementerAndPart) {
  constexpr std::string_view kText =
      "processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd evtstrm aes asimdhp cpuid asimddp i8mm bf16 sve\n"
      "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x1\nCPU part\t: 0xd40\nCPU revision\t: 1\n\n"
      "processor\t: 1\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n";
  const Machine m = parse_cpuinfo(kText);
  EXPECT_EQ(m.vendor, "ARM");
  EXPECT_EQ(m.codename, "Neoverse V1");
  EXPECT_EQ(m.model, "Neoverse V1");
  EXPECT_EQ(m.cores, 2);
  EXPECT_TRUE(m.has_vnni() && m.has_bf16() && m.has_fp16());
}

TEST(CpuInfo, RubbishGivesAnEmptyMachine) {
  for (const std::string_view text :
       {"", "\n\n:\n: :\n", "flags", "cpu family\t: not a number\nmodel : 99999999999999\n"}) {
    const Machine m = parse_cpuinfo(text);
    EXPECT_EQ(m.cores, 0);
    EXPECT_EQ(m.family, 0);
    EXPECT_EQ(m.model_number, 0);
    EXPECT_TRUE(m.isa.empty());
  }
  EXPECT_THAT(parse_cpuinfo("processor : 0\nflags : avx2x xavx2\n").isa, Not(Contains("avx2")));
}

}  // namespace
}  // namespace speedster::hardware
