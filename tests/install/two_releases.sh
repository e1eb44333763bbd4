#!/usr/bin/env bash
# A host that links ONNX Runtime 1.24 loads packages judged with the toolchain's release: versions do not mix. Where the
# host's release fits the package, it is used and no second one is loaded.
source "$(dirname "$0")/common.sh"
HEADERS=$3 KEPT=$4 DLPACK=$5
OURS=$(vendor_library onnxruntime "onnxruntime/capi/libonnxruntime.so.*")
VERSION=${OURS##*.so.}

# The other release is kept beside the build, so that the next run works offline.
if [ ! -e "$KEPT/onnxruntime" ]; then
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
    -r "$SOURCE/tests/install/onnxruntime_other.lock" -d "$WORK/wheel"
  mkdir -p "$KEPT"
  python3 -m zipfile -e "$WORK"/wheel/*.whl "$WORK/unpacked"
  mv "$WORK/unpacked/onnxruntime" "$KEPT/"
fi
OTHER=$(ls "$KEPT"/onnxruntime/capi/libonnxruntime.so.*)
"$MAKE_PACKAGE" "$WORK/new.speedster" mlp main=onnxruntime:1.31
"$MAKE_PACKAGE" "$WORK/any.speedster" mlp main=onnxruntime

# The wheel carries no link to its soname.
mkdir "$WORK/lib"
ln -s "$OTHER" "$WORK/lib/libonnxruntime.so.1"
${CC:-cc} -std=c11 -I"$HEADERS" -I"$DLPACK" -I"$SOURCE/include" "$SOURCE/tests/install/two_releases.c" -o "$WORK/host" \
  "$OTHER" -L"$BUILD/lib" -lspeedster_runtime -lm -Wl,-rpath,"$WORK/lib:$BUILD/lib"

output=$("$WORK/host" "$WORK/new.speedster/payload/model.onnx" "$WORK/new.speedster" "$VERSION" toolchain)
expect_text "$output" "host ${OTHER##*.so.}"
expect_text "$output" "ok"
output=$("$WORK/host" "$WORK/any.speedster/payload/model.onnx" "$WORK/any.speedster" "${OTHER##*.so.}" mapped)
expect_text "$output" "ok"
