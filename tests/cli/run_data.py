#!/usr/bin/env python3
"""`run` takes the file that made the package, in each form that samples have, and answers every row.

usage: run_data.py BIN_DIR RUN_MODELS
"""

import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

from arrays import Array, npy, npz, read_npz
from commands import Command, check

SAMPLES = 6


def floats(array: Array) -> list[float]:
    return list(struct.unpack(f"<{len(array.content) // 4}f", array.content))


def read_safetensors(path: pathlib.Path) -> dict[str, Array]:
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    content = data[8 + length :]
    return {name: Array(entry["dtype"], tuple(entry["shape"]), content[slice(*entry["data_offsets"])])
            for name, entry in header.items() if name != "__metadata__"}


class Package:
    """A package that holds the original: what is tried does not load."""

    def __init__(self, speedster: Command, models: str, kind: str) -> None:
        self.speedster, self.folder, self.kind = speedster, speedster.folder, kind
        subprocess.run([models, kind, self.folder / f"{kind}.onnx"], check=True)
        plan = {"original": {"name": "original", "backend": "reference"},
                "candidates": [{"name": "broken", "backend": "reference", "options": {"fault": "error", "fault_at": "load"}}]}
        (self.folder / "candidates.json").write_text(json.dumps(plan))

    def made_from(self, data: str) -> None:
        self.speedster("optimize", f"{self.kind}.onnx", "--data", data, "--candidates", "candidates.json", "-o", f"{self.kind}.speedster",
                       "--threads", "1", "--quiet", expect=3)

    def run(self, data: str) -> dict[str, Array]:
        self.told = self.speedster.json("run", f"{self.kind}.speedster", "--data", data, "-o", "out.npz")
        arrays = read_npz(self.folder / "out.npz")
        shapes = {row["name"]: tuple(row["shape"]) for row in self.told["outputs"]}
        check(shapes == {name: array.shape for name, array in arrays.items()}, "the shapes that were told", arrays)
        # Without -o the same first values are printed, from what little is kept.
        lines = self.speedster("run", f"{self.kind}.speedster", "--data", data).splitlines()
        check([line.split()[0] for line in lines] == list(arrays), "a line for each output", lines)
        printed = self.speedster.json("run", f"{self.kind}.speedster", "--data", data)["outputs"]
        check(printed == self.told["outputs"], "the same first values", printed)
        return arrays

    def refused(self, data: str, *words: str) -> None:
        told = self.speedster.json("run", f"{self.kind}.speedster", "--data", data, "-o", "none.npz", expect=4)
        for word in ("expected", "got", "; try", "The model's inputs:", "np.savez", *words):
            check(word in told["error"]["message"], word, told)
        check(not (self.folder / "none.npz").exists(), "no file", "one")


