#include "report/text.h"

#include <gtest/gtest.h>

#include "report/format.h"

namespace speedster::report {
namespace {

TEST(Printable, KeepsTextAndReplacesWhatCouldHarmATerminal) {
  EXPECT_EQ(printable("größe 模型"), "größe 模型");
  EXPECT_EQ(printable("a\tb\nc"), "a b c");
  EXPECT_EQ(printable("\x1b[2J"), "\xEF\xBF\xBD[2J");
  EXPECT_EQ(printable("a\xE2\x80\xAE"
                      "b"),
            "a\xEF\xBF\xBD"
            "b")
      << "a direction override";
  EXPECT_EQ(printable("\xC2\x9B"
                      "1m"),
            "\xEF\xBF\xBD"
            "1m")
      << "C1 control sequence introducer";
}

TEST(Printable, ReplacesBrokenUtf8) {
  EXPECT_EQ(printable("\xff"), "\xEF\xBF\xBD");
  EXPECT_EQ(printable("\xE4\xBD"), "\xEF\xBF\xBD\xEF\xBF\xBD") << "cut inside a character";
  EXPECT_EQ(printable("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD") << "an overlong form";
  EXPECT_EQ(printable("\xED\xA0\x80").substr(0, 3), "\xEF\xBF\xBD") << "a surrogate";
}

TEST(DisplayWidth, CountsColumns) {
  EXPECT_EQ(display_width("abc"), 3);
  EXPECT_EQ(display_width("µ×…"), 3);
  EXPECT_EQ(display_width("模型"), 4);
  EXPECT_EQ(display_width("e\xCC\x81"), 1) << "a combining accent takes no column";
}

TEST(Pad, CountsColumnsNotBytes) {
  EXPECT_EQ(pad("µ", 3), "µ  ");
  EXPECT_EQ(pad("模", 3, Align::kRight), " 模");
  EXPECT_EQ(pad("long", 2), "long");
}

TEST(Elide, NeverExceedsTheWidth) {
  EXPECT_EQ(elide("abcdef", 4), "abc…");
  EXPECT_EQ(elide("abcd", 4), "abcd");
  EXPECT_EQ(elide("模型模型", 4), "模…") << "half a wide character is not shown";
}

TEST(Wrap, BreaksAtSpacesAndInsideLongWords) {
  EXPECT_EQ(wrap("one two three", 7), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrap("abcdefgh", 3), (std::vector<std::string>{"abc", "def", "gh"}));
  EXPECT_EQ(wrap("", 5), (std::vector<std::string>{""}));
  for (const std::string& line : wrap("模型模型模型", 5)) EXPECT_LE(display_width(line), 5);
}

TEST(ToAscii, TranslatesOurSigns) { EXPECT_EQ(to_ascii("2.9× 5 µs – …模"), "2.9x 5 us - ...?"); }

TEST(Format, Seconds) {
  EXPECT_EQ(format_seconds(8.5e-7), "850 ns");
  EXPECT_EQ(format_seconds(1.234e-5), "12.3 µs");
  EXPECT_EQ(format_seconds(0.0052), "5.20 ms");
  EXPECT_EQ(format_seconds(0.9999), "1.00 s") << "never 1000 ms";
  EXPECT_EQ(format_seconds(125), "2 min 5 s");
  EXPECT_EQ(format_seconds(7260), "2 h 1 min");
  EXPECT_EQ(format_seconds(Figure{0.0052, 0.00515, 0.00526}), "5.20 ms (5.15–5.26)");
}

TEST(Format, OtherFigures) {
  EXPECT_EQ(format_bytes(10'900'000), "10.9 MB");
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(999'999), "1.00 MB");
  EXPECT_EQ(format_bytes(0), kNothing);
  EXPECT_EQ(format_ratio(2.738), "2.74×");
  EXPECT_EQ(format_ratio(Figure{2.74, 2.69, 2.79}), "2.74× (2.69–2.79)");
  EXPECT_EQ(format_drop(0), "0");
  EXPECT_EQ(format_drop(1.234e-6), "1.2e-06");
  EXPECT_EQ(format_drop(0.01234), "0.0123");
  EXPECT_EQ(format_drop(1.0 / 0.0), "new NaN or infinity");
}

}  // namespace
}  // namespace speedster::report
