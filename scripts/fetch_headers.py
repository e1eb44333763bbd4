#!/usr/bin/env python3
"""Fetches the vendors' headers and schemas that the build reads, from the pinned packages of cmake/vendor-headers.lock.

usage: fetch_headers.py LOCK OUTPUT_DIR

Each package is downloaded without its dependencies, its digest checked by pip, and only the listed members are
extracted. A stamp with the lock's digest makes the next call return at once, offline.
"""

import hashlib
import pathlib
import subprocess
import sys
import tempfile
import zipfile

# distribution: {member or folder/ in the wheel: where it goes below OUTPUT_DIR}
MEMBERS = {
    "apache_tvm_ffi": {"tvm_ffi/include/dlpack/dlpack.h": "include/dlpack/dlpack.h"},
    "amd_quark": {
        "quark/onnx/operators/custom_ops/include/onnxruntime-1.17.0/onnxruntime/core/session/onnxruntime_c_api.h":
            "onnxruntime/onnxruntime_c_api.h",
    },
    "onnx": {"onnx/onnx-ml.proto": "onnx/onnx-ml.proto"},
    "openvino": {"openvino/include/openvino/c/": "openvino/openvino/c/"},
}


def extract(wheel: pathlib.Path, output: pathlib.Path) -> None:
    members = MEMBERS[wheel.name.split("-")[0]]
    with zipfile.ZipFile(wheel) as archive:
        for source, target in members.items():
            names = [n for n in archive.namelist() if n == source or (source.endswith("/") and n.startswith(source))]
            if not names:
                raise SystemExit(f"[fetch_headers] expected {source} in {wheel.name}, got no such member; try the pinned version")
            for name in names:
                if name.endswith("/") or ".." in pathlib.PurePosixPath(name).parts:
                    continue
                destination = output / (target + name[len(source):] if source.endswith("/") else target)
                destination.parent.mkdir(parents=True, exist_ok=True)
                destination.write_bytes(archive.read(name))


def main() -> None:
    lock, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    digest = hashlib.sha256(lock.read_bytes() + pathlib.Path(__file__).read_bytes()).hexdigest()
    stamp = output / "stamp"
    if stamp.exists() and stamp.read_text() == digest:
        return
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
             "--require-hashes", "--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp",
             "--platform", "manylinux_2_28_x86_64", "--platform", "manylinux_2_24_x86_64",
             "--platform", "manylinux_2_27_x86_64", "--platform", "any",
             "-d", folder, "-r", str(lock)],
            check=True)
        for wheel in sorted(pathlib.Path(folder).glob("*.whl")):
            extract(wheel, output)
    stamp.write_text(digest)


if __name__ == "__main__":
    main()
