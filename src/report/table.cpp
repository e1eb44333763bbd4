// The report in a terminal: the result in the three columns that users of Speedster 0.4 know (original, optimized,
// improvement), then a row for each candidate, then what the user should know or can do next.
#include <fmt/format.h>
#include <speedster/report.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "report/fate.h"
#include "report/format.h"
#include "report/text.h"

namespace speedster {
namespace {

using report::Align;

constexpr int kMinWidth = 70;

/// ANSI colours, or nothing.
class Palette {
 public:
  explicit Palette(bool on) : on_(on) {}
  std::string bold(std::string_view text) const { return paint("1", text); }
  std::string dim(std::string_view text) const { return paint("2", text); }
  std::string warn(std::string_view text) const { return paint("33", text); }
  std::string fate(CandidateFate fate, std::string_view text) const {
    switch (fate) {
      case CandidateFate::kWinner: return paint("1;32", text);
      case CandidateFate::kEquivalent:
      case CandidateFate::kUndecided: return paint("32", text);
      case CandidateFate::kOverBudget:
      case CandidateFate::kOverLimit:
      case CandidateFate::kReduced:
      case CandidateFate::kNotJudged: return paint("33", text);
      case CandidateFate::kFailed: return paint("31", text);
      case CandidateFate::kNotPossible:
      case CandidateFate::kNotTried: return paint("2", text);
      default: return std::string(text);
    }
  }

 private:
  std::string paint(const char* code, std::string_view text) const {
    return on_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
  }
  bool on_;
};

struct ResultRow {
  std::string label, original, optimized, improvement;
};

/// "4.02× smaller"; nothing where a size is not known or both are about the same.
std::string smaller(std::uint64_t original, std::uint64_t optimized) {
  if (original == 0 || optimized == 0) return {};
  const double ratio = static_cast<double>(original) / static_cast<double>(optimized);
  if (std::fabs(ratio - 1) < 0.005) return "the same";
  return ratio > 1 ? report::format_ratio(ratio) + " smaller" : report::format_ratio(1 / ratio) + " larger";
}

std::string faster(const std::optional<double>& original, const std::optional<double>& optimized) {
  if (!original || !optimized || *optimized <= 0 || *original <= 0) return {};
  const double ratio = *original / *optimized;
  return ratio >= 1 ? report::format_ratio(ratio) + " faster" : report::format_ratio(1 / ratio) + " slower";
}

std::string less(const std::optional<double>& original, const std::optional<double>& optimized) {
  if (!original || !optimized || *optimized <= 0 || *original <= 0) return {};
  const double ratio = *original / *optimized;
  return ratio >= 1 ? report::format_ratio(ratio) + " less" : report::format_ratio(1 / ratio) + " more";
}

std::string seconds_with(const std::optional<double>& value, const std::optional<std::pair<double, double>>& interval) {
  if (!value) return report::kNothing;
  if (!interval) return report::format_seconds(*value);
  return report::format_seconds(Figure{*value, interval->first, interval->second});
}

std::vector<ResultRow> result_rows(const Report& report, const CandidateRow& best) {
  const CandidateRow& original = report.original;
  const auto latency = [](const CandidateRow& row) {
    return report::or_nothing(row.latency_median, [](const Figure& f) { return report::format_seconds(f); });
  };
  const auto rate = [](const CandidateRow& row) {
    return report::or_nothing(row.throughput, [](const Figure& f) { return report::format_rate(f); });
  };
  const auto backend = [](const CandidateRow& row) {
    return row.backend_version.empty() ? row.backend : row.backend + " " + row.backend_version;
  };
  const auto plain = [](double seconds) { return report::format_seconds(seconds); };
  std::string gain = report::or_nothing(best.speedup, [](const Figure& f) { return report::format_ratio(f); });
  if (gain != report::kNothing) gain += " faster";
  std::string throughput_gain;
  if (original.throughput && best.throughput && original.throughput->value > 0)
    throughput_gain = report::format_ratio(best.throughput->value / original.throughput->value);
  std::string allowed = report.budget ? report::format_number(*report.budget) + " allowed" : "full precision only";
  const std::string techniques = join(best.techniques, ", ");
  return {{"backend", backend(original), backend(best), {}},
          {"latency, median", latency(original), latency(best), gain},
          {"latency, p90", seconds_with(original.latency_p90, original.latency_p90_interval),
           seconds_with(best.latency_p90, best.latency_p90_interval), faster(original.latency_p90, best.latency_p90)},
          {"latency, p99", seconds_with(original.latency_p99, original.latency_p99_interval),
           seconds_with(best.latency_p99, best.latency_p99_interval), faster(original.latency_p99, best.latency_p99)},
          {"throughput", rate(original), rate(best), throughput_gain},
          {"CPU time a call", report::or_nothing(original.call_cpu_seconds, plain),
           report::or_nothing(best.call_cpu_seconds, plain), less(original.call_cpu_seconds, best.call_cpu_seconds)},
          {"model size", report::format_bytes(original.model_bytes), report::format_bytes(best.model_bytes),
           smaller(original.model_bytes, best.model_bytes)},
          {"peak memory", report::format_bytes(original.peak_memory_bytes),
           report::format_bytes(best.peak_memory_bytes), smaller(original.peak_memory_bytes, best.peak_memory_bytes)},
          {"metric drop", "0", report::or_nothing(best.drop, [](const Figure& f) { return report::format_drop(f); }),
           allowed},
          {"techniques", report::kNothing, techniques.empty() ? report::kNothing : techniques, {}}};
}

class Table {
 public:
  Table(const Report& report, int width, bool color)
      : report_(report), best_(report::winner_or_original(report)), width_(std::max(width, kMinWidth)), color_(color) {}

