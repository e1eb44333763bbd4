/// Finds free places for the labels of a plot around their points.
#pragma once
#include <string>
#include <vector>

namespace speedster::report {

struct Box {
  double left, top, right, bottom;
  bool overlaps(const Box& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
};

class Labels {
 public:
  explicit Labels(Box frame) : frame_(frame) {}
  /// Keeps labels off a marker.
  void keep_off(double x, double y) { taken_.push_back({x - 7, y - 7, x + 7, y + 7}); }
  /// Keeps labels off a line between two corners of the front.
  void keep_off(double x1, double y1, double x2, double y2);
  /// The SVG text beside (x, y), or nothing where no place is free.
  std::string place(double x, double y, const std::string& text, const char* css);

 private:
  Box frame_;
  std::vector<Box> taken_;
};

}  // namespace speedster::report
