#!/usr/bin/env bash
# Unit tests under the address and undefined-behaviour sanitizers, then under the thread sanitizer.
set -euo pipefail
cd "$(dirname "$0")/.."
for preset in asan tsan; do
  cmake --preset "$preset"
  cmake --build "build/$preset" --target unit_tests
  ctest --preset "$preset"
done
