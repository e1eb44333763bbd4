// Who installed a file: a wheel or a Debian package, from what they leave on disk. No package manager is run.
#include <algorithm>
#include <cctype>

#include "base/files.h"
#include "base/text.h"
#include "learner/sbom.h"

namespace speedster::learner {
namespace {

constexpr std::uint64_t kMaxDatabase = std::uint64_t{256} << 20U;

bool starts_with_any(std::string name, std::initializer_list<std::string_view> starts) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return std::any_of(starts.begin(), starts.end(), [&](std::string_view start) { return name.starts_with(start); });
}

/// Files of a folder whose names are those of licences; with `all`, every file below.
void add_licences(const fs::path& folder, bool all, std::vector<fs::path>& found) {
  std::error_code error;
  std::vector<fs::path> files;
  if (all) {
    for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
      files.push_back(it->path());
  } else {
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
      if (starts_with_any(it->path().filename().string(),
                          {"LICENSE", "LICENCE", "COPYING", "NOTICE", "THIRDPARTY", "THIRD-PARTY", "COPYRIGHT"}))
        files.push_back(it->path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files)
    if (fs::is_regular_file(file, error)) found.push_back(file);
}

/// The value of a header of METADATA (RFC 822 style, first match).
std::string header(std::string_view metadata, std::string_view key) {
  for (const std::string& line : split(metadata.substr(0, metadata.find("\n\n")), '\n'))
    if (line.size() > key.size() + 1 && line.starts_with(key) && line[key.size()] == ':')
      return std::string(trim(std::string_view(line).substr(key.size() + 1)));
  return {};
}

/// An SPDX expression from the older ways of saying it; empty where they do not name one clearly.
std::string licence_of(std::string_view metadata) {
  if (std::string expression = header(metadata, "License-Expression"); !expression.empty()) return expression;
  constexpr std::pair<std::string_view, std::string_view> kKnown[] = {
      {"MIT License", "MIT"},
      {"OSI Approved :: MIT License", "MIT"},
      {"MIT", "MIT"},
      {"OSI Approved :: Apache Software License", "Apache-2.0"},
      {"Apache-2.0", "Apache-2.0"},
      {"Apache License 2.0", "Apache-2.0"},
      {"Apache 2.0", "Apache-2.0"},
      {"OSI Approved :: BSD License", ""},
      {"BSD-3-Clause", "BSD-3-Clause"}};
  const std::string stated = header(metadata, "License");
  for (const auto& [text, expression] : kKnown)
    if (stated == text || metadata.find("Classifier: License :: " + std::string(text)) != std::string_view::npos)
      return std::string(expression);
  return {};
}

/// The site-packages folder above a file, or nothing.
std::optional<fs::path> site_above(const fs::path& file) {
  for (fs::path folder = file.parent_path(); folder.has_relative_path(); folder = folder.parent_path())
    if (folder.filename() == "site-packages" || folder.filename() == "dist-packages") return folder;
  return std::nullopt;
}

/// The stanza of a package in dpkg's status.
std::string debian_version(const fs::path& root, const std::string& name) {
  const auto status = read_file(root / "var/lib/dpkg/status", kMaxDatabase);
  if (!status.ok()) return {};
  const std::string start = "Package: " + name + "\n";
  for (std::size_t at = status->find(start); at != std::string::npos; at = status->find(start, at + 1)) {
    if (at != 0 && (*status)[at - 1] != '\n') continue;
    const std::string_view stanza = std::string_view(*status).substr(at, status->find("\n\n", at) - at);
    return header(stanza, "Version");
  }
  return {};
}

std::string debian_licence(const std::string& name) {
  constexpr std::pair<std::string_view, std::string_view> kKnown[] = {
      {"libgcc-s1", "GPL-3.0-or-later WITH GCC-exception-3.1"},
      {"libssl3", "Apache-2.0"},
      {"libssl3t64", "Apache-2.0"},
      {"libstdc++6", "GPL-3.0-or-later WITH GCC-exception-3.1"},
      {"zlib1g", "Zlib"}};
  for (const auto& [package, expression] : kKnown)
    if (name == package) return std::string(expression);
  return {};
}

}  // namespace

std::optional<Owner> wheel_owner(const fs::path& file) {
  const auto site = site_above(file);
  if (!site) return std::nullopt;
  const std::string relative = file.lexically_relative(*site).generic_string();
  std::error_code error;
  for (fs::directory_iterator it(*site, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() != ".dist-info") continue;
    const auto record = read_file(it->path() / "RECORD", kMaxDatabase);
    if (!record.ok() || ("\n" + *record).find("\n" + relative + ",") == std::string::npos) continue;
    const auto metadata = read_file(it->path() / "METADATA");
    if (!metadata.ok()) continue;
    Owner owner{header(*metadata, "Name"), header(*metadata, "Version"), licence_of(*metadata), {}};
    add_licences(it->path(), false, owner.licence_files);
    add_licences(it->path() / "licenses", true, owner.licence_files);
    add_licences(*site / *fs::path(relative).begin(), false, owner.licence_files);
    return owner;
  }
  return std::nullopt;
}

std::optional<Owner> debian_owner(const fs::path& file, const fs::path& root) {
  // With a merged /usr the database may name either place.
  std::vector<std::string> lines = {"\n" + file.string() + "\n"};
  if (file.string().starts_with("/usr/")) lines.push_back("\n" + file.string().substr(4) + "\n");
  std::error_code error;
  for (fs::directory_iterator it(root / "var/lib/dpkg/info", error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() != ".list") continue;
    const auto list = read_file(it->path(), kMaxDatabase);
    if (!list.ok() || std::none_of(lines.begin(), lines.end(),
                                   [&](const std::string& line) { return list->find(line) != std::string::npos; }))
      continue;
    const std::string stem = it->path().stem().string();
    const std::string name = stem.substr(0, stem.find(':'));
    Owner owner{name, debian_version(root, name), debian_licence(name), {}};
    const fs::path copyright = root / "usr/share/doc" / name / "copyright";
    if (fs::is_regular_file(copyright, error)) owner.licence_files.push_back(copyright);
    return owner;
  }
  return std::nullopt;
}

}  // namespace speedster::learner
