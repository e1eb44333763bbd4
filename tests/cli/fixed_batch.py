#!/usr/bin/env python3
"""`run` of a model with a fixed batch: a file of several calls is cut along axis 0 and the outputs are joined.

usage: fixed_batch.py BIN_DIR FIXED_BATCH
"""

import json
import pathlib
import struct
import subprocess
import sys
import tempfile

from arrays import Array, npy, npz, read_npz
from commands import Command, check

CALLS, BATCH, COLUMNS = 3, 2, 4
ROWS = CALLS * BATCH
A = [float((7 * i * i + 3 * i) % 17) for i in range(ROWS * COLUMNS)]
B = [float((5 * i * i + i) % 13) for i in range(ROWS * COLUMNS)]


def rows(values: list[float], begin: int, end: int) -> bytes:
    part = values[begin * COLUMNS : end * COLUMNS]
    return npy(part, (end - begin, COLUMNS))


def run(speedster: Command, begin: int, end: int) -> dict[str, Array]:
    npz(speedster.folder / "in.npz", a=rows(A, begin, end), b=rows(B, begin, end))
    speedster("run", "fixed.speedster", "--data", "in.npz", "-o", "out.npz")
    return read_npz(speedster.folder / "out.npz")


def expected() -> dict[str, Array]:
    """The outputs for all rows; a mean is taken over the two rows of a call."""
    means = [(A[call * BATCH * COLUMNS + column] + A[(call * BATCH + 1) * COLUMNS + column]) / 2
             for call in range(CALLS) for _ in range(BATCH) for column in range(COLUMNS)]
    lines = [B[row * COLUMNS : (row + 1) * COLUMNS] for row in range(ROWS)]
    return {"centred": Array("<f4", (ROWS, COLUMNS), struct.pack(f"<{len(A)}f", *(a - mean for a, mean in zip(A, means)))),
            "largest": Array("<i8", (ROWS,), struct.pack(f"<{ROWS}q", *(line.index(max(line)) for line in lines))),
            "above": Array("|b1", (ROWS, COLUMNS), bytes(a > b for a, b in zip(A, B)))}


def main() -> None:
    bin_dir, fixed_batch = sys.argv[1:3]
    with tempfile.TemporaryDirectory(prefix="speedster-fixed-") as name:
        folder = pathlib.Path(name)
        subprocess.run([fixed_batch, folder / "model.onnx"], check=True)
        npz(folder / "samples.npz", a=npy(A * 8, (8 * ROWS, COLUMNS)), b=npy(B * 8, (8 * ROWS, COLUMNS)))
        # Nothing qualifies: the package holds the original.
        plan = {"original": {"name": "original", "backend": "reference"},
                "candidates": [{"name": "broken", "backend": "reference", "options": {"fault": "error", "fault_at": "load"}}]}
        (folder / "candidates.json").write_text(json.dumps(plan))
        speedster = Command(bin_dir, folder)
        speedster("optimize", "model.onnx", "--data", "samples.npz", "--candidates", "candidates.json", "-o", "fixed.speedster",
                  "--threads", "1", "--quiet", expect=3)

        whole, single = run(speedster, 0, ROWS), [run(speedster, call * BATCH, (call + 1) * BATCH) for call in range(CALLS)]
        check(list(whole.items()) == list(expected().items()), f"the original's outputs {expected()}", whole)
        for output, array in whole.items():
            parts = [one[output] for one in single]
            check(all(part.dtype == array.dtype and part.shape == (BATCH, *array.shape[1:]) for part in parts),
                  f"{output} of one call", parts)
            check(b"".join(part.content for part in parts) == array.content, f"{output} of single calls, joined", parts)

        npz(folder / "all.npz", a=rows(A, 0, ROWS), b=rows(B, 0, ROWS))
        lines = speedster("run", "fixed.speedster", "--data", "all.npz").splitlines()
        check([line.split(":")[0] for line in lines] == ["centred float32 6x4", "largest int64 6", "above bool 6x4"],
              "names, dtypes and shapes", lines)
        # No whole number of calls, or not the same number for each input.
        npz(folder / "odd.npz", a=rows(A, 0, 3), b=rows(B, 0, 3))
        npz(folder / "uneven.npz", a=rows(A, 0, 4), b=rows(B, 0, 2))
        for file in ("odd.npz", "uneven.npz"):
            told = speedster.json("run", "fixed.speedster", "--data", file, "-o", "none.npz", expect=4)
            check("expected" in told["error"]["message"], "a message", told)
            check(not (folder / "none.npz").exists(), "no file", "one")
    print("passed")


if __name__ == "__main__":
    main()
