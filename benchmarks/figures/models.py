"""ResNet-50 and BERT-base against rivals that were set up by hand, on one thread.

    python models.py [resnet50-b1 resnet50-b8 bert-b1 bert-b8]

For each: `speedster optimize --metric cosine --metric-drop 0.001`, then its winner, ONNX Runtime fp32, NNCF + OpenVINO and ONNX
Runtime QDQ in interleaved fresh processes, each by its vendor's own API (ours by the C runtime). Ratios come from that run alone.
"""

import pathlib
import subprocess
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.command import ROOT, RUNTIME, WORK, has_vnni, processor, save, shapes_of, speedster, winner  # noqa: E402
from harness.interleave import interleave  # noqa: E402

CASES = {"resnet50-b1": ("resnet50", 1), "resnet50-b8": ("resnet50", 8), "bert-b1": ("bert-base", 1), "bert-b8": ("bert-base", 8)}
SEQUENCE = 128


def inputs(model: str, rows: int, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    if model == "resnet50":
        return {"images": random.standard_normal((rows, 3, 224, 224), dtype=np.float32)}
    mask = (np.arange(SEQUENCE) < random.integers(SEQUENCE // 2, SEQUENCE + 1, (rows, 1))).astype(np.int64)
    return {"input_ids": random.integers(0, 30522, (rows, SEQUENCE)) * mask, "attention_mask": mask,
            "token_type_ids": np.zeros((rows, SEQUENCE), np.int64)}


def rival(name: str, model: pathlib.Path, data: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        log = target.with_suffix(".log")
        with log.open("w") as file:
            done = subprocess.run([sys.executable, str(ROOT / "benchmarks/rivals" / name), str(model), str(data), str(target)],
                                  stdout=file, stderr=subprocess.STDOUT)
        if done.returncode:
            raise RuntimeError(f"{name} failed: {log.read_text()[-2000:]}")
    return target


def cosine_drop(reference: pathlib.Path, other: pathlib.Path) -> float:
    """1 - cosine of the whole outputs, the worst output."""
    with np.load(reference) as a, np.load(other) as b:
        pairs = [(a[k].astype(np.float64).ravel(), b[k].astype(np.float64).ravel()) for k in a.files]
    return max(1 - float(x @ y / np.sqrt((x @ x) * (y @ y))) for x, y in pairs)


def materials(case: str) -> dict[str, pathlib.Path]:
    """The model, the samples and one more batch to time with; made once."""
    model_name, batch = CASES[case]
    folder = WORK / "models" / model_name
    folder.mkdir(parents=True, exist_ok=True)
    paths = {"folder": folder, "model": folder / f"{model_name}.onnx", "data": folder / f"samples-{batch}.npz",
             "one": folder / f"one-{batch}.npz", "package": folder / f"{case}.speedster"}
    if not paths["model"].exists():
        subprocess.run([sys.executable, str(ROOT / "benchmarks/models/make_models.py"), model_name, "-o", str(folder)], check=True)
    if not paths["data"].exists():
        np.savez(paths["data"], **inputs(model_name, 128 if batch == 1 else 32 * batch, 1))
    np.savez(paths["one"], **inputs(model_name, batch, 2))
    return paths


def search(case: str, paths: dict[str, pathlib.Path], *more: object) -> dict:
    """The report of `speedster optimize`; `more` are further options."""
    model_name, batch = CASES[case]
    shapes = shapes_of(inputs(model_name, 1, 1), batch)
    return speedster("optimize", paths["model"], "--data", paths["data"], "--shapes", shapes, "--threads", 1, "--metric", "cosine",
                     "--metric-drop", 0.001, *more, "-o", paths["package"], ok=(0, 3), cache=WORK / "cache" / case)


def rivals(paths: dict[str, pathlib.Path]) -> dict[str, pathlib.Path]:
    folder, given = paths["folder"], (paths["model"], paths["data"])
    return {"nncf + openvino": rival("nncf_openvino.py", *given, folder / "nncf/model.xml"),
            "onnxruntime qdq": rival("onnxruntime_qdq.py", *given, folder / "qdq/model.onnx")}


def compare(case: str, paths: dict[str, pathlib.Path], report: dict, loads: int = 6) -> dict:
    made = rivals(paths)
    common = {"threads": 1, "inputs": str(paths["one"])}
    specs = {"speedster": {"kind": "package", "path": str(paths["package"]), "library": str(RUNTIME)},
             "onnxruntime fp32": {"kind": "onnxruntime", "path": str(paths["model"])},
             # at the vendor's defaults: where the processor has bf16, the rest runs in it
             "nncf + openvino": {"kind": "openvino", "path": str(made["nncf + openvino"])},
             "onnxruntime qdq": {"kind": "onnxruntime", "path": str(made["onnxruntime qdq"])}}
    outputs = {name: paths["folder"] / f"out-{i}.npz" for i, name in enumerate(specs)}
    specs = {name: {**common, **spec, "outputs": str(outputs[name])} for name, spec in specs.items()}
    timings = interleave(specs, loads=loads, blocks=2, seconds=0.7 if CASES[case][1] == 1 else 1.5)
    rows = {name: {"seconds": timings.seconds(name), "speedup": timings.ratio("onnxruntime fp32", name),
                   "drop": cosine_drop(outputs["onnxruntime fp32"], outputs[name])} for name in specs}
    best = min(made, key=timings.seconds)
    return {"case": case, "winner": winner(report), "search_seconds": report["seconds"],
            "parent_peak_mb": report["parent_peak_bytes"] / 1e6, "rows": rows, "best_rival": best,
            "to_best_rival": timings.ratio("speedster", best), "claimed": (report["candidates"][report["winner"]]["speedup"]
                                                                           if report["winner"] is not None else None)}


def show(result: dict) -> None:
    print(f"\n{result['case']}: {result['winner']}, search {result['search_seconds']:.0f} s, parent's peak {result['parent_peak_mb']:.0f} MB")
    for name, row in result["rows"].items():
        ratio = row["speedup"]
        print(f"  {name:18} {row['seconds'] * 1e3:8.2f} ms   {ratio[0]:.2f} ({ratio[1]:.2f} to {ratio[2]:.2f}) times ONNX Runtime fp32"
              f"   cosine drop {row['drop']:.6f}")
    ratio = result["to_best_rival"]
    print(f"  time over that of the better rival ({result['best_rival']}): {ratio[0]:.3f} ({ratio[1]:.3f} to {ratio[2]:.3f}); wanted: 1.03 at most")
    if has_vnni():
        times = result["rows"]["speedster"]["speedup"][0]
        print(f"  {times:.2f} times ONNX Runtime fp32 with VNNI; wanted: 3 at least")
    sys.stdout.flush()


def main() -> None:
    print(f"{processor()}; one thread")
    for case in sys.argv[1:] or CASES:
        paths = materials(case)
        result = compare(case, paths, search(case, paths))
        show(result)
        save("models-" + case, result)


if __name__ == "__main__":
    main()
