"""What each pass of the lossless rewriting gains: time, size, load time and int8 coverage, for each backend.

    python rewrites.py [--smoke] [resnet50 bert-base rec det cls magika]

For each model, at fp32 and in static int8 on ONNX Runtime and OpenVINO: the graph as it came, with all passes, and with all but
one, for each pass that changes it. All files of a backend and precision are timed against each other in interleaved fresh
processes by the vendor's own API, on one thread; ratios are to "all passes", so above 1 a pass gains.
"""

import argparse
import pathlib
import statistics
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from figures.cases import case  # noqa: E402
from harness.command import WORK, has_vnni, processor, save  # noqa: E402
from harness.interleave import interleave  # noqa: E402
from harness.jobs import Jobs, summary  # noqa: E402

FOLDER = WORK / "rewrites"
BACKENDS = ("onnxruntime", "openvino")
CALIBRATION = 16


def quantized(jobs: Jobs, model: pathlib.Path, backend: str, store: pathlib.Path, count: int) -> tuple[pathlib.Path, dict]:
    common = {"vnni": has_vnni()}
    ranges = jobs.run("calibrate", model, {**common, "indices": list(range(count)), "backend": "onnxruntime"}, samples=store)
    job = jobs.run("quantize-static", model, {**common, "target": backend, "calibration": "minmax"},
                   ranges=ranges / "out/ranges.json")
    return job / "out/model.onnx", summary(job)


def size(model: pathlib.Path) -> int:
    data = model.with_name(model.name + ".data")
    return model.stat().st_size + (data.stat().st_size if data.exists() else 0)


def measure(name: str, smoke: bool) -> dict:
    known = case(name)
    model = known.model
    jobs = Jobs(FOLDER / name, model, known.data, known.shapes)
    store = jobs.store()
    call = jobs.folder / "one.npz"
    np.savez(call, **known.one)
    rewritten = jobs.run("rewrite", model, {"disable": []}, samples=store)
    passes = summary(rewritten)["passes"]
    changing = [row["name"] for row in passes if row["changes"] > 0 and not row["undone"]]
    variants = {"all passes": rewritten / "out/model.onnx", "as it came": model}
    for changed in changing:
        variants[f"without {changed}"] = jobs.run("rewrite", model, {"disable": [changed]}, samples=store) / "out/model.onnx"
    if smoke:
        variants = dict(list(variants.items())[:3])
    rows = []
    for backend in BACKENDS:
        for precision in ("fp32", "static-int8"):
            files, coverage = {}, {}
            for variant, file in variants.items():
                files[variant] = file
                if precision != "fp32":
                    files[variant], told = quantized(jobs, file, backend, store, 2 if smoke else CALIBRATION)
                    coverage[variant] = f"{told['quantized_nodes']} of {told['candidate_nodes']}"
            options = {"INFERENCE_PRECISION_HINT": "f32"} if backend == "openvino" else {}
            specs = {variant: {"kind": backend, "path": str(file), "inputs": str(call), "threads": 1, "options": options}
                     for variant, file in files.items()}
            timings = interleave(specs, loads=2 if smoke else 8, blocks=1 if smoke else 3, seconds=0.05 if smoke else 0.5)
            for variant, file in files.items():
                rows.append({"backend": backend, "precision": precision, "variant": variant, "seconds": timings.seconds(variant),
                             "ratio": timings.ratio(variant, "all passes"), "bytes": size(file),
                             "load_seconds": statistics.median(timings.loads[variant]), "quantized": coverage.get(variant)})
    done = summary(rewritten)
    return {"model": name, "nodes": [done["nodes_before"], done["nodes_after"]], "passes": passes, "rows": rows}


def show(result: dict) -> None:
    before, after = result["nodes"]
    print(f"\n{result['model']}: {before} nodes become {after}")
    for row in result["passes"]:
        if row["changes"]:
            print(f"  {row['name']:18} {row['changes']:4} places, {row['seconds']:.2f} s, compared in {row['verify_seconds']:.2f} s, "
                  f"relative L2 {row['relative_l2']:.2g} ({row['judge']}){'; taken back: ' + row['undone'] if row['undone'] else ''}")
    for row in result["rows"]:
        ratio = row["ratio"]
        print(f"  {row['backend']:12} {row['precision']:12} {row['variant']:28} {row['seconds'] * 1e3:8.3f} ms   {ratio[0]:.3f} "
              f"({ratio[1]:.3f} to {ratio[2]:.3f})   {row['bytes'] / 1e6:7.2f} MB   loads in {row['load_seconds'] * 1e3:6.0f} ms   "
              f"{row['quantized'] or ''}")
    sys.stdout.flush()


def main() -> None:
    names = ["resnet50", "bert-base", "rec", "det", "cls", "magika"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="some of " + " ".join(names))
    parser.add_argument("--smoke", action="store_true", help="two loads, three variants: whether it runs at all")
    arguments = parser.parse_args()
    if unknown := set(arguments.models) - set(names):
        raise SystemExit(f"expected models of {' '.join(names)}, got {' '.join(sorted(unknown))}")
    print(f"{processor()}; one thread; ratios: time over that with all passes")
    for name in arguments.models or names:
        result = measure(name, arguments.smoke)
        show(result)
        if not arguments.smoke:
            save("rewrites-" + name, result)


if __name__ == "__main__":
    main()
