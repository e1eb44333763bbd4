#include "accuracy/label_metrics.h"

#include "base/text.h"

namespace speedster::accuracy {
namespace {

Error bad(const std::string& expected, const std::string& got) {
  return {ErrorKind::kBadInput, "[accuracy] expected " + expected + ", got " + got};
}

bool integer(DType dtype) {
  return dtype == DType::kBool || info(dtype).dl.code == kDLInt || info(dtype).dl.code == kDLUInt;
}

/// A class id for each row.
Result<std::vector<std::int64_t>> class_ids(const Label& label) {
  std::vector<std::int64_t> ids;
  if (label.text) {
    for (const std::string& line : split(*label.text, '\n')) {
      const auto id = parse_number<std::int64_t>(trim(line));
      if (!id)
        return bad("a class id a line of the labels",
                   "\"" + line + "\"; try --metric-command for labels of another kind");
      ids.push_back(*id);
    }
    return ids;
  }
  if (!label.tensor) return bad("labels", "none; try --labels FILE");
  if (!integer(label.tensor->dtype))
    return bad("integer class ids as labels",
               std::string(name(label.tensor->dtype)) + "; try np.save(\"labels.npy\", labels.astype(np.int64))");
  for (std::int64_t i = 0; i < label.tensor->count(); ++i)
    ids.push_back(static_cast<std::int64_t>(element(*label.tensor, i)));
  return ids;
}

/// Rows whose label is among the k best. Of equal scores the lower class comes first.
std::int64_t right_rows(const TensorView& scores, std::span<const std::int64_t> labels, std::int64_t classes,
                        std::int64_t k) {
  std::int64_t right = 0;
  for (std::size_t row = 0; row < labels.size(); ++row) {
    const std::int64_t start = static_cast<std::int64_t>(row) * classes;
    const double score = element(scores, start + labels[row]);
    std::int64_t better = 0;
    for (std::int64_t c = 0; c < classes && better < k; ++c) {
      const double other = element(scores, start + c);
      better += other > score || (other == score && c < labels[row]) ? 1 : 0;
    }
    right += better < k ? 1 : 0;
  }
  return right;
}

class LabelMetric final : public Metric {
 public:
  LabelMetric(std::string name, std::int64_t k) : name_(std::move(name)), k_(k) {}
  std::string_view name() const override { return name_; }
  bool needs_labels() const override { return true; }
  double least() const override { return -1; }
  bool counts() const override { return true; }

 private:
  Result<double> comparable_drop(const Difference&, const TensorView& original, const TensorView& candidate,
                                 const Label& label) const override {
    SPEEDSTER_ASSIGN(const std::vector<std::int64_t> labels, class_ids(label));
    if (labels.empty()) return bad("a label a row", "none");
    const auto rows = static_cast<std::int64_t>(labels.size());
    if (k_ == 1 && integer(original.dtype) && original.count() == rows) {
      std::int64_t drop = 0;
      for (std::int64_t i = 0; i < rows; ++i) {
        const auto id = static_cast<double>(labels[static_cast<std::size_t>(i)]);
        drop += (element(original, i) == id ? 1 : 0) - (element(candidate, i) == id ? 1 : 0);
      }
      return static_cast<double>(drop) / static_cast<double>(rows);
    }
    const std::int64_t classes = original.shape.empty() ? 1 : original.shape.back();
    if (classes < 2 || original.count() != rows * classes)
      return bad("scores of two or more classes along the last axis for " + std::to_string(rows) + " labels",
                 to_string(original.shape) + "; try --output NAME of the scores, or --metric-command");
    if (k_ >= classes) return bad("a K below the " + std::to_string(classes) + " classes", std::to_string(k_));
    for (const std::int64_t id : labels)
      if (id < 0 || id >= classes) return bad("class ids below " + std::to_string(classes), std::to_string(id));
    const std::int64_t drop = right_rows(original, labels, classes, k_) - right_rows(candidate, labels, classes, k_);
    return static_cast<double>(drop) / static_cast<double>(rows);
  }

  std::string name_;
  std::int64_t k_;
};

}  // namespace

std::unique_ptr<Metric> make_accuracy() { return std::make_unique<LabelMetric>("accuracy", 1); }
std::unique_ptr<Metric> make_top_k(std::int64_t k) {
  return std::make_unique<LabelMetric>("top_k:" + std::to_string(k), k);
}

}  // namespace speedster::accuracy
