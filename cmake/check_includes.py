#!/usr/bin/env python3
"""Fails on an include that points the wrong way.

usage: check_includes.py SOURCE_DIR

The order of the rooms is the one of docs/design/house-rules.md: left may include right, rooms of one group do not
include each other, plug-ins see speedster/backend.h, backends/support and their vendor only.
"""

import pathlib
import re
import sys

ORDER = [
    {"cli", "worker"},
    {"optimize"},
    {"search", "report"},
    {"converter", "compressor", "compiler"},
    {"rewrite"},
    {"accuracy", "measure", "job", "onnx", "samples", "toolchain"},
    {"learner"},
    {"package", "backend"},
    {"model", "hardware"},
    {"tensor"},
    {"base"},
]
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.MULTILINE)


def room_of(path: pathlib.PurePath) -> str:
    return path.parts[1] if path.parts[0] == "src" else path.parts[0]


def allowed(room: str, target: str) -> bool:
    return target == room or RANK[target] > RANK[room]


def check_rooms(root: pathlib.Path) -> list[str]:
    wrong = []
    for folder in ("src", "cli", "worker"):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in {".h", ".cpp"}:
                continue
            relative = file.relative_to(root)
            room = room_of(relative)
            if room not in RANK:
                continue
            for include in INCLUDE.findall(file.read_text(encoding="utf-8")):
                target = include.split("/")[0]
                if target in RANK and "/" in include and not allowed(room, target):
                    wrong.append(f"{relative}: {room} may not include {include}")
    return wrong


def check_backends(root: pathlib.Path) -> list[str]:
    wrong = []
    for file in sorted((root / "backends").rglob("*")):
        if file.suffix not in {".h", ".cpp"}:
            continue
        own = file.relative_to(root).parts[1]
        for include in INCLUDE.findall(file.read_text(encoding="utf-8")):
            first = include.split("/")[0]
            foreign_room = "/" in include and first in RANK
            foreign_backend = "/" in include and (root / "backends" / first).is_dir() and first not in {own, "support"}
            public = first == "speedster" and include != "speedster/backend.h"
            if foreign_room and (root / "src" / first).is_dir() or (foreign_backend and first != own) or public:
                if not (root / "backends" / own / include).exists() and first != "openvino":
                    wrong.append(f"{file.relative_to(root)}: a plug-in may not include {include}")
    return wrong


def main() -> None:
    root = pathlib.Path(sys.argv[1])
    wrong = check_rooms(root) + check_backends(root)
    for line in wrong:
        print(line)
    print(f"{len(wrong)} includes point the wrong way")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
