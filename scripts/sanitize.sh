#!/usr/bin/env bash
# Unit tests and the reference backend's conformance under the address and undefined-behaviour sanitizers, then under
# the thread sanitizer. The vendors' libraries are not instrumented.
set -euo pipefail
cd "$(dirname "$0")/.."
for preset in asan tsan; do
  cmake --preset "$preset"
  cmake --build "build/$preset" --target unit_tests conformance
  ctest --preset "$preset"
  ctest --test-dir "build/$preset" -R '^conformance_reference$' --output-on-failure
done
