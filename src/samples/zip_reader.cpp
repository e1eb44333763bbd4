#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "samples/zip.h"

namespace speedster::samples {
namespace {

constexpr std::uint32_t kLocal = 0x04034B50, kCentral = 0x02014B50, kEnd = 0x06054B50, kEnd64 = 0x06064B50,
                        kLocator64 = 0x07064B50;
constexpr std::size_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22, kEnd64Size = 56, kLocatorSize = 20,
                      kMaxComment = 65535;
constexpr std::uint64_t kMaxDirectory = std::uint64_t{256} << 20U;
constexpr std::uint64_t kMaxDeflateRatio = 1032;  // deflate's own bound ("zlib technical details")
constexpr std::uint32_t kIn64 = 0xFFFFFFFF;       // the true value is in the zip64 field
constexpr std::uint16_t kExtra64 = 1, kEncrypted = 1, kStored = 0, kDeflated = 8;

template <typename Number>
Number number(std::span<const std::byte> from, std::size_t at) {
  Number value;
  std::memcpy(&value, from.data() + at, sizeof value);
  return value;
}

struct Directory {
  std::uint64_t count = 0, start = 0, size = 0;
};

/// The end record is the last thing in the file, its comment included; all else is found through it.
std::optional<Directory> find_directory(const Bytes& bytes) {
  if (bytes.size() < kEndSize) return std::nullopt;
  std::vector<std::byte> tail(std::min<std::uint64_t>(bytes.size(), kEndSize + kMaxComment));
  const auto got = bytes.read_at(bytes.size() - tail.size(), tail);
  if (!got || *got != tail.size()) return std::nullopt;
  for (std::size_t at = tail.size() - kEndSize + 1; at-- > 0;) {
    const auto end = std::span(tail).subspan(at);
    if (number<std::uint32_t>(end, 0) != kEnd || number<std::uint16_t>(end, 20) != end.size() - kEndSize) continue;
    Directory directory{number<std::uint16_t>(end, 10), number<std::uint32_t>(end, 16), number<std::uint32_t>(end, 12)};
    std::uint64_t before = bytes.size() - tail.size() + at;  // where the directory has to have ended
    std::array<std::byte, kLocatorSize> locator;
    if (before >= kLocatorSize && bytes.read_at(before - kLocatorSize, locator).ok() &&
        number<std::uint32_t>(locator, 0) == kLocator64) {
      std::array<std::byte, kEnd64Size> end64;
      const auto place = number<std::uint64_t>(locator, 8);
      if (place > before - kLocatorSize || before - kLocatorSize - place < kEnd64Size ||
          !bytes.read_at(place, end64).ok() || number<std::uint32_t>(end64, 0) != kEnd64)
        return std::nullopt;
      directory = {number<std::uint64_t>(end64, 32), number<std::uint64_t>(end64, 48),
                   number<std::uint64_t>(end64, 40)};
      before = place;
    }
    if (directory.size > kMaxDirectory || directory.start > before || directory.size > before - directory.start)
      return std::nullopt;
    return directory;
  }
  return std::nullopt;
}

/// Takes the values that did not fit in 32 bits out of the zip64 field, in the order in which the format has them.
bool read_extra64(std::span<const std::byte> extra, std::initializer_list<std::uint64_t*> values) {
  const auto wanted = [&] {
    return std::ranges::any_of(values, [](const std::uint64_t* value) { return *value == kIn64; });
  };
  if (!wanted()) return true;
  while (extra.size() >= 4) {
    const auto id = number<std::uint16_t>(extra, 0);
    const std::size_t size = number<std::uint16_t>(extra, 2);
    if (size > extra.size() - 4) return false;
    auto field = extra.subspan(4, size);
    extra = extra.subspan(4 + size);
    if (id != kExtra64) continue;
    for (std::uint64_t* value : values) {
      if (*value != kIn64) continue;
      if (field.size() < 8) return false;
      *value = number<std::uint64_t>(field, 0);
      field = field.subspan(8);
    }
    return true;
  }
  return false;
}

class MemberStream final : public Stream {
 public:
  MemberStream(std::shared_ptr<const Bytes> bytes, const ZipReader::Member& member, std::string who)
      : bytes_(std::move(bytes)), member_(member), who_(std::move(who)), left_(member.size) {
    if (member_.deflated && inflateInit2(&inflate_, -MAX_WBITS) == Z_OK) inflating_ = true;
  }
  MemberStream(const MemberStream&) = delete;
  MemberStream& operator=(const MemberStream&) = delete;
  ~MemberStream() override {
    if (inflating_) inflateEnd(&inflate_);
  }

  Result<void> read(std::span<std::byte> to) override {
    if (to.size() > left_ || (member_.deflated && !inflating_)) return broken();
    left_ -= to.size();
    for (; !to.empty(); to = to.subspan(std::min(to.size(), kPiece))) {
      const auto piece = to.first(std::min(to.size(), kPiece));
      SPEEDSTER_TRY(member_.deflated ? unpack(piece) : copy(piece));
      crc_ = crc32(crc_, reinterpret_cast<const Bytef*>(piece.data()), static_cast<uInt>(piece.size()));
    }
    return left_ == 0 && crc_ != member_.crc ? broken() : Result<void>();
  }

