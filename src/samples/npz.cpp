#include "samples/npz.h"

#include <set>

namespace speedster::samples {

Result<NpzReader> NpzReader::open(std::shared_ptr<const Bytes> bytes, std::string who) {
  SPEEDSTER_ASSIGN(ZipReader zip, ZipReader::open(std::move(bytes), std::move(who)));
  NpzReader reader(std::move(zip));
  std::set<std::string> names;
  for (std::size_t i = 0; i < reader.zip_.members().size(); ++i) {
    const ZipReader::Member& member = reader.zip_.members()[i];
    std::string name = member.name;
    if (!name.ends_with(".npy"))
      return Error(ErrorKind::kBadInput, "[samples] expected npy arrays only in " + reader.zip_.who() + ", got \"" +
                                             name + "\"; try np.savez");
    name.resize(name.size() - 4);
    if (!names.insert(name).second)
      return Error(ErrorKind::kBadInput,
                   "[samples] expected distinct names in " + reader.zip_.who() + ", got \"" + name + "\" twice");
    const std::string who_inside = reader.zip_.who() + ", array \"" + name + "\"";
    SPEEDSTER_ASSIGN(NpyHeader header, read_npy_header(*reader.zip_.content(i), who_inside));
    if (header.header_bytes + header.data_bytes != member.size)
      return Error(ErrorKind::kBadInput, "[samples] expected " + std::to_string(header.data_bytes) + " bytes for " +
                                             std::string(speedster::name(header.dtype)) + " " +
                                             to_string(header.shape) + " in " + who_inside + ", got " +
                                             std::to_string(member.size) + " with the header");
    reader.entries_.push_back({std::move(name), std::move(header)});
  }
  return reader;
}

Result<std::unique_ptr<Stream>> NpzReader::elements(std::size_t i) const {
  std::unique_ptr<Stream> content = zip_.content(i);
  SPEEDSTER_ASSIGN(const NpyHeader header,
                   read_npy_header(*content, zip_.who() + ", array \"" + entries_[i].name + "\""));
  return row_major(std::move(content), header);
}

}  // namespace speedster::samples
