#!/usr/bin/env bash
# The installed prefix: the runtime needs and exports what it should, the examples build against it as a user's project
# would, and everything runs in an empty environment after the prefix was moved.
source "$(dirname "$0")/common.sh"

cmake --install "$BUILD" --prefix "$WORK/first" >/dev/null
mv "$WORK/first" "$WORK/prefix"
PREFIX=$WORK/prefix
"$MAKE_PACKAGE" "$WORK/mlp.speedster" mlp main=reference

LIBRARY=$(readlink -f "$PREFIX/lib/libspeedster_runtime.so")
needed_by() { readelf -d "$1" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }
for name in $(needed_by "$LIBRARY"); do
  case $name in
    libc.so.6|libm.so.6|libgcc_s.so.1|libstdc++.so.6|libcrypto.so.3) ;;
    *) fail "libc, libm, libgcc_s, libstdc++ and libcrypto alone" "$name" ;;
  esac
done
# No vendor is linked, and the reference needs nothing.
while read -r file; do
  vendors=$(needed_by "$file" | grep -E 'onnxruntime|openvino' || true)
  [ -z "$vendors" ] || fail "no vendor among what $file needs" "$vendors"
done < <(find "$PREFIX" -type f \( -name '*.so*' -o -perm -u+x \))
others=$(needed_by "$PREFIX/lib/speedster/backends/libspeedster_backend_reference.so" | grep -vE '^(libc|libm|libgcc_s|libstdc\+\+)\.so\.[0-9]+$' || true)
[ -z "$others" ] || fail "a reference backend without dependencies" "$others"
exported=$(nm -D --defined-only "$LIBRARY" | awk '{print $3}')
others=$(grep -v '^speedster_' <<<"$exported" || true)
[ -z "$others" ] || fail "only speedster_* exported" "$others"
# Every function of the header is there.
for function in $(sed -n 's/^SPEEDSTER_API.*[ *]\(speedster_[a-z_]*\)(.*/\1/p' "$PREFIX/include/speedster/speedster.h"); do
  grep -qx "$function" <<<"$exported" || fail "$function exported" "none"
done

for example in run_c run_cpp optimize_cpp; do
  cmake -S "$SOURCE/examples/$example" -B "$WORK/$example" -DCMAKE_PREFIX_PATH="$PREFIX" -DCMAKE_BUILD_TYPE=Release >/dev/null
  cmake --build "$WORK/$example" >/dev/null
done
output=$(env -i "$WORK/run_c/speedster-run" "$WORK/mlp.speedster")
expect_text "$output" "y [1, 4]:"
output=$(env -i "$WORK/run_cpp/speedster-run-cpp" "$WORK/mlp.speedster" 2 20)
expect_text "$output" "2 threads, 20 calls each"
# A search by a user's program: it finds the worker, the plug-ins and the toolchains of the prefix. What wins is not asserted.
vendor_library onnxruntime "onnxruntime/capi/libonnxruntime.so.*" >/dev/null
"$BUILD/tests/scenario_inputs" mlp 64 "$WORK"
status=0
output=$("$WORK/optimize_cpp/speedster-optimize-cpp" "$WORK/model.onnx" "$WORK/samples.safetensors" "$WORK/found.speedster" 0.01 30 \
  2>"$WORK/search.log") || status=$?
[ "$status" = 0 ] || [ "$status" = 3 ] || fail "a search that ends with 0 or 3" "$status: $(cat "$WORK/search.log")"
expect_text "$output" "onnxruntime-static-int8"
expect_text "$(cat "$WORK/search.log")" " confirm "
expect_text "$(env -i SPEEDSTER_DATA_DIR="$DATA" "$WORK/run_c/speedster-run" "$WORK/found.speedster")" "y ["
output=$("$WORK/optimize_cpp/speedster-optimize-cpp" "$WORK/none.onnx" "$WORK/samples.safetensors" "$WORK/none" 2>&1) && fail "a failure" "success"
expect_text "$output" "expected"
output=$(env -i "$PREFIX/bin/speedster-run" "$WORK/mlp.speedster")
expect_text "$output" "y [1, 4]:"
# Inputs from .npy files, and what is wrong with one is said.
python3 - "$WORK/x.npy" <<'PY'
import struct, sys
header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 16), }".ljust(117) + b"\n"
with open(sys.argv[1], "wb") as file:
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + struct.pack("<32f", *range(32)))
PY
output=$(env -i "$PREFIX/bin/speedster-run" "$WORK/mlp.speedster" "x=$WORK/x.npy")
expect_text "$output" "y [2, 4]:"
# Without a package it takes the only one in the folder above its own.
output=$(env -i "$PREFIX/bin/speedster-run" 2>&1 || true)
expect_text "$output" "got 0"
cp -r "$WORK/mlp.speedster" "$PREFIX/"
output=$(env -i "$PREFIX/bin/speedster-run" "x=$WORK/x.npy")
expect_text "$output" "y [2, 4]:"
head -c 150 "$WORK/x.npy" >"$WORK/cut.npy"
output=$(env -i "$PREFIX/bin/speedster-run" "$WORK/mlp.speedster" "x=$WORK/cut.npy" 2>&1 || true)
expect_text "$output" "truncated"
output=$(env -i "$PREFIX/bin/speedster-run" "$WORK/none.speedster" 2>&1 || true)
expect_text "$output" "[package] expected a package"
