"""Three trained models with a task each: our search beside what the vendors' own tools make of the same samples.

    python trained.py [rec det magika]

Text recognition (words read exactly), text detection (F1 of boxes) and file types (the right one first). Everyone gets the samples to search
with, a budget of 0.01 of the task's score where it takes one, and five minutes; what they make is timed on one thread in interleaved
fresh processes, by its vendor's own API (ours by the C runtime), and judged on samples whose words, fonts and files nobody has seen
(models/trained_samples.py). The loss in score is paired with ONNX Runtime fp32 by sample.
"""

import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from figures.cases import from_package  # noqa: E402
from figures.demo_model import DEMO, fresh, require  # noqa: E402
from harness.command import ROOT, RUNTIME, WORK, processor, save, shapes_of, speedster, winner  # noqa: E402
from harness.interleave import T95, interleave  # noqa: E402
from harness.tasks import read_labels, scores  # noqa: E402

RIVALS = ROOT / "benchmarks/rivals"
OLIVE = WORK / "olive/bin/python"
BUDGET, SECONDS = 0.01, 300
MODELS = {"rec": ("text recognition", lambda: DEMO / "rec.onnx"),
          "det": ("text detection", lambda: from_package("rapidocr_onnxruntime", "models/ch_PP-OCRv4_det_infer.onnx")),
          "magika": ("file types", lambda: from_package("magika", "models/standard_v3_3/model.onnx"))}
ORIGINAL = "onnxruntime fp32"


class Materials:
    def __init__(self, name: str) -> None:
        self.name, self.model = name, MODELS[name][1]()
        self.folder = WORK / "trained" / name
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.samples("judge").exists():
            subprocess.run([sys.executable, str(ROOT / "benchmarks/models/trained_samples.py"), name, "-o", str(self.folder)], check=True)
        with np.load(self.samples("judge")) as file:
            arrays = {key: file[key] for key in file.files}
        self.shapes = shapes_of(arrays)
        self.one = self.folder / "one.npz"
        np.savez(self.one, **{key: array[:1] for key, array in arrays.items()})

    def samples(self, part: str) -> pathlib.Path:
        return self.folder / f"{part}-{self.name}.npz"

    def labels(self, part: str) -> pathlib.Path:
        return self.folder / f"{part}-{self.name}.txt"


def ours(m: Materials) -> tuple[dict, dict]:
    """The caller's spec of our package, and the search's report."""
    package = m.folder / f"{m.name}.speedster"
    metric = f"{sys.executable} {ROOT / 'benchmarks/harness/task_drop.py'} {m.name} {{original}} {{candidate}} {{labels}} {{indices}}"
    report = speedster("optimize", m.model, "--data", m.samples("search"), "--labels", m.labels("search"), "--metric-command", metric,
                       "--metric-drop", BUDGET, "--shapes", m.shapes, "--threads", 1, "--time-budget", f"{SECONDS}s", "-o", package,
                       ok=(0, 3), cache=fresh(m.folder / "cache"))
    return {"kind": "package", "path": str(package), "library": str(RUNTIME)}, report