def scaled(speedster: Command, models: str) -> None:
    package, folder = Package(speedster, models, "scaled"), speedster.folder
    x = [float(i) for i in range(SAMPLES * 4)]
    factors = [float(i + 1) for i in range(SAMPLES)]
    expected = [value * factors[i // 4] for i, value in enumerate(x)]
    totals = [sum(x[4 * i : 4 * i + 4]) for i in range(SAMPLES)]

    # An input without a batch axis has a leading sample axis, and an array is left over.
    npz(folder / "axis.npz", x=npy(x, (SAMPLES, 4)), factor=npy(factors, (SAMPLES,)), extra=npy([1.0], (1,)))
    package.made_from("axis.npz")
    out = package.run("axis.npz")
    check(out["y"].shape == (SAMPLES, 1, 4) and floats(out["y"]) == expected, "each sample times its factor", out["y"])
    check(out["total"].shape == (SAMPLES,) and floats(out["total"]) == totals, "a total a sample", out["total"])
    check(package.told["calls"] == SAMPLES and any("extra" in note for note in package.told["notes"]), "six calls, a note",
          package.told)

    # One call as it is, also with an array too many.
    npz(folder / "one.npz", x=npy(x, (SAMPLES, 4)), factor=npy([2.0], ()), extra=npy([1.0], (1,)))
    out = package.run("one.npz")
    check(out["y"].shape == (SAMPLES, 4) and floats(out["y"]) == [2 * v for v in x], "all rows times two", out["y"])
    check(out["total"].shape == () and package.told["calls"] == 1 and package.told["notes"], "one call and a note", package.told)
    done = subprocess.run([speedster.path, "run", "scaled.speedster", "--data", "one.npz"], cwd=folder, env=speedster.env,
                          capture_output=True, text=True, check=True)
    check("note: no input is called extra: left out" in done.stderr, "a note on stderr", done.stderr)

    # Ragged, as arrays and as files.
    pieces = [(x[:4], (1, 4), 3.0), (x[4:10], (2, 3), 5.0), (x[10:12], (1, 2), 7.0)]
    arrays = {f"x.{i}": npy(values, shape) for i, (values, shape, _) in enumerate(pieces)}
    arrays |= {f"factor.{i}": npy([factor], ()) for i, (_, _, factor) in enumerate(pieces)}
    npz(folder / "ragged.npz", **arrays)
    (folder / "files").mkdir()
    for i, (values, shape, factor) in enumerate(pieces):
        npz(folder / "files" / f"{i}.npz", x=npy(values, shape), factor=npy([factor], ()))
    package.made_from("ragged.npz")
    for data in ("ragged.npz", "files"):
        out = package.run(data)
        check(list(out) == ["y.0", "y.1", "y.2", "total.0", "total.1", "total.2"], "outputs of each call", list(out))
        for i, (values, shape, factor) in enumerate(pieces):
            check(out[f"y.{i}"].shape == shape and floats(out[f"y.{i}"]) == [factor * v for v in values], f"call {i}", out)
            check(out[f"total.{i}"].shape == () and floats(out[f"total.{i}"]) == [sum(values)], f"the total of call {i}", out)

    npz(folder / "wrong-name.npz", z=npy(x, (SAMPLES, 4)), factor=npy(factors, (SAMPLES,)))
    package.refused("wrong-name.npz", 'an array "x"', "z float32 6x4", "x float32 [batch, width]")
    npz(folder / "wrong-dtype.npz", x=npy(x, (SAMPLES, 4), "d"), factor=npy([2.0], ()))
    package.refused("wrong-dtype.npz", "got float64", "astype")
    npz(folder / "counts.npz", x=npy(x, (SAMPLES, 4)), factor=npy(factors[:2], (2,)))
    package.refused("counts.npz", "x 6, factor 2")
    npz(folder / "gap.npz", **{"x.0": npy(x[:4], (1, 4)), "x.2": npy(x[:4], (1, 4)), "factor": npy([1.0], (1,))})
    package.refused("gap.npz", "without a gap")
    package.refused("nothing.npz", "nothing.npz")
    check(not list(folder.glob("tmp/*")), "an empty temporary folder", list(folder.glob("tmp/*")))


def found(speedster: Command, models: str) -> None:
    """Outputs that cannot be joined are kept apart, and rows that fill no call are refused."""
    package, folder = Package(speedster, models, "found"), speedster.folder
    values = [0.0, 1.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    npz(folder / "found.npz", x=npy(values, (4, 4)))
    package.made_from("found.npz")
    out = package.run("found.npz")
    check([(name, array.shape) for name, array in out.items()] == [("places.0", (2, 2)), ("places.1", (2, 8))], "both calls", out)
    check(any("kept apart" in note for note in package.told["notes"]), "a note", package.told)
    npz(folder / "odd.npz", x=npy(values[:12], (3, 4)))
    package.refused("odd.npz", "a multiple of 2 rows")


def bfloat16(speedster: Command, models: str) -> None:
    package, folder = Package(speedster, models, "bfloat16"), speedster.folder
    npz(folder / "x.npz", x=npy([1.0, -2.0, 0.5, 3.0] * 8, (8, 4)))
    package.made_from("x.npz")
    told = speedster.json("run", "bfloat16.speedster", "--data", "x.npz", "-o", "y.npz", expect=2)
    check("; try -o y.safetensors" in told["error"]["message"], "the format that can hold it", told)
    speedster("run", "bfloat16.speedster", "--data", "x.npz", "-o", "y.safetensors")
    y = read_safetensors(folder / "y.safetensors")["y"]
    check(y.dtype == "BF16" and y.shape == (8, 4), "bfloat16", y)
    check(struct.unpack("<4H", y.content[:8]) == (0x3F80, 0xC000, 0x3F00, 0x4040), "the values", y.content[:8])
    speedster("run", "bfloat16.speedster", "--data", "x.npz", "-o", "y.csv", expect=2)


def main() -> None:
    bin_dir, models = sys.argv[1:3]
    with tempfile.TemporaryDirectory(prefix="speedster-run-") as name:
        folder = pathlib.Path(name)
        (folder / "tmp").mkdir()
        os.environ["TMPDIR"] = str(folder / "tmp")
        speedster = Command(bin_dir, folder)
        for part in (scaled, found, bfloat16):
            part(speedster, models)
    print("passed")


if __name__ == "__main__":
    main()
