/// `speedster-worker serve`: a loaded package that checks and times on demand (docs/design/worker.md).
#pragma once

namespace speedster::worker {

/// Reads requests from descriptor `in`, writes replies to `out`, outputs to the shared memory `shared`. Returns the exit code.
int serve_main(int in, int out, int shared);

}  // namespace speedster::worker
