#!/usr/bin/env python3
"""Writes toolchains/NAME/requirements.lock from its requirements.in: every package pinned, with the digests of the wheels
for each supported Python on Linux x86_64.

usage: lock.py NAME…

pip resolves for the oldest supported Python; the same versions are then asked of the newer ones, so that one lock serves
all. Lines "# exclude: PACKAGE" in requirements.in leave a dependency out.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

PYTHONS = ("3.11", "3.12")
PLATFORMS = ("manylinux_2_36", "manylinux_2_35", "manylinux_2_34", "manylinux_2_31", "manylinux_2_28", "manylinux_2_27",
             "manylinux_2_24", "manylinux_2_17", "manylinux2014", "manylinux_2_12", "manylinux2010", "manylinux_2_5",
             "manylinux1")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def resolve(requirements: list[str], python: str, *flags: str) -> dict[str, tuple[str, str]]:
    """Package name → (version, sha256 of the wheel that this Python would install)."""
    platforms = [flag for name in PLATFORMS for flag in ("--platform", f"{name}_x86_64")]
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--dry-run",
             "--ignore-installed", "--only-binary", ":all:", "--implementation", "cp", "--python-version", python,
             *platforms, "--target", folder, "--report", str(report), *flags, *requirements],
            check=True)
        items = json.loads(report.read_text())["install"]
    return {canonical(item["metadata"]["name"]): (item["metadata"]["version"],
                                                  item["download_info"]["archive_info"]["hashes"]["sha256"])
            for item in items}


def lock(folder: pathlib.Path) -> None:
    lines = (folder / "requirements.in").read_text().splitlines()
    excluded = {canonical(line.split(":", 1)[1].strip()) for line in lines if line.startswith("# exclude:")}
    wanted = [line for line in lines if line and not line.startswith("#")]
    pins = {name: version for name, (version, _) in resolve(wanted, PYTHONS[0]).items() if name not in excluded}
    digests: dict[str, set[str]] = collections.defaultdict(set)
    for python in PYTHONS:
        found = resolve([f"{name}=={version}" for name, version in pins.items()], python, "--no-deps")
        for name, (_, digest) in found.items():
            digests[name].add(digest)
    text = "# Written by toolchains/lock.py from requirements.in; change that file and run it again.\n"
    for name, version in sorted(pins.items()):
        text += f"{name}=={version}" + "".join(f" \\\n    --hash=sha256:{d}" for d in sorted(digests[name])) + "\n"
    (folder / "requirements.lock").write_text(text)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    for toolchain in sys.argv[1:]:
        lock(pathlib.Path(__file__).parent / toolchain)
