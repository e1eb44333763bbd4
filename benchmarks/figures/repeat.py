"""Do searches repeat, and do their intervals hold what a script with the vendor's own API measures?

    python repeat.py [--pairs 10]

Each pair is two searches of the text-recognition model, each with a cache of its own (the first runs the compile jobs for both, so
that what differs is the measurement). A pair agrees when both name one winner, or when either calls the other's winner
equivalent or not separated. After each pair the winner is exported and timed against ONNX Runtime by vendor_ratio below.
"""

import argparse
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from figures.demo_model import DEMO, SHAPES, fresh, require  # noqa: E402
from harness.command import WORK, Searches, processor, save, speedster, winner  # noqa: E402
from harness.interleave import interleave  # noqa: E402


def fate_of(report: dict, name: str) -> str:
    return next((row["fate"] for row in report["candidates"] if row["name"] == name), "original")


def agree(first: dict, second: dict) -> bool:
    a, b = winner(first), winner(second)
    tie = ("equivalent", "undecided")
    return a == b or fate_of(first, b) in tie or fate_of(second, a) in tie


def vendor_ratio(report: dict, package: pathlib.Path, one: pathlib.Path, threads: int) -> tuple[float, float, float]:
    """The original's time over the winner's, by onnxruntime's and openvino's Python APIs."""
    exported = fresh(package.with_suffix(".exported"))
    speedster("export", package, "-o", exported)
    row = report["candidates"][report["winner"]]
    common = {"threads": threads, "inputs": str(one)}
    model = next(p for pattern in ("**/*.xml", "**/*.onnx") for p in sorted(exported.glob(pattern)) if "original" not in p.name)
    hint = {"bf16": "bf16", "fp16": "f16"}.get(row["options"].get("precision"), "f32")
    options = {"INFERENCE_PRECISION_HINT": hint} if row["backend"] == "openvino" else {}
    own = {"kind": row["backend"], "path": str(model), "options": options}
    defaults = "defaults" in report["original_settings"]
    original = {"kind": "onnxruntime", "path": str(DEMO / "rec.onnx")}
    timings = interleave({"winner": {**common, **own}, "original": {**common, **original, **({"threads": 0} if defaults else {})}},
                         loads=8, blocks=3, seconds=0.5)
    return timings.ratio("original", "winner")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=10)
    pairs = parser.parse_args().pairs
    require()
    print(processor(), flush=True)
    with np.load(DEMO / "words.npz") as words:
        one = WORK / "word.npz"
        np.savez(one, x=words["x"][:1])
    searches, results = Searches(WORK / "cache/repeat"), []
    for i in range(pairs):
        reports = [searches.run(DEMO / "rec.onnx", "--data", DEMO / "words.npz", *SHAPES, "--metric-drop", 0.001,
                                "-o", WORK / f"repeat-{j}.speedster") for j in range(2)]
        result = {"winners": [winner(r) for r in reports], "agree": agree(*reports), "holds": None}
        if reports[1]["winner"] is not None:
            row = reports[1]["candidates"][reports[1]["winner"]]
            ratio = vendor_ratio(reports[1], WORK / "repeat-1.speedster", one, row["threads"])
            claim = row["speedup"]
            result |= {"claimed": claim, "vendor": ratio, "holds": claim["low"] <= ratio[0] <= claim["high"]}
        results.append(result)
        print(i, result, flush=True)
    agreed, held = sum(r["agree"] for r in results), [r["holds"] for r in results if r["holds"] is not None]
    print(f"pairs that agree: {agreed} of {pairs}; intervals that hold the vendor's figure: {sum(held)} of {len(held)}")
    save("repeat", {"pairs": results})


if __name__ == "__main__":
    main()
