#include <zlib.h>

#include <algorithm>

#include "samples/zip.h"

namespace speedster::samples {
namespace {

constexpr std::uint64_t kIn64 = 0xFFFFFFFF;
constexpr std::uint16_t kVersion = 45;  // needed for zip64
constexpr std::uint16_t kUtf8Name = 1U << 11U;
constexpr std::uint32_t kNewYear1980 = 0x00210000;  // DOS date and time: the same content gives the same bytes

/// Little-endian fields, one after another.
class Record {
 public:
  Record& u16(std::uint64_t value) { return put(value, 2); }
  Record& u32(std::uint64_t value) { return put(value, 4); }
  Record& u64(std::uint64_t value) { return put(value, 8); }
  Record& text(std::string_view value) {
    bytes_ += value;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  Record& put(std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) bytes_ += static_cast<char>((value >> (8 * i)) & 255U);
    return *this;
  }
  std::string bytes_;
};

std::uint64_t in32(std::uint64_t value) { return std::min(value, kIn64); }

}  // namespace

Result<void> ZipWriter::open(const std::filesystem::path& path) {
  SPEEDSTER_ASSIGN(OutputFile file, OutputFile::create(path, "samples"));
  file_.emplace(std::move(file));
  return {};
}

Result<void> ZipWriter::write(std::string_view bytes) {
  position_ += bytes.size();
  return file_->write(std::as_bytes(std::span(bytes)));
}

Result<void> ZipWriter::add(std::string_view name, std::string_view header, std::span<const std::byte> data) {
  if (name.size() > 0xFFFF)
    return Error(ErrorKind::kBadInput,
                 "[samples] expected a name below 64 KiB, got one of " + std::to_string(name.size()) + " bytes");
  const std::uint64_t start = position_, size = header.size() + data.size();
  const bool ascii = std::ranges::all_of(name, [](char c) { return static_cast<unsigned char>(c) < 128; });
  uLong crc = crc32_z(0, reinterpret_cast<const Bytef*>(header.data()), header.size());
  crc = crc32_z(crc, reinterpret_cast<const Bytef*>(data.data()), data.size());

  const Record local_extra = size >= kIn64 ? Record().u16(1).u16(16).u64(size).u64(size) : Record();
  const Record central_extra =
      size >= kIn64 || start >= kIn64 ? Record().u16(1).u16(24).u64(size).u64(size).u64(start) : Record();
  const bool in64 = !central_extra.bytes().empty();
  const auto common = [&](Record& record, std::size_t extra) {
    record.u16(kVersion).u16(ascii ? 0 : kUtf8Name).u16(0).u32(kNewYear1980).u32(crc);
    const std::uint64_t written = extra > 0 ? kIn64 : size;
    record.u32(written).u32(written).u16(name.size()).u16(extra);
  };
  Record local, central;
  local.u32(0x04034B50);
  common(local, local_extra.bytes().size());
  local.text(name).text(local_extra.bytes());
  central.u32(0x02014B50).u16(kVersion);
  common(central, central_extra.bytes().size());
  central.u16(0).u16(0).u16(0).u32(0).u32(in64 ? kIn64 : start).text(name).text(central_extra.bytes());

  SPEEDSTER_TRY(write(local.bytes()));
  SPEEDSTER_TRY(write(header));
  SPEEDSTER_TRY(write({reinterpret_cast<const char*>(data.data()), data.size()}));
  directory_ += central.bytes();
  ++count_;
  return {};
}

Result<void> ZipWriter::finish() {
  const std::uint64_t start = position_, size = directory_.size();
  Record end;
  if (count_ >= 0xFFFF || start + size >= kIn64) {
    end.u32(0x06064B50).u64(44).u16(kVersion).u16(kVersion).u32(0).u32(0).u64(count_).u64(count_).u64(size).u64(start);
    end.u32(0x07064B50).u32(0).u64(start + size).u32(1);
  }
  const std::uint64_t count = std::min<std::uint64_t>(count_, 0xFFFF);
  end.u32(0x06054B50).u16(0).u16(0).u16(count).u16(count).u32(in32(size)).u32(in32(start)).u16(0);
  SPEEDSTER_TRY(write(directory_));
  SPEEDSTER_TRY(write(end.bytes()));
  return file_->finish();
}

}  // namespace speedster::samples
