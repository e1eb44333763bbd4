#!/usr/bin/env bash
# Bundles of the real vendors run in an empty environment, moved, with the user's folders out of reach.
source "$(dirname "$0")/common.sh"
vendor_library onnxruntime "onnxruntime/capi/libonnxruntime.so.*" >/dev/null
vendor_library openvino "openvino/libs/libopenvino_c.so.*" >/dev/null

"$MAKE_PACKAGE" "$WORK/cnn.speedster" cnn fast=openvino original=onnxruntime
"$BUILD/tests/bundle_and_export" bundle "$WORK/cnn.speedster" "$WORK/bundle" >"$WORK/report.json"
mv "$WORK/bundle" "$WORK/moved"
output=$(cd / && env -i HOME="$WORK/home" "$WORK/moved/bin/run" "$WORK/moved/cnn.speedster")
expect_text "$output" "logits ["

# What is mapped while a bundle runs is its own, but for glibc.
expect_own_libraries() {
  local loaded foreign
  loaded=$(cd / && env -i LD_DEBUG=files HOME="$WORK/home" "$1/bin/run" "$1/cnn.speedster" 2>&1 | sed -n 's/.*calling init: //p')
  [ -n "$loaded" ] || fail "the names of what is loaded" "none"
  foreign=$(grep -v "^$1/" <<<"$loaded" | grep -Ev '/(ld-linux-x86-64|libc|libm|libdl|librt|libpthread)\.so\.[0-9]+$' || true)
  [ -z "$foreign" ] || fail "libraries of the bundle and glibc alone" "$foreign"
  expect_text "$loaded" "$2"
}
expect_own_libraries "$WORK/moved" libopenvino

# The other vendor, alone in its bundle.
rm -rf "$WORK/cnn.speedster"
"$MAKE_PACKAGE" "$WORK/cnn.speedster" cnn fast=onnxruntime
"$BUILD/bin/speedster" bundle "$WORK/cnn.speedster" -o "$WORK/bundle" >"$WORK/said"
expect_text "$(cat "$WORK/said")" "or newer"
mv "$WORK/bundle" "$WORK/other"
expect_text "$(cd / && env -i HOME="$WORK/home" "$WORK/other/bin/run" "$WORK/other/cnn.speedster")" "logits ["
expect_own_libraries "$WORK/other" libonnxruntime
openvino=$(find "$WORK/other" -name '*openvino*')
[ -z "$openvino" ] || fail "ONNX Runtime alone" "$openvino"

# The lowest glibc is what the parts need: no versioned symbol of any of them is newer.
python3 - "$WORK/report.json" "$WORK/moved" <<'PY'
import json, pathlib, re, subprocess, sys
report = json.load(open(sys.argv[1]))
folder = pathlib.Path(sys.argv[2])
version = lambda text: tuple(map(int, text.split(".")))
seen = set()
for part in report["parts"]:
    if part["file"].startswith(("lib/", "bin/")):
        text = subprocess.run(["readelf", "-V", folder / part["file"]], capture_output=True, text=True).stdout
        seen |= {version(found) for found in re.findall(r"GLIBC_(\d+(?:\.\d+)+)", text)}
assert max(seen) == version(report["lowest_glibc"]), (max(seen), report["lowest_glibc"])
sbom = json.load(open(folder / "sbom.spdx.json"))
names = {package["name"]: package for package in sbom["packages"]}
for vendor in ("onnxruntime", "openvino"):
    assert names[vendor]["licenseDeclared"] in ("MIT", "Apache-2.0"), names[vendor]
    assert re.match(r"\d+\.\d+", names[vendor]["versionInfo"]), names[vendor]
    assert list((folder / "licenses" / vendor).iterdir()), vendor
PY
