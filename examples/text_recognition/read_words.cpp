// Reads words from images with an optimized text-recognition package: no Python, and no vendor at link time.
// usage: read_words PACKAGE IMAGES.npy CHARACTERS.txt [LABELS.txt]
// IMAGES.npy is float32 [n, 3, 48, width], C order; CHARACTERS.txt has the model's classes, one a line, the CTC blank
// first.
#include <speedster/learner.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

std::vector<std::string> lines_of(const char* path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

/// A float32 array in C order from an npy file of version 1 (numpy.lib.format); empty shape where it is anything else.
speedster::Tensor read_npy(const char* path) {
  std::ifstream file(path, std::ios::binary);
  char head[10] = {};
  if (!file.read(head, sizeof head) || std::string(head, 6) != "\x93NUMPY" || head[6] != 1) return {};
  std::string text(static_cast<unsigned char>(head[8]) + 256U * static_cast<unsigned char>(head[9]), '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(text.size()))) return {};
  if (text.find("'<f4'") == std::string::npos || text.find("'fortran_order': False") == std::string::npos) return {};
  speedster::Shape shape;
  const std::size_t open = text.find('('), close = text.find(')');
  if (open == std::string::npos || close == std::string::npos) return {};
  for (std::size_t at = open + 1; at < close;) {
    const std::size_t end = std::min(text.find(',', at), close);
    const std::string digits = text.substr(at, end - at);
    if (digits.find_first_of("0123456789") != std::string::npos) shape.push_back(std::stoll(digits));
    at = end + 1;
  }
  if (!speedster::element_count(shape)) return {};
  speedster::Tensor tensor(speedster::DType::kFloat32, shape);
  if (!file.read(static_cast<char*>(tensor.data()), static_cast<std::streamsize>(tensor.bytes()))) return {};
  return tensor;
}

/// Best class a step, repetitions and blanks removed, spaces at the ends too.
std::string decode(const speedster::Tensor& output, const std::vector<std::string>& classes) {
  const auto steps = static_cast<std::size_t>(output.shape()[1]), width = static_cast<std::size_t>(output.shape()[2]);
  const float* row = output.as<float>().data();
  std::string text;
  std::size_t last = 0;
  for (std::size_t step = 0; step < steps; ++step, row += width) {
    const auto best = static_cast<std::size_t>(std::max_element(row, row + width) - row);
    if (best != 0 && best != last && best < classes.size()) text += classes[best];
    last = best;
  }
  const std::size_t begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: read_words PACKAGE IMAGES.npy CHARACTERS.txt [LABELS.txt]\n");
    return 2;
  }
  auto learner = speedster::Learner::load(argv[1]);
  if (!learner) {
    std::fprintf(stderr, "%s\n", learner.error().full_message().c_str());
    return 1;
  }
  const speedster::Tensor images = read_npy(argv[2]);
  const std::vector<std::string> classes = lines_of(argv[3]);
  const std::vector<std::string> labels = argc > 4 ? lines_of(argv[4]) : std::vector<std::string>();
  if (images.shape().size() != 4) {
    std::fprintf(stderr, "[read_words] expected float32 [n, 3, 48, width] in %s, got something else\n", argv[2]);
    return 2;
  }
  const auto count = static_cast<std::size_t>(images.shape()[0]);
  const std::size_t size = images.as<float>().size() / std::max<std::size_t>(count, 1);
  std::size_t right = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<speedster::Tensor> inputs;
    inputs.push_back(speedster::Tensor::from<float>(speedster::DType::kFloat32,
                                                    {1, images.shape()[1], images.shape()[2], images.shape()[3]},
                                                    images.as<float>().subspan(i * size, size)));
    auto outputs = learner->run(inputs);
    if (!outputs) {
      std::fprintf(stderr, "%s\n", outputs.error().full_message().c_str());
      return 1;
    }
    const std::string word = decode(outputs->front().tensor, classes);
    if (i < labels.size()) {
      right += word == labels[i] ? 1U : 0U;
      std::printf("%-16s %s\n", word.c_str(), word == labels[i] ? "" : ("(expected " + labels[i] + ")").c_str());
    } else {
      std::printf("%s\n", word.c_str());
    }
  }
  if (!labels.empty()) std::printf("%zu of %zu words right\n", right, count);
  return 0;
}
