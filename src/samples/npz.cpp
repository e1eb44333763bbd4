#include "samples/npz.h"

#include <minizip/unzip.h>

#include <algorithm>
#include <array>
#include <set>

namespace speedster::samples {
namespace {

constexpr std::uint64_t kMaxDeflateRatio = 1032;  // deflate's bound (zlib technical details)
constexpr uLong kEncrypted = 1;

/// What minizip reads through: a window over the bytes, since it asks for them one by one.
struct Cursor {
  std::shared_ptr<const Bytes> bytes;
  std::uint64_t position = 0, window_start = 0;
  std::size_t window_size = 0;
  bool ended = false;  // someone wanted more than there is
  std::array<std::byte, 32768> window;

  std::size_t read(std::span<std::byte> to) {
    std::size_t done = 0;
    while (done < to.size()) {
      if (position < window_start || position >= window_start + window_size) {
        const auto got = bytes->read_at(position, window);
        ended = ended || !got || *got == 0;
        if (ended) break;
        window_start = position;
        window_size = *got;
      }
      const std::size_t from = position - window_start, n = std::min(to.size() - done, window_size - from);
      std::copy_n(window.data() + from, n, to.data() + done);
      done += n;
      position += n;
    }
    return done;
  }
};

// The callbacks of minizip's ioapi.h; the stream is the Cursor, which the archive's State owns.
zlib_filefunc64_def callbacks(Cursor& cursor) {
  zlib_filefunc64_def functions{};
  functions.opaque = &cursor;
  functions.zopen64_file = [](voidpf opaque, const void*, int) -> voidpf { return opaque; };
  functions.zread_file = [](voidpf, voidpf stream, void* to, uLong size) -> uLong {
    return static_cast<Cursor*>(stream)->read({static_cast<std::byte*>(to), size});
  };
  functions.zwrite_file = [](voidpf, voidpf, const void*, uLong) -> uLong { return 0; };
  functions.ztell64_file = [](voidpf, voidpf stream) -> ZPOS64_T { return static_cast<Cursor*>(stream)->position; };
  functions.zseek64_file = [](voidpf, voidpf stream, ZPOS64_T offset, int origin) -> long {
    auto& at = *static_cast<Cursor*>(stream);
    const std::uint64_t base = origin == ZLIB_FILEFUNC_SEEK_SET   ? 0
                               : origin == ZLIB_FILEFUNC_SEEK_CUR ? at.position
                                                                  : at.bytes->size();
    if (offset > at.bytes->size() || base > at.bytes->size() - offset) return -1;
    at.position = base + offset;
    return 0;
  };
  functions.zclose_file = [](voidpf, voidpf) { return 0; };
  functions.zerror_file = [](voidpf, voidpf) { return 0; };
  return functions;
}

/// What np.savez without arrays writes: nothing but the end of a directory. minizip takes its place 0 for "not found".
bool empty_archive(const Bytes& bytes) {
  std::array<std::byte, 22> end{};
  const auto got = bytes.read_at(0, end);
  constexpr std::string_view kEnd = "PK\5\6";
  return bytes.size() == end.size() && got &&
         std::ranges::equal(std::span(end).first(4), std::as_bytes(std::span(kEnd)));
}

}  // namespace

struct NpzReader::State {
  std::string who;
  Cursor cursor;
  unzFile zip = nullptr;
  std::vector<Entry> entries;
  std::vector<unz64_file_pos> positions;

  ~State() {
    if (zip != nullptr) unzClose(zip);
  }
  Error broken(const std::string& expected) const {
    return {ErrorKind::kBadInput, "[samples] expected " + expected + " in " + who +
                                      ", got something else; try to write or copy the file again"};
  }
};

namespace {

class MemberStream final : public Stream {
 public:
  MemberStream(std::shared_ptr<void> keep, unzFile zip, std::string who)
      : keep_(std::move(keep)), zip_(zip), who_(std::move(who)) {}

  Result<void> read(std::span<std::byte> to) override {
    while (!to.empty()) {
      const auto want = static_cast<unsigned>(std::min<std::size_t>(to.size(), 1U << 30U));
      const int got = unzReadCurrentFile(zip_, to.data(), want);
      if (got <= 0) return broken();
      to = to.subspan(static_cast<std::size_t>(got));
    }
    // The checksum is known once the last byte is out; minizip looks at it when the member is closed.
    if (unzeof(zip_) == 1 && unzCloseCurrentFile(zip_) == UNZ_CRCERROR) return broken();
    return {};
  }

