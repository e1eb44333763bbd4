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

# What is mapped while it runs is the bundle's own, but for glibc.
loaded=$(cd / && env -i LD_DEBUG=files HOME="$WORK/home" "$WORK/moved/bin/run" "$WORK/moved/cnn.speedster" 2>&1 | sed -n 's/.*calling init: //p')
[ -n "$loaded" ] || fail "the names of what is loaded" "none"
foreign=$(grep -v "^$WORK/moved/" <<<"$loaded" | grep -Ev '/(ld-linux-x86-64|libc|libm|libdl|librt|libpthread)\.so\.[0-9]+$' || true)
[ -z "$foreign" ] || fail "libraries of the bundle and glibc alone" "$foreign"
expect_text "$loaded" "libopenvino"

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
