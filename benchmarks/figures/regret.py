"""How far from the best are the choices of searches? Every candidate is measured long, then the choices are compared with the fastest.

    python regret.py [--searches 2] [rec det cls magika resnet50 bert-base resnet-small bert-small chain resnet bert]

For each model, some searches, which share what was compiled and quantized but no measurement. Then every candidate that held the budget
in any of them, and the original, is packaged and timed in interleaved fresh processes, each called by the C runtime: 8 loads with 3 blocks
of 0.4 s. The regret of a search is the time of its choice over that of the fastest. Since the fastest of several estimates flatters, the
fastest is named by the even loads and compared on the odd ones, and the other way round. `chain`, `resnet` and `bert` are those whose int8
two layers spoil (spoilers.py).
"""

import argparse
import math
import pathlib
import statistics
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from figures.cases import case  # noqa: E402
from figures.spoilers import BUDGET, spoiled  # noqa: E402
from harness.command import RUNTIME, WORK, Searches, package_of, processor, save, winner  # noqa: E402
from harness.interleave import Timings, interleave  # noqa: E402

SPOILED = ("chain", "resnet", "bert")
MODELS = ("rec", "det", "cls", "magika", "resnet50", "bert-base", "resnet-small", "bert-small", *SPOILED)
HELD = ("winner", "equivalent", "undecided", "slower")
WANTED, LOADS, BLOCKS, SECONDS = 0.02, 8, 3, 0.4


def materials(name: str) -> tuple[pathlib.Path, list[object], dict[str, np.ndarray]]:
    """The model, the options of its search, and one call."""
    if name in SPOILED:
        model, data = spoiled(name, 0)
        with np.load(data) as file:
            return model, ["--data", data, "--metric-drop", BUDGET], {key: file[key][-1] for key in file.files}
    known = case(name)
    return known.model, ["--data", known.data, "--shapes", known.shapes, "--metric-drop", 0.001], known.one


def regrets(timings: Timings, choices: list[str]) -> list[float]:
    """Of each choice: the mean over both halves of its log time over that of the half's fastest, who is named by the other half."""
    found = []
    for choice in choices:
        logs = []
        for named in (0, 1):
            mean = lambda name, half: statistics.fmean(timings.logs[name][half::2])
            best = min(timings.logs, key=lambda name: mean(name, named))
            logs.append(mean(choice, 1 - named) - mean(best, 1 - named))
        found.append(math.exp(statistics.fmean(logs)) - 1)
    return found


def one_model(name: str, count: int) -> dict:
    model, options, call = materials(name)
    folder = WORK / "regret" / name
    searches = Searches(WORK / "cache/regret" / name)
    reports = [searches.run(model, *options, "--seed", seed, "-o", folder / f"search-{seed}.speedster") for seed in range(count)]
    chains, held = {}, {"original": reports[0]["provenance"]["original_chain"]}
    for report in reports:
        chains |= report["provenance"]["chains"]
    for report in reports:
        held |= {row["name"]: chains[row["name"]] for row in report["candidates"] if row["fate"] in HELD}
    inputs = folder / "one.npz"
    np.savez(inputs, **call)
    threads = {row["name"]: row["threads"] for report in reports for row in report["candidates"]}
    specs = {}
    for label, chain in held.items():
        package = package_of(chain, folder / f"{label}.speedster", model, *options[:-2], "--threads", threads.get(label, reports[0]["original"]["threads"]),
                             cache=searches.folder)  # its jobs are there
        specs[label] = {"kind": "package", "path": str(package), "library": str(RUNTIME), "threads": threads.get(label, 0), "inputs": str(inputs)}
    timings = interleave(specs, loads=LOADS, blocks=BLOCKS, seconds=SECONDS)
    choices = [winner(report) for report in reports]
    return {"choices": choices, "regrets": regrets(timings, choices), "seconds": [report["seconds"] for report in reports],
            "undecided": [report["undecided"] for report in reports],
            "fastest": {label: timings.seconds(label) for label in sorted(specs, key=timings.seconds)}}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="*", default=MODELS)
    parser.add_argument("--searches", type=int, default=2)
    arguments = parser.parse_args()
    print(processor(), flush=True)
    results = {}
    for name in arguments.models:
        result = results[name] = one_model(name, arguments.searches)
        fastest = list(result["fastest"].items())
        print(f"\n{name}: {len(fastest)} held the budget; fastest " + ", ".join(f"{label} {seconds * 1e3:.2f} ms" for label, seconds in fastest[:3]))
        for choice, regret, seconds in zip(result["choices"], result["regrets"], result["seconds"], strict=True):
            print(f"  {choice:34} regret {regret:+.1%}, search {seconds:.0f} s", flush=True)
        save("regret", results)
    every = [regret for result in results.values() for regret in result["regrets"]]
    close = sum(regret <= WANTED for regret in every)
    print(f"\nwithin {WANTED:.0%} of the fastest: {close} of {len(every)} searches; wanted: 19 of 20")


if __name__ == "__main__":
    main()
