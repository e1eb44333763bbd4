/// Finding a vendor's library on this machine and opening a plug-in with it.
///
/// The order: a copy that is already loaded in this process; the caller's setting; the package's or bundle's own
/// folder; the toolchain's environment; site-packages of the Python around (VIRTUAL_ENV, the interpreter that this
/// process is, the first python3 on PATH, the user's own); the system's library folders. No Python is started to find
/// out.
///
/// A loaded copy that does not fit ends the search, because two copies of one vendor's library in a process are not
/// safe in general. Vendors that were measured to keep to themselves say `"coexists": true`; for them it goes on.
#pragma once
#include <functional>

#include "backend/plugin.h"

namespace speedster::backend {

/// All libraries that may serve, best first; never empty when ok. A plug-in without a vendor gives one entry, source
/// "none". A setting is final: nothing but it and loaded copies is offered then.
Result<std::vector<VendorLibrary>> find_vendor_libraries(const Plugin& plugin, const VendorSearch& search);

/// A vendor that answered.
struct OpenedVendor {
  Instance instance;
  VendorLibrary library;
  std::string version;  ///< as `probe` says
  Json probe;
  std::vector<std::string> refused;  ///< "PATH: why", the libraries tried before
};

/// Empty = this version will do, else why not ("needs at least 1.31").
using VersionCheck = std::function<std::string(std::string_view version)>;

/// Opens the first library that loads, is usable and passes `check` (may be empty). The error lists every refusal.
Result<OpenedVendor> open_vendor(const std::shared_ptr<const Plugin>& plugin, const VendorSearch& search,
                                 const Options& options, Log log, const VersionCheck& check = {});

}  // namespace speedster::backend
