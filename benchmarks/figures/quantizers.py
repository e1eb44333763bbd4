"""Our quantizers beside NNCF's and ONNX Runtime's own: what each loses, and how fast what it makes is.

    python quantizers.py [rec det cls magika resnet50 bert-base]

Static int8, all from the same samples. On OpenVINO, ours beside NNCF's post-training quantization, both with the rest in float32; on ONNX
Runtime, ours beside its own quantizer after its own pre-processing. Each file is run by its vendor's own API, on one thread, in
interleaved fresh processes; ratios are to the rival's time. The drop is 1 - the cosine to the outputs of ONNX Runtime fp32, the mean over
samples that no quantizer saw, the worst output.
"""

import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from figures.cases import Case, case  # noqa: E402
from figures.models import rivals  # noqa: E402
from harness.command import WORK, has_vnni, processor, save  # noqa: E402
from harness.interleave import interleave  # noqa: E402
from harness.jobs import Jobs  # noqa: E402

MODELS = ("rec", "det", "cls", "magika", "resnet50", "bert-base")
FOLDER = WORK / "quantizers"
# Name → options of quantize-static, and of migrate-scales where the scales are migrated before.
OURS = {"minmax": ({"calibration": "minmax"}, None),
        "percentile": ({"calibration": "percentile"}, None),
        "mse": ({"calibration": "mse"}, None),
        "entropy": ({"calibration": "entropy"}, None),
        "minmax, biases": ({"calibration": "minmax", "bias_correction": True}, None),
        "percentile, biases": ({"calibration": "percentile", "bias_correction": True}, None),
        "minmax, migrated": ({"calibration": "minmax", "bias_correction": True}, {}),
        "percentile, migrated": ({"calibration": "percentile", "bias_correction": True}, {}),
        "percentile, multiplied": ({"calibration": "percentile"}, {"insert": True}),
        "percentile, multiplied, biases": ({"calibration": "percentile", "bias_correction": True}, {"insert": True})}
RIVALS = {"openvino": "nncf + openvino", "onnxruntime": "onnxruntime qdq"}
CALIBRATION = 64
TIME, DROP = 1.03, 1.1


def ours(jobs: Jobs, known: Case) -> dict[tuple[str, str], pathlib.Path]:
    store = jobs.store()
    common = {"vnni": has_vnni()}
    calibrate = lambda model: jobs.run("calibrate", model, {**common, "indices": list(range(count)), "backend": "onnxruntime",
                                                            "channels": True}, samples=store) / "out/ranges.json"
    with np.load(known.data) as file:
        count = min(CALIBRATION, len(file[file.files[0]]))
    rewritten = jobs.run("rewrite", known.model, {"disable": []}, samples=store) / "out/model.onnx"
    files, ranges = {}, calibrate(rewritten)
    for name, (options, migration) in OURS.items():
        model, here = rewritten, ranges
        if migration is not None:
            try:
                model = jobs.run("migrate-scales", rewritten, migration, ranges=ranges) / "out/model.onnx"
            except RuntimeError as error:
                print(f"  {name}: {str(error).splitlines()[0]}")
                continue
            here = calibrate(model)
        for backend in RIVALS:
            files[backend, name] = jobs.run("quantize-static", model, {**common, **options, "target": backend}, ranges=here) / "out/model.onnx"
    return files


def drops(reference: pathlib.Path, other: pathlib.Path) -> float:
    with np.load(reference) as a, np.load(other) as b:
        worst = 0.0
        for key in a.files:
            x, y = (array.reshape(len(array), -1).astype(np.float64) for array in (a[key], b[key]))
            if not np.isfinite(y).all() or not y.any():
                return np.inf
            cosines = (x * y).sum(1) / np.sqrt((x * x).sum(1) * (y * y).sum(1))
            worst = max(worst, 1 - float(cosines.mean()))
    return worst


def measure(name: str) -> dict:
    known, folder = case(name), FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    one, judge = folder / "one.npz", folder / "judge.npz"
    np.savez(one, **known.one)
    np.savez(judge, **known.judge)
    files = ours(Jobs(folder, known.model, known.data, known.shapes), known)
    same = folder / "samples.npz"  # as many as ours has
    with np.load(known.data) as file:
        np.savez(same, **{key: file[key][:CALIBRATION] for key in file.files})
    made = rivals({"folder": folder, "model": known.model, "data": same})
    files |= {(backend, RIVALS[backend]): made[RIVALS[backend]] for backend in RIVALS}
    specs = {("onnxruntime", "fp32"): {"kind": "onnxruntime", "path": str(known.model)}}
    for (backend, label), file in files.items():
        options = {"INFERENCE_PRECISION_HINT": "f32"} if backend == "openvino" else {}
        specs[backend, label] = {"kind": backend, "path": str(file), "options": options}
    for i, spec in enumerate(specs.values()):
        spec |= {"threads": 1, "inputs": str(one), "judge": str(judge), "judged": str(folder / f"judged-{i}.npz")}
    timings = interleave(specs, loads=4, blocks=2, seconds=0.4)
    reference = pathlib.Path(specs["onnxruntime", "fp32"]["judged"])
    rows = [{"backend": backend, "quantizer": label, "seconds": timings.seconds((backend, label)),
             "time_to_rival": timings.ratio((backend, label), (backend, RIVALS[backend])),
             "drop": drops(reference, pathlib.Path(spec["judged"]))} for (backend, label), spec in specs.items()]
    return {"model": name, "rows": rows}


def show(result: dict) -> None:
    print(f"\n{result['model']}")
    for backend, rival in RIVALS.items():
        rows = [row for row in result["rows"] if row["backend"] == backend]
        theirs = next(row for row in rows if row["quantizer"] == rival)
        for row in rows:
            low, high = row["time_to_rival"][1:]
            print(f"  {backend:12} {row['quantizer']:24} {row['seconds'] * 1e3:8.2f} ms   {row['time_to_rival'][0]:.3f} ({low:.3f} to {high:.3f})"
                  f"   drop {row['drop']:.6f}   {row['drop'] / max(theirs['drop'], 1e-9):.2f} times the rival's")
        good = [row["quantizer"] for row in rows if row["quantizer"] in OURS and row["time_to_rival"][0] <= TIME
                and row["drop"] <= DROP * max(theirs["drop"], 1e-9)]
        print(f"  {backend}: within {TIME} of the rival's time and {DROP} times its drop: {', '.join(good) or 'none'}")
    sys.stdout.flush()


def main() -> None:
    print(f"{processor()}; one thread; has VNNI: {has_vnni()}")
    for name in sys.argv[1:] or MODELS:
        result = measure(name)
        show(result)
        save("quantizers-" + name, result)


if __name__ == "__main__":
    main()
