#include "base/digest.h"

// The functions behind EVP: deprecated for applications since OpenSSL 3.0, but without the providers and the
// configuration file that the first EVP digest of a process reads, 1.6 ms of the 40 that a package may take to load.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <array>
#include <cstdio>

#include "base/files.h"

namespace speedster {

struct Sha256::State {
  SHA256_CTX context;
  State() { SHA256_Init(&context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(std::string_view bytes) {
  SHA256_Update(&state_->context, bytes.data(), bytes.size());
  return *this;
}

Sha256& Sha256::update(std::span<const std::byte> bytes) {
  SHA256_Update(&state_->context, bytes.data(), bytes.size());
  return *this;
}

Sha256& Sha256::field(std::string_view text) {
  update(std::to_string(text.size()));
  update(":");
  return update(text);
}

std::string Sha256::hex() {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> bytes{};
  SHA256_Final(bytes.data(), &state_->context);
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
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
