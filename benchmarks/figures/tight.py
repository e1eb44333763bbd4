"""Where whole int8 models miss a tight budget: the search's choice over the best with one precision for the whole model that holds it.

    python tight.py [resnet50-b1 bert-b1]

ResNet-50 and BERT-base with random weights, one thread, a cosine drop of at most 0.0001. Whole int8 loses 0.00014 to 0.0003 there, bf16 0.00001.
Every candidate of the search that held the budget is packaged and timed in interleaved fresh processes, each by the C runtime.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from figures.models import CASES, inputs, materials  # noqa: E402
from figures.regret import HELD  # noqa: E402
from harness.command import RUNTIME, WORK, package_of, processor, save, shapes_of, speedster, winner  # noqa: E402
from harness.interleave import interleave  # noqa: E402

BUDGET, WANTED = 0.0001, 1.3


def is_mixed(chain: dict) -> bool:
    """Whether layers differ: some went back, or scales were migrated so that fewer have to."""
    steps = {step["step"]: step.get("options", {}) for step in chain.get("steps", [])}
    return bool(steps.get("quantize-static", {}).get("exclude_nodes")) or "migrate-scales" in steps


def measure(case: str) -> dict:
    paths, (model, batch) = materials(case), CASES[case]
    options = ["--data", paths["data"], "--shapes", shapes_of(inputs(model, 1, 1), batch), "--threads", 1]
    folder, cache = WORK / "tight" / case, WORK / "cache/tight" / case
    report = speedster("optimize", paths["model"], *options, "--metric", "cosine", "--metric-drop", BUDGET, ok=(0, 3), cache=cache)
    chains = report["provenance"]["chains"]
    held = [row["name"] for row in report["candidates"] if row["fate"] in HELD]
    specs = {}
    for name in held:
        package = package_of(chains[name], folder / f"{name}.speedster", paths["model"], *options, cache=cache)
        specs[name] = {"kind": "package", "path": str(package), "library": str(RUNTIME), "threads": 1, "inputs": str(paths["one"])}
    timings = interleave(specs, loads=8, blocks=3, seconds=0.4)
    chosen = winner(report)
    best = min((name for name in held if not is_mixed(chains[name])), key=timings.seconds)
    return {"case": case, "winner": chosen, "best_single": best, "ratio": timings.ratio(best, chosen), "search_seconds": report["seconds"],
            "maps": [{key: value for key, value in one.items() if key != "layers"} for one in report["precision_maps"]],
            "seconds": {name: timings.seconds(name) for name in held}, "drops": {row["name"]: (row["drop"] or {}).get("value") for row in report["candidates"]}}


def main() -> None:
    print(f"{processor()}; one thread; budget {BUDGET}")
    for case in sys.argv[1:] or ("resnet50-b1", "bert-b1"):
        result = measure(case)
        ratio = result["ratio"]
        print(f"\n{case}: {result['winner']}, search {result['search_seconds']:.0f} s")
        for name, seconds in sorted(result["seconds"].items(), key=lambda item: item[1]):
            print(f"  {name:40} {seconds * 1e3:8.2f} ms   drop {result['drops'][name]:.6f}")
        print(f"  {result['best_single']}'s time over the choice's: {ratio[0]:.2f} ({ratio[1]:.2f} to {ratio[2]:.2f}); wanted: {WANTED}", flush=True)
        save("tight-" + case, result)


if __name__ == "__main__":
    main()
