"""A byte-copy of a package raced against itself by `speedster bench`: how often does the 95 % interval hold 1?

    python null.py [--times 40] [--busy]

--busy: a neighbour keeps one core busy in bursts of 2 s every 12 s; --busy --share 1: all the time.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from figures.demo_model import DEMO, fresh, require  # noqa: E402
from harness.command import WORK, processor, save, speedster  # noqa: E402

PERIOD = 12
NEIGHBOUR = """
import sys, time
busy, idle = map(float, sys.argv[1:])
while True:
    end = time.monotonic() + busy
    while time.monotonic() < end: pass
    time.sleep(idle)
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--share", type=float, default=2 / PERIOD, help="of the time that the neighbour is busy")
    options = parser.parse_args()
    busy = [str(PERIOD * options.share), str(PERIOD * (1 - options.share))]
    require()
    print(processor(), f"with a neighbour that is busy {options.share:.0%} of the time" if options.busy else "idle", flush=True)
    copy = fresh(WORK / "null.speedster")
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(DEMO / "rec.speedster", copy)
    neighbour = subprocess.Popen([sys.executable, "-c", NEIGHBOUR, *busy]) if options.busy else None
    results = []
    try:
        for i in range(options.times):
            ratio = speedster("bench", DEMO / "rec.speedster", copy)["speedup"]
            results.append({**ratio, "holds": ratio["low"] <= 1 <= ratio["high"]})
            print(i, results[-1], flush=True)
    finally:
        if neighbour:
            neighbour.kill()
    held = sum(r["holds"] for r in results)
    width = sum(r["high"] - r["low"] for r in results) / len(results)
    print(f"intervals that hold 1: {held} of {len(results)} (wanted: 36 of 40); mean width {width:.3f}")
    save(f"null-busy-{round(100 * options.share)}" if options.busy else "null-idle", {"held": held, "of": len(results), "mean_width": width, "runs": results})


if __name__ == "__main__":
    main()
