#!/usr/bin/env bash
# A short run of every fuzz target with libFuzzer and the sanitizers. usage: fuzz.sh [SECONDS each]; needs clang 19.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-20}
if ! command -v clang++-19 >/dev/null; then
  echo "[fuzz] installing clang-19" >&2
  sudo=""; [ "$(id -u)" -eq 0 ] || sudo=sudo
  $sudo apt-get update -q
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -q --no-install-recommends clang-19 libclang-rt-19-dev
fi
cmake --preset fuzz -DSPEEDSTER_FUZZ_SECONDS="$seconds"
cmake --build build/fuzz --target fuzz_ir_scan fuzz_manifest fuzz_npz fuzz_onnx fuzz_onnx_file fuzz_onnx_scan fuzz_rewrite fuzz_safetensors
ctest --test-dir build/fuzz -L fuzz --output-on-failure
