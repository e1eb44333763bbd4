/// Makes a folder that runs a package on another machine, with an empty environment and no Python: the package, the
/// runtime, the plug-ins and vendors' libraries that its variants use, what those need beyond glibc, the licences, an
/// SPDX list, and a small program that loads and runs it.
///
///     DIR/bin/run            runs the package; it and the libraries are found relative to it, so DIR may be moved
///     DIR/lib/               libspeedster_runtime, libcrypto, libstdc++, libgcc_s
///     DIR/lib/speedster/     backends/ and vendor/NAME/
///     DIR/NAME.speedster/    the package, as it was
///     DIR/licenses/  DIR/sbom.spdx.json  DIR/README.txt
#pragma once
#include "base/cancel.h"
#include "learner/options.h"
#include "learner/sbom.h"

namespace speedster::learner {

struct BundleOptions {
  LoadOptions load;          ///< how to load here; `require_variant` limits the bundle to that variant's backend
  double run_seconds = 120;  ///< time that the program of the finished bundle has to run the package
  CancelToken cancel;        ///< looked at between two files: nothing is left then
};

struct BundleReport {
  std::filesystem::path directory;
  std::string package;                ///< name of the package's folder inside
  std::vector<std::string> backends;  ///< whose plug-ins and vendors are inside
  std::vector<std::string> variants;  ///< those that load from it on this machine, the preferred first
  std::string lowest_glibc;           ///< "2.34": from the versioned symbols of all parts
  std::vector<BundlePart> parts;
  std::uint64_t bytes = 0;
};

/// Which of a vendor's files are needed is not guessed: each variant is loaded and run, and what was then mapped from
/// the vendor's folder is taken, with what that links. The finished bundle is run once in an empty environment before
/// it is moved into place; an existing `directory` is replaced only if it is a bundle.
Result<BundleReport> bundle(const std::filesystem::path& package, const std::filesystem::path& directory,
                            const BundleOptions& options);
Json to_json(const BundleReport& report);

}  // namespace speedster::learner
