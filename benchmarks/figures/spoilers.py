"""Two layers that spoil int8 are hidden in each of three models: are just these given back, and what does that cost?

    python spoilers.py [SEED...]

Per model and seed: `speedster optimize --metric cosine --metric-drop 0.002`, with the precisions fp32 and static int8; then the mixed candidate
against the same one with every layer in int8, both as packages, by `speedster bench`. Wanted: the two go back, and the time of the int8
package over that of the mixed one is at least 0.9.
"""

import json
import pathlib
import subprocess
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from figures.demo_model import fresh  # noqa: E402
from harness.command import ROOT, WORK, package_of, processor, save, speedster, winner  # noqa: E402

SAMPLES = 48
BUDGET = 0.002


def inputs(name: str, random: np.random.Generator) -> dict[str, np.ndarray]:
    """With a leading axis of samples."""
    if name == "chain":
        return {"x": random.standard_normal((SAMPLES, 64, 512), dtype=np.float32)}
    if name == "resnet":
        return {"images": random.standard_normal((SAMPLES, 1, 3, 224, 224), dtype=np.float32)}
    ids = random.integers(0, 8000, (SAMPLES, 1, 128))
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}


def spoiled(name: str, seed: int) -> tuple[pathlib.Path, pathlib.Path]:
    """The model and its samples."""
    folder = WORK / "spoiled" / str(seed)
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, str(ROOT / "benchmarks/models/spoiled.py"), name, "-o", str(folder), "--seed", str(seed)], check=True,
                   stdout=subprocess.DEVNULL)
    model, data = folder / f"{name}.onnx", folder / f"{name}.npz"
    np.savez(data, **inputs(name, np.random.default_rng(seed)))
    return model, data


def one(name: str, seed: int) -> dict:
    model, data = spoiled(name, seed)
    folder = model.parent
    planted = json.loads((folder / f"{name}.json").read_text())
    report = speedster("optimize", model, "--data", data, "--metric", "cosine", "--metric-drop", BUDGET, "--precisions", "fp32,static-int8",
                       "--threads", 1, "-o", fresh(folder / f"{name}.speedster"), cache=fresh(WORK / "cache/spoiled"), ok=(0, 3))
    maps = [found for found in report["precision_maps"] if found["candidate"]]
    row = {"planted": planted, "winner": winner(report), "maps": [], "seconds": report["seconds"],
           "mix_seconds": sum(stage["seconds"] for stage in report["stages"] if stage["stage"] == "mix")}
    for found in maps:
        back = [layer["name"] for layer in found["layers"] if layer["given_back"]]
        row["maps"].append({"candidate": found["candidate"], "given_back": back, "layers": len(found["layers"]), "base_drop": found["base_drop"],
                            "drop": found["drop"], "trials": len(found["trials"])})
    if row["winner"] not in [found["candidate"] for found in maps]:
        return row
    chain = report["provenance"]["winning_chain"]
    whole = json.loads(json.dumps(chain))
    for step in whole["steps"]:
        step["options"].pop("exclude_nodes", None)
    mixed = package_of(chain, folder / f"{name}-mixed.speedster", model, "--data", data, "--threads", 1)
    int8 = package_of(whole, folder / f"{name}-int8.speedster", model, "--data", data, "--threads", 1)
    row["int8_over_mixed"] = speedster("bench", mixed, int8, "--data", data, "--threads", 1)["speedup"]
    return row


def main() -> None:
    seeds = [int(seed) for seed in sys.argv[1:]] or [0]
    print(processor())
    rows = {}
    for seed in seeds:
        for name in ("chain", "resnet", "bert"):
            row = rows[f"{name}-{seed}"] = one(name, seed)
            print(f"  {name} {seed}: planted {' '.join(row['planted'])}; winner {row['winner']}, mixing took {row['mix_seconds']:.0f} of {row['seconds']:.0f} s")
            for found in row["maps"]:
                others = [layer for layer in found["given_back"] if layer not in row["planted"]]
                print(f"    {found['candidate']}: {len(found['given_back'])} of {found['layers']} back, "
                      f"{'both' if set(row['planted']) <= set(found['given_back']) else 'NOT BOTH'} planted{', others: ' + ' '.join(others) if others else ''}; "
                      f"drop {found['base_drop']:.2g} -> {found['drop']:.2g} in {found['trials']} trials")
            if "int8_over_mixed" in row:
                ratio = row["int8_over_mixed"]
                print(f"    time of int8 over mixed {ratio['median']:.3f} ({ratio['low']:.3f} to {ratio['high']:.3f}), wanted 0.9 at least", flush=True)
    save("spoilers", rows)


if __name__ == "__main__":
    main()
