"""The second and later loads of a package beside the fastest that its vendor's own C interface does, in fresh, interleaved processes.

    python load.py [rec resnet50 bert-base]

ONNX Runtime's fastest is looked for: the graph as it optimized it, saved as one ONNX file, as ONNX with its weights apart, or in ORT
format, loaded without optimizing again. OpenVINO's is compile_model of the file with CACHE_DIR. The package is a search's without
candidates: one variant, the same threads and precision. What is timed includes opening the vendor's library.
"""

import math
import os
import pathlib
import random
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from figures.cases import case  # noqa: E402
from figures.demo_model import fresh  # noqa: E402
from harness.command import BUILD, WORK, package_of, processor, save, speedster  # noqa: E402
from harness.interleave import median_interval  # noqa: E402

LOADS = 25
MODELS = ("rec", "resnet50", "bert-base")


def library(backend: str, pattern: str) -> pathlib.Path:
    rows = speedster("doctor", ok=(0, 5))["backends"]
    path = next(row["library"] for row in rows if row["name"] == backend)
    return next(iter(sorted(pathlib.Path(path).parent.glob(pattern))))


def optimized_graphs(name: str, model: pathlib.Path) -> dict[str, pathlib.Path]:
    """The graph as ONNX Runtime optimized it for this machine, in the forms that it can write and read again: in one file it names external
    data by the place where that lay."""
    import onnxruntime

    forms = {}
    for form, file in (("one file", "one.onnx"), ("weights apart", "apart.onnx"), ("ORT format", "one.ort")):
        folder = WORK / "load" / f"{name}-graphs" / file.replace(".", "-")
        folder.mkdir(parents=True, exist_ok=True)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.optimized_model_filepath = str(folder / file)
        options.log_severity_level = 3
        if form == "weights apart":
            options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "weights.bin")
            options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")
        if form == "ORT format":
            options.add_session_config_entry("session.save_model_format", "ORT")
        onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        if form != "one file" or not model.with_name(model.name + ".data").exists():
            forms[form] = folder / file
    return forms


def timed(words: list[str]) -> float:
    environment = {**os.environ, "SPEEDSTER_CACHE_DIR": str(WORK / "cache/load")}
    done = subprocess.run([str(BUILD / "benchmarks/speedster-load"), *words], capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout.split()[-1])


def compare(parties: dict[str, list[str]]) -> dict[str, list[float]]:
    """Seconds of LOADS fresh loads of each, in random order; the first two of each, which fill caches, do not count."""
    order, names = random.Random(0), list(parties)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(LOADS + 2):
        order.shuffle(names)
        for name in names:
            took = timed(parties[name])
            if turn >= 2:
                seconds[name].append(took)
    return seconds


def main() -> None:
    print(f"{processor()}; one thread, fp32")
    results = {}
    for name in sys.argv[1:] or MODELS:
        known = case(name)
        model = known.model
        onnxruntime, openvino = library("onnxruntime", "libonnxruntime.so.*"), library("openvino", "libopenvino_c.so.*")
        blobs = fresh(WORK / f"load/{name}-blobs")
        cases = {
            "onnxruntime": {form: ["onnxruntime", str(file), str(onnxruntime), "disable"] for form, file in
                            optimized_graphs(name, model).items()} | {"as it is": ["onnxruntime", str(model), str(onnxruntime), "all"]},
            "openvino": {"CACHE_DIR": ["openvino", str(model), str(openvino), str(blobs), "f32"]}}
        for backend, rivals in cases.items():
            chain = {"backend": backend, "options": {"precision": "fp32"}, "steps": [], "precision": "fp32"}
            made = package_of(chain, WORK / f"load/{name}-{backend}.speedster", model, "--data", known.data, "--shapes", known.shapes, "--threads", 1,
                              cache=WORK / "cache/load")
            seconds = compare({"speedster": ["package", str(made), "original"], **rivals})
            best = min(rivals, key=lambda rival: statistics.median(seconds[rival]))
            ratio = median_interval([math.log(a / b) for a, b in zip(seconds["speedster"], seconds[best], strict=True)])
            results[f"{name}-{backend}"] = {"seconds": seconds, "best": best, "ratio": ratio}
            print(f"\n{name}, {backend}")
            for party, values in seconds.items():
                print(f"  {party:14} {statistics.median(values) * 1e3:8.1f} ms")
            print(f"  the package's load over {best}: {ratio[0]:.3f} ({ratio[1]:.3f} to {ratio[2]:.3f}); wanted: 1.05 at most", flush=True)
    save("load", results)


if __name__ == "__main__":
    main()
