#!/usr/bin/env python3
"""A metric program: the share of labels that are the class of the best score. Prints original minus candidate.

usage: wrong_share.py ORIGINAL CANDIDATE LABELS INDICES
"""

import json
import pathlib
import struct
import sys


def read(path: str) -> dict[str, tuple]:
    """The flat values of each tensor of a safetensors file."""
    data = pathlib.Path(path).read_bytes()
    end = 8 + struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:end])
    header.pop("__metadata__", None)
    letters = {"F32": "f", "I64": "q"}
    values = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        letter = letters[entry["dtype"]]
        values[name] = struct.unpack(f"<{(last - first) // struct.calcsize(letter)}{letter}", data[end + first : end + last])
    return values


def main() -> None:
    original, candidate = read(sys.argv[1]), read(sys.argv[2])
    labels = [int(line) for line in pathlib.Path(sys.argv[3]).read_text().splitlines()]
    indices = read(sys.argv[4])["indices"]
    names = [f"scores.{i}" for i in indices]
    if not names or original.keys() != set(names) or candidate.keys() != set(names):
        raise SystemExit("[wrong_share] expected the scores of the judged samples in both files")

    def right(scores: dict[str, tuple]) -> int:
        return sum(scores[name].index(max(scores[name])) == labels[i] for name, i in zip(names, indices))

    print(f"{len(names)} samples; only the last line is the drop")
    print((right(original) - right(candidate)) / len(names), flush=True)
    print("a warning after it, on stderr, is no drop", file=sys.stderr)


if __name__ == "__main__":
    main()
