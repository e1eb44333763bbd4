#!/usr/bin/env bash
# -DSPEEDSTER_RUNTIME_ONLY=ON builds the runtime and the plug-ins alone, shared or static, with neither protobuf nor
# Python in sight; the C example builds against both.
source "$(dirname "$0")/common.sh"
KIND=$3
"$MAKE_PACKAGE" "$WORK/mlp.speedster" mlp main=reference

# The headers were fetched when the main build was configured, so no network and no Python are needed here.
shared=ON; [ "$KIND" = shared ] || shared=OFF
cmake -S "$SOURCE" -B "$WORK/build" -G Ninja -DSPEEDSTER_RUNTIME_ONLY=ON -DBUILD_SHARED_LIBS=$shared \
  -DCMAKE_BUILD_TYPE="$4" -DCMAKE_DISABLE_FIND_PACKAGE_Python3=ON -DCMAKE_DISABLE_FIND_PACKAGE_Protobuf=ON \
  -DSPEEDSTER_DLPACK_INCLUDE="$5" -DSPEEDSTER_ONNXRUNTIME_INCLUDE="$6" -DSPEEDSTER_OPENVINO_INCLUDE="$7" \
  -DSPEEDSTER_ONNX_PROTO_DIR=/nowhere >/dev/null
cmake --build "$WORK/build" >"$WORK/log" 2>&1 || { tail -50 "$WORK/log"; fail "a build" "an error"; }
cmake --install "$WORK/build" --prefix "$WORK/prefix" >/dev/null

cmake -S "$SOURCE/examples/run_c" -B "$WORK/run_c" -DCMAKE_PREFIX_PATH="$WORK/prefix" -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$WORK/run_c" >/dev/null
if [ "$KIND" = static ]; then
  [ -e "$WORK/prefix/lib/libspeedster_runtime.a" ] || fail "a static library" "none"
  readelf -d "$WORK/run_c/speedster-run" | grep -q libspeedster && fail "no shared library of ours" "one"
fi
# A program of one's own with the library inside says where the plug-ins are.
output=$(env -i SPEEDSTER_BACKEND_PATH="$WORK/prefix/lib/speedster/backends" "$WORK/run_c/speedster-run" "$WORK/mlp.speedster")
expect_text "$output" "y [1, 4]:"
