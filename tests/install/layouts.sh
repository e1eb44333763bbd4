#!/usr/bin/env bash
# What is decided when a build is configured, for choices that this build has not made: nothing is compiled.
source "$(dirname "$0")/common.sh"
headers=(-DSPEEDSTER_DLPACK_INCLUDE="$3" -DSPEEDSTER_ONNXRUNTIME_INCLUDE="$4" -DSPEEDSTER_OPENVINO_INCLUDE="$5"
  -DSPEEDSTER_ONNX_PROTO_DIR="$6")
configure() {
  cmake -S "$SOURCE" -B "$WORK/$1" -G Ninja -DCMAKE_BUILD_TYPE=Release -DSPEEDSTER_BUILD_TESTS=OFF \
    -DSPEEDSTER_BUILD_BENCHMARKS=OFF "${headers[@]}" "${@:2}" 2>&1
}

# Every program looks for our libraries where they are installed; the one that goes into bundles in their lib too.
output=$(configure lib64 -DCMAKE_INSTALL_LIBDIR=lib64) || fail "a build that installs into lib64" "$output"
# Releases of CMake quote differently: "\$ORIGIN/…" and [[$ORIGIN/…]].
runpaths() { tr -d '\\"[]' <"$WORK/lib64/$1cmake_install.cmake"; }
for program in cli worker; do
  expect_text "$(runpaths $program/)" 'RPATH $ORIGIN/../lib64)'
done
expect_text "$(runpaths "")" 'RPATH $ORIGIN/../lib64:$ORIGIN/../lib)'

# The search has no static form: that is said before anything is built.
output=$(configure static -DBUILD_SHARED_LIBS=OFF) && fail "no static build with the search" "one"
expect_text "$(tr -s ' \n' ' ' <<<"$output")" "try -DSPEEDSTER_RUNTIME_ONLY=ON"
