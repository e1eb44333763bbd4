#include "base/digest.h"

#include <openssl/evp.h>

#include <array>
#include <cstdio>

#include "base/files.h"

namespace speedster {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() { EVP_DigestInit_ex(context, EVP_sha256(), nullptr); }
  ~State() { EVP_MD_CTX_free(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(std::string_view bytes) {
  EVP_DigestUpdate(state_->context, bytes.data(), bytes.size());
  return *this;
}

Sha256& Sha256::update(std::span<const std::byte> bytes) {
  EVP_DigestUpdate(state_->context, bytes.data(), bytes.size());
  return *this;
}

Sha256& Sha256::field(std::string_view text) {
  update(std::to_string(text.size()));
  update(":");
  return update(text);
}

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(state_->context, bytes.data(), &size);
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(std::size_t{2} * size);
  for (unsigned int i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4U];
    text += kDigits[bytes[i] & 15U];
  }
  return text;
}

std::string sha256(std::string_view bytes) { return Sha256().update(bytes).hex(); }

Result<std::string> sha256_file(const std::filesystem::path& path) {
  SPEEDSTER_ASSIGN(UniqueFd fd, open_for_reading(path));
  Sha256 digest;
  std::vector<std::byte> buffer(std::size_t{1} << 20U);
  while (true) {
    SPEEDSTER_ASSIGN(std::size_t got, read_some(fd.get(), buffer, path));
    if (got == 0) return digest.hex();
    digest.update(std::span<const std::byte>(buffer.data(), got));
  }
}

}  // namespace speedster