def rival(m: Materials, python: pathlib.Path | str, script: str, target: str, *arguments: object) -> tuple[pathlib.Path | None, float, str]:
    """What it made (nothing where it failed or was not ready in time), the seconds that took, and why it made nothing."""
    made = m.folder / target
    made.parent.mkdir(exist_ok=True)
    made.unlink(missing_ok=True)
    begin, log = time.monotonic(), made.parent / "log.txt"
    with log.open("w") as file:
        process = subprocess.Popen([str(python), str(RIVALS / script), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                   start_new_session=True)
        try:
            code = process.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None, time.monotonic() - begin, f"not ready in {SECONDS} s"
    if code != 0 or not made.exists():
        return None, time.monotonic() - begin, f"failed: {log.read_text().strip().splitlines()[-1][:160]}"
    return made, time.monotonic() - begin, ""


def loss(original: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """Mean of the paired differences with its 95 % interval (Student's t). Where no sample differs, three in as many as there are may
    still do (the rule of three, Hanley & Lippman-Hand 1983)."""
    differences = original - other
    mean, count = float(differences.mean()), len(differences)
    if not differences.any():
        return 0.0, -3 / count, 3 / count
    half = (T95[29] if count <= 30 else 1.96) * statistics.stdev(differences) / count**0.5
    return mean, mean - half, mean + half


def measure(name: str) -> dict:
    m = Materials(name)
    spec, report = ours(m)
    specs = {"speedster": spec, ORIGINAL: {"kind": "onnxruntime", "path": str(m.model)},
             "openvino, its defaults": {"kind": "openvino", "path": str(m.model)}}
    search, labels = m.samples("search"), m.labels("search")
    made = {"nncf with accuracy control": ("openvino", rival(m, sys.executable, "nncf_accuracy_control.py", "nncf/model.xml", name, m.model,
                                                             search, labels, m.folder / "nncf/model.xml", BUDGET)),
            "onnxruntime's quantizer": ("onnxruntime", rival(m, sys.executable, "onnxruntime_qdq.py", "qdq/model.onnx", m.model, search,
                                                             m.folder / "qdq/model.onnx")),
            "olive, automatic": ("onnxruntime", rival(m, OLIVE, "olive_automatic.py", "olive/model.onnx", m.model, search,
                                                      m.folder / "olive/model.onnx"))}
    making = {"speedster": report["seconds"]}
    missing = {}
    for label, (kind, (path, seconds, why)) in made.items():
        making[label] = seconds
        if path is None:
            missing[label] = why
        else:
            specs[label] = {"kind": kind, "path": str(path)}
    for i, one in enumerate(specs.values()):
        one |= {"threads": 1, "inputs": str(m.one), "judge": str(m.samples("judge")), "judged": str(m.folder / f"judged-{i}.npz")}
    timings = interleave(specs, loads=6, blocks=2, seconds=0.5)
    truth, score = read_labels(m.labels("judge")), {}
    for label, one in specs.items():
        with np.load(one["judged"]) as file:
            score[label] = scores(name, [file[key] for key in file.files], truth)
    rows = {label: {"seconds": timings.seconds(label), "speedup": timings.ratio(ORIGINAL, label), "score": float(score[label].mean()),
                    "loss": loss(score[ORIGINAL], score[label]), "making_seconds": making.get(label)} for label in specs}
    return {"model": name, "winner": winner(report), "judged": len(truth), "rows": rows, "missing": missing}


def show(result: dict) -> None:
    print(f"\n{MODELS[result['model']][0]}: {result['winner']}; {result['judged']} samples to judge by; budget {BUDGET}\n")
    print("| | speed, times ONNX Runtime fp32 | score | loss (95 %) | made in |")
    print("| --- | --- | --- | --- | --- |")
    for label, row in sorted(result["rows"].items(), key=lambda item: -item[1]["speedup"][0]):
        speed, lost, made = row["speedup"], row["loss"], row["making_seconds"]
        over = " **over the budget**" if lost[0] > BUDGET else ""
        speed = "1" if label == ORIGINAL else f"{speed[0]:.2f} ({speed[1]:.2f} to {speed[2]:.2f})"
        lost = "" if label == ORIGINAL else f"{lost[0]:.4f} ({lost[1]:.4f} to {lost[2]:.4f}){over}"
        print(f"| {label} | {speed} | {row['score']:.4f} | {lost} | {'' if made is None else f'{made:.0f} s'} |")
    for label, why in result["missing"].items():
        print(f"| {label} | {why} | | | |")
    sys.stdout.flush()


def main() -> None:
    require()
    print(f"{processor()}; one thread")
    for name in sys.argv[1:] or MODELS:
        result = measure(name)
        show(result)
        save("trained-" + name, result)


if __name__ == "__main__":
    main()