 private:
  Error broken() const {
    return {ErrorKind::kBadInput, "[samples] expected intact data in " + who_ +
                                      ", got a truncated or corrupted member; try to write or copy the file again"};
  }
  std::shared_ptr<void> keep_;
  unzFile zip_;
  std::string who_;
};

}  // namespace

Result<NpzReader> NpzReader::open(std::shared_ptr<const Bytes> bytes, std::string who) {
  auto state = std::make_shared<State>();
  state->who = std::move(who);
  state->cursor.bytes = bytes;
  zlib_filefunc64_def functions = callbacks(state->cursor);
  state->zip = unzOpen2_64("", &functions);
  NpzReader reader;
  reader.state_ = state;
  if (state->zip == nullptr && empty_archive(*bytes)) return reader;
  if (state->zip == nullptr || state->cursor.ended) return state->broken("a zip archive");

  std::set<std::string> names;
  int status = unzGoToFirstFile(state->zip);
  for (; status == UNZ_OK; status = unzGoToNextFile(state->zip)) {
    unz_file_info64 member{};
    std::array<char, 4096> buffer{};
    if (unzGetCurrentFileInfo64(state->zip, &member, buffer.data(), buffer.size() - 1, nullptr, 0, nullptr, 0) !=
        UNZ_OK)
      return state->broken("a readable directory");
    if (member.size_filename >= buffer.size()) return state->broken("names below 4096 bytes");
    std::string name(buffer.data(), member.size_filename);
    const std::string inside = state->who + ", array \"" + name + "\"";
    if (!name.ends_with(".npy"))
      return Error(ErrorKind::kBadInput,
                   "[samples] expected npy arrays only in " + state->who + ", got \"" + name + "\"; try np.savez");
    name.resize(name.size() - 4);
    if (!names.insert(name).second) return state->broken("distinct names (\"" + name + "\" is there twice)");
    const bool stored = member.compression_method == 0;
    if ((!stored && member.compression_method != Z_DEFLATED) || (member.flag & kEncrypted) != 0)
      return Error(ErrorKind::kBadInput,
                   "[samples] expected a stored or deflated member in " + inside + ", got another kind; try np.savez");
    const std::uint64_t most = member.compressed_size * (stored ? 1 : kMaxDeflateRatio);
    if (member.compressed_size > bytes->size() || member.uncompressed_size > most)
      return state->broken("possible sizes");

    unz64_file_pos position{};
    if (unzGetFilePos64(state->zip, &position) != UNZ_OK || unzOpenCurrentFile(state->zip) != UNZ_OK)
      return state->broken("a readable member \"" + name + "\"");
    MemberStream header_stream(state, state->zip, inside);
    SPEEDSTER_ASSIGN(NpyHeader header, read_npy_header(header_stream, inside));
    if (header.header_bytes + header.data_bytes != member.uncompressed_size)
      return Error(ErrorKind::kBadInput, "[samples] expected " + std::to_string(header.data_bytes) + " bytes for " +
                                             std::string(speedster::name(header.dtype)) + " " +
                                             to_string(header.shape) + " in " + inside + ", got " +
                                             std::to_string(member.uncompressed_size) + " with the header");
    unzCloseCurrentFile(state->zip);
    state->entries.push_back({std::move(name), std::move(header)});
    state->positions.push_back(position);
  }
  if (status != UNZ_END_OF_LIST_OF_FILE) return state->broken("a readable directory");
  return reader;
}

const std::vector<NpzReader::Entry>& NpzReader::entries() const { return state_->entries; }

Result<std::unique_ptr<Stream>> NpzReader::elements(std::size_t i) const {
  State& state = *state_;
  unzCloseCurrentFile(state.zip);
  unz64_file_pos position = state.positions[i];
  if (unzGoToFilePos64(state.zip, &position) != UNZ_OK || unzOpenCurrentFile(state.zip) != UNZ_OK)
    return state.broken("a readable member \"" + state.entries[i].name + "\"");
  const std::string who = state.who + ", array \"" + state.entries[i].name + "\"";
  auto stream = std::make_unique<MemberStream>(state_, state.zip, who);
  SPEEDSTER_ASSIGN(const NpyHeader header, read_npy_header(*stream, who));
  return row_major(std::move(stream), header);
}

}  // namespace speedster::samples