  std::string text() {
    heading();
    result();
    candidates();
    afterword();
    return std::move(out_);
  }

 private:
  void line(std::string_view text = {}) {
    const std::size_t end = text.find_last_not_of(' ');
    out_ += text.substr(0, end == std::string_view::npos ? 0 : end + 1);
    out_ += '\n';
  }
  void rule() {
    std::string dashes;
    for (int i = 0; i < width_; ++i) dashes += "─";
    line(color_.dim(dashes));
  }
  /// A paragraph with a hanging indent.
  void paragraph(std::string_view mark, std::string_view text, bool warning = false) {
    const int indent = report::display_width(mark);
    bool first = true;
    for (const std::string& piece : report::wrap(report::printable(text), width_ - indent)) {
      line((first ? std::string(mark) : std::string(static_cast<std::size_t>(indent), ' ')) +
           (warning ? color_.warn(piece) : piece));
      first = false;
    }
  }

  void heading() {
    for (const std::string& piece : report::wrap(report::printable(report::verdict(report_)), width_))
      line(color_.bold(piece));
    line();
  }

  void result() {
    const bool kept = &best_ == &report_.original;
    std::vector<ResultRow> rows = result_rows(report_, best_);
    for (ResultRow& row : rows)
      for (std::string* cell : {&row.label, &row.original, &row.optimized, &row.improvement})
        *cell = report::printable(*cell);
    rows.insert(rows.begin(), {"", "original", kept ? "" : "optimized", kept ? "" : "improvement"});
    constexpr int kLabel = 16, kGap = 2;
    int widths[3] = {0, 0, 0};
    for (const ResultRow& row : rows) {
      const std::string* cells[3] = {&row.original, &row.optimized, &row.improvement};
      for (int i = 0; i < 3; ++i) widths[i] = std::max(widths[i], report::display_width(*cells[i]));
    }
    // Too wide: the widest column gives way and its cells wrap.
    while (kLabel + widths[0] + widths[1] + widths[2] + 2 * kGap > width_) --*std::max_element(widths, widths + 3);
    bool header = true;
    for (const ResultRow& row : rows) {
      std::vector<std::string> cells[3] = {report::wrap(row.original, widths[0]),
                                           report::wrap(kept ? "" : row.optimized, widths[1]),
                                           report::wrap(kept ? "" : row.improvement, widths[2])};
      const std::size_t height = std::max({cells[0].size(), cells[1].size(), cells[2].size()});
      for (std::size_t i = 0; i < height; ++i) {
        std::string text = report::pad(i == 0 ? row.label : "", kLabel);
        for (int c = 0; c < 3; ++c) {
          const std::string cell = report::pad(i < cells[c].size() ? cells[c][i] : "", widths[c]);
          text += (header ? color_.bold(cell) : cell) + std::string(kGap, ' ');
        }
        line(text);
      }
      if (header) rule();
      header = false;
    }
    line();
  }

