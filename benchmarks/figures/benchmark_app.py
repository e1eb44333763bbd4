"""What `speedster bench` prints for an OpenVINO fp32 package beside OpenVINO's own benchmark_app -api sync, alternated 24 times, each
first in turn, on one core.

The same threads, precision and input; the package is raced against itself in 6 s, and the mean of its two times is the figure. The
ratio is the median over the alternations: where a machine changes between two speeds, some pairs have one side in each.
"""

import math
import os
import pathlib
import re
import subprocess
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from figures.demo_model import DEMO, SHAPES, require  # noqa: E402
from harness.command import WORK, package_of, processor, save, speedster  # noqa: E402
from harness.interleave import median_interval  # noqa: E402


ALTERNATIONS, SECONDS = 24, 5


def theirs() -> float:
    app = pathlib.Path(sys.executable).with_name("benchmark_app")
    done = subprocess.run([str(app), "-m", str(DEMO / "rec.onnx"), "-d", "CPU", "-api", "sync", "-nthreads", "1", "-nstreams", "1",
                           "-infer_precision", "f32", "-t", str(SECONDS), "-data_shape", "x[1,3,48,320]", "-hint", "none",
                           "-i", f"x:{WORK / 'word.npy'}"],
                          capture_output=True, text=True, env=dict(os.environ))
    match = re.search(r"Median:\s*([\d.]+)\s*ms", done.stdout)
    if not match:
        raise RuntimeError(f"benchmark_app said {done.stdout[-1500:]} {done.stderr[-500:]}")
    return float(match[1]) / 1e3


def ours(package: pathlib.Path) -> float:
    said = speedster("bench", package, package, "--data", WORK / "word.npz", "--threads", 1, "--time-budget", "6s")
    return math.sqrt(said["first"]["seconds"]["median"] * said["second"]["seconds"]["median"])


def main() -> None:
    require()
    package = package_of({"backend": "openvino", "options": {"precision": "fp32"}, "steps": [], "precision": "fp32"},
                         WORK / "openvino-fp32.speedster", DEMO / "rec.onnx", "--data", DEMO / "words.npz", *SHAPES, "--threads", 1,
                         cache=WORK / "cache/benchmark-app")
    with np.load(DEMO / "words.npz") as words:
        np.savez(WORK / "word.npz", x=words["x"][:1])
        np.save(WORK / "word.npy", words["x"][:1])
    machine = processor()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # cores of a shared machine differ by more than 3 %
    differences = []
    for turn in range(ALTERNATIONS):
        pair = {}
        for side in ("ours", "theirs") if turn % 2 else ("theirs", "ours"):
            pair[side] = ours(package) if side == "ours" else theirs()
        differences.append(math.log(pair["ours"] / pair["theirs"]))
        print(f"  speedster {pair['ours'] * 1e3:.2f} ms, benchmark_app {pair['theirs'] * 1e3:.2f} ms", flush=True)
    ratio = median_interval(differences)
    print(f"{machine}, one thread and one core: ours over theirs {ratio[0]:.3f} ({ratio[1]:.3f} to {ratio[2]:.3f}); wanted: within 3 %")
    save("benchmark-app", {"ratio": ratio})


if __name__ == "__main__":
    main()