 private:
  static constexpr std::size_t kPiece = std::size_t{1} << 20U;

  Error broken() const {
    return {ErrorKind::kBadInput, "[samples] expected intact data in " + who_ +
                                      ", got a truncated or corrupted member; try to write or copy the file again"};
  }
  Result<void> copy(std::span<std::byte> to) {
    SPEEDSTER_ASSIGN(const std::size_t got, bytes_->read_at(member_.start + taken_, to));
    taken_ += got;
    return got == to.size() ? Result<void>() : broken();
  }
  Result<void> unpack(std::span<std::byte> to) {
    inflate_.next_out = reinterpret_cast<Bytef*>(to.data());
    inflate_.avail_out = static_cast<uInt>(to.size());
    while (inflate_.avail_out > 0) {
      // With all of it read, inflate may still hold a match that did not fit in the piece before.
      if (inflate_.avail_in == 0 && taken_ < member_.stored) {
        const auto room = std::span(packed_).first(std::min<std::uint64_t>(packed_.size(), member_.stored - taken_));
        SPEEDSTER_ASSIGN(const std::size_t got, bytes_->read_at(member_.start + taken_, room));
        if (got == 0) return broken();
        taken_ += got;
        inflate_.next_in = reinterpret_cast<Bytef*>(packed_.data());
        inflate_.avail_in = static_cast<uInt>(got);
      }
      const int status = inflate(&inflate_, Z_NO_FLUSH);
      if (status != Z_OK && !(status == Z_STREAM_END && inflate_.avail_out == 0)) return broken();
    }
    return {};
  }

  std::shared_ptr<const Bytes> bytes_;
  ZipReader::Member member_;
  std::string who_;
  std::uint64_t left_, taken_ = 0;
  uLong crc_ = 0;
  z_stream inflate_{};
  bool inflating_ = false;
  std::array<std::byte, 65536> packed_;
};

}  // namespace

Result<ZipReader> ZipReader::open(std::shared_ptr<const Bytes> bytes, std::string who) {
  ZipReader reader;
  const auto broken = [&who](const std::string& expected) {
    return Error(ErrorKind::kBadInput, "[samples] expected " + expected + " in " + who +
                                           ", got something else; try to write or copy the file again");
  };
  const auto directory = find_directory(*bytes);
  if (!directory) return broken("a zip archive");
  std::vector<std::byte> content(directory->size);
  SPEEDSTER_ASSIGN(const std::size_t got, bytes->read_at(directory->start, content));
  if (got != content.size()) return broken("a whole directory");

  std::span<const std::byte> rest = content;
  for (std::uint64_t i = 0; i < directory->count; ++i) {
    if (rest.size() < kCentralSize || number<std::uint32_t>(rest, 0) != kCentral) return broken("a whole directory");
    const auto flags = number<std::uint16_t>(rest, 8), method = number<std::uint16_t>(rest, 10);
    const std::size_t name_size = number<std::uint16_t>(rest, 28), extra_size = number<std::uint16_t>(rest, 30);
    const std::size_t whole = kCentralSize + name_size + extra_size + number<std::uint16_t>(rest, 32);
    if (rest.size() < whole) return broken("a whole directory");
    Member member;
    member.name.assign(reinterpret_cast<const char*>(rest.data()) + kCentralSize, name_size);
    member.crc = number<std::uint32_t>(rest, 16);
    member.stored = number<std::uint32_t>(rest, 20);
    member.size = number<std::uint32_t>(rest, 24);
    member.deflated = method == kDeflated;
    std::uint64_t local_start = number<std::uint32_t>(rest, 42);
    if (!read_extra64(rest.subspan(kCentralSize + name_size, extra_size), {&member.size, &member.stored, &local_start}))
      return broken("the sizes of \"" + member.name + "\"");
    if ((method != kStored && method != kDeflated) || (flags & kEncrypted) != 0)
      return Error(ErrorKind::kBadInput, "[samples] expected stored or deflated members in " + who + ", got \"" +
                                             member.name + "\" in another way; try np.savez");

    std::array<std::byte, kLocalSize> local;
    const std::uint64_t before = directory->start;
    if (local_start > before || before - local_start < kLocalSize)
      return broken("\"" + member.name + "\" before the directory");
    SPEEDSTER_ASSIGN(const std::size_t read, bytes->read_at(local_start, local));
    if (read != local.size() || number<std::uint32_t>(local, 0) != kLocal)
      return broken("the header of \"" + member.name + "\"");
    member.start = local_start + kLocalSize + number<std::uint16_t>(local, 26) + number<std::uint16_t>(local, 28);
    if (member.start > before || member.stored > before - member.start ||
        member.size > member.stored * (member.deflated ? kMaxDeflateRatio : 1) ||
        (!member.deflated && member.size != member.stored))
      return broken("possible sizes for \"" + member.name + "\"");
    reader.members_.push_back(std::move(member));
    rest = rest.subspan(whole);
  }
  reader.bytes_ = std::move(bytes);
  reader.who_ = std::move(who);
  return reader;
}

std::unique_ptr<Stream> ZipReader::content(std::size_t i) const {
  return std::make_unique<MemberStream>(bytes_, members_[i], who_ + ", \"" + members_[i].name + "\"");
}

}  // namespace speedster::samples