  void candidates() {
    if (report_.candidates.empty()) return;
    struct Cells {
      std::string name, precision, latency, speedup, drop;
    };
    std::vector<Cells> rows;
    const std::vector<std::size_t> order = report::listing_order(report_);
    for (const std::size_t i : order) {
      const CandidateRow& row = report_.candidates[i];
      const auto speedup = report::shown_speedup(report_, row);
      // "~" marks what comes from the race and is no claim.
      const bool raced = !row.latency_median && row.race_latency;
      rows.push_back({report::printable(row.name),
                      report::printable(row.ran_precision.empty() ? report::kNothing : row.ran_precision),
                      report::or_nothing(report::shown_latency(row),
                                         [&](double s) { return (raced ? "~" : "") + report::format_seconds(s); }),
                      report::or_nothing(speedup,
                                         [](const report::ShownSpeedup& s) {
                                           return (s.confirmed ? "" : "~") + report::format_ratio(s.value);
                                         }),
                      row.drop ? report::format_drop(row.drop->value) : report::kNothing});
    }
    const Cells head = {"candidate", "precision", "latency", "speed-up", "drop"};
    const auto width_of = [&](std::string Cells::* cell, int most) {
      int width = report::display_width(head.*cell);
      for (const Cells& row : rows) width = std::max(width, report::display_width(row.*cell));
      return std::min(width, most);
    };
    constexpr int kGaps = 10, kFate = 12;  // a fate needs that much, however long the names are
    const int precision = width_of(&Cells::precision, 12), latency = width_of(&Cells::latency, 12),
              speedup = width_of(&Cells::speedup, 9), drop = width_of(&Cells::drop, 10);
    const int figures = precision + latency + speedup + drop + kGaps;
    const int name = width_of(&Cells::name, std::min(std::max(24, width_ / 3), width_ - figures - kFate));
    const auto cells_of = [&](const Cells& row) {
      return report::pad(report::elide(row.name, name), name) + "  " +
             report::pad(report::elide(row.precision, precision), precision) + "  " +
             report::pad(row.latency, latency, Align::kRight) + "  " +
             report::pad(row.speedup, speedup, Align::kRight) + "  " +
             report::pad(report::elide(row.drop, drop), drop, Align::kRight) + "  ";
    };
    const int used = name + figures;
    // A fate and its reason want 30 columns beside the figures; in a narrower terminal they go below them.
    const bool beside = width_ - used >= 30;
    line(color_.bold(cells_of(head) + "fate"));
    rule();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const CandidateRow& row = report_.candidates[order[i]];
      const std::string fate = fate_name(row.fate);
      const std::string reason = report::printable(row.reason);
      if (beside) {
        const std::vector<std::string> lines =
            report::wrap(reason.empty() ? fate : fate + ": " + reason, width_ - used);
        for (std::size_t n = 0; n < lines.size(); ++n) {
          const std::string left = n == 0 ? cells_of(rows[i]) : std::string(static_cast<std::size_t>(used), ' ');
          const bool whole = n == 0 && lines[n].starts_with(fate);
          line(left + (whole ? color_.fate(row.fate, fate) + lines[n].substr(fate.size()) : lines[n]));
        }
      } else {
        const std::string short_fate = report::elide(fate, std::max(0, width_ - used));
        line(cells_of(rows[i]) + color_.fate(row.fate, short_fate));
        const std::string below = short_fate == fate ? reason : reason.empty() ? fate : fate + ": " + reason;
        if (!below.empty()) paragraph("    ", below);
      }
    }
    line(color_.dim("~ from the race: for orientation, not a claim"));
    line();
  }

  void afterword() {
    for (const CornerRow& corner : report_.corners) {
      if (!corner.error.empty())
        paragraph("! ", "at " + corner.name + ": " + corner.error, true);
      else if (corner.slower && corner.original_seconds && corner.winner_seconds)
        paragraph("! ",
                  fmt::format("at {} the winner is slower than the original: {} against {}", corner.name,
                              report::format_seconds(*corner.winner_seconds),
                              report::format_seconds(*corner.original_seconds)),
                  true);
    }
    if (!best_.drop_note.empty() && &best_ != &report_.original)
      paragraph("! ", "the winner's drop: " + best_.drop_note, true);
    if (report_.machine_busy)
      paragraph("! ",
                fmt::format("the machine was busy: {} of {} rounds were dropped; figures may be less exact",
                            report_.dropped_rounds, report_.rounds + report_.dropped_rounds),
                true);
    if (const std::string rewritten = report::rewriting_line(report_); !rewritten.empty()) paragraph("· ", rewritten);
    for (const std::string& note : report_.notes) paragraph("· ", note);
    for (const CandidateRow& row : report_.candidates)
      if (row.fate == CandidateFate::kFailed && !row.job_directory.empty())
        paragraph("· ", row.name + " failed; it is repeated by " + row.job_directory + "/repro.sh");
    if (report_.accept_candidate && *report_.accept_candidate < report_.candidates.size()) {
      const CandidateRow& row = report_.candidates[*report_.accept_candidate];
      const auto speedup = report::shown_speedup(report_, row);
      const bool limited = row.fate == CandidateFate::kOverLimit;
      std::string text = std::string("the fastest ") + (limited ? "" : "reduced ") + "candidate " +
                         (limited ? "above a limit " : "") + "is " + row.name;
      if (speedup) text += ": " + report::format_ratio(speedup->value) + (speedup->confirmed ? "" : " (race)");
      if (row.drop) text += ", drop " + report::format_drop(row.drop->value) + " in " + report_.metric;
      if (limited) text += ", " + row.reason;
      paragraph("· ", report_.accept_command.empty() ? text : text + ". To accept it:");
    }
    // Not wrapped: it is there to be copied.
    if (!report_.accept_command.empty()) line("    " + color_.bold(report::printable(report_.accept_command)));
    if (!report_.package.empty())
      paragraph("· ",
                fmt::format("package: {} ({} searched in {})", report_.package,
                            report_.candidates.size() == 1 ? "1 candidate"
                                                           : fmt::format("{} candidates", report_.candidates.size()),
                            report::format_seconds(report_.seconds)));
  }

  const Report& report_;
  const CandidateRow& best_;
  int width_;
  Palette color_;
  std::string out_;
};

}  // namespace

std::string report_table(const Report& report, int width, bool color) { return Table(report, width, color).text(); }

}  // namespace speedster
