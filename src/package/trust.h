/// Payloads that are code load only if this machine made them or the caller allows it. The proof is a digest in the
/// user's state folder (state_directory()/made-here), never anything inside a package.
#pragma once
#include "package/manifest.h"

namespace speedster::package {

/// One digest over the names and digests of a variant's files.
std::string payload_digest(const Manifest& manifest, const Variant& variant);
/// Remembers that this machine made the payload; called by whoever compiled it, before it is packed or loaded.
Result<void> record_made_here(const Manifest& manifest, const Variant& variant);
bool made_here(const Manifest& manifest, const Variant& variant);

}  // namespace speedster::package
