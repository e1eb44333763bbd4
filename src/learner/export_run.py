#!/usr/bin/env python3
"""Checks the optimized model against the original's outputs and times it against the original.

It needs numpy and the vendor's own Python package (requirements.txt), nothing of Speedster.

usage: run.py [--loads N] [--rounds N] [--threads N] [--seed N] [--json]
"""

import argparse
import json
import math
import pathlib
import random
import statistics
import struct
import sys
import time

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
SAFETENSORS = {
    "BOOL": "?", "I8": "i1", "U8": "u1", "I16": "<i2", "U16": "<u2", "I32": "<i4", "U32": "<u4",
    "I64": "<i8", "U64": "<u8", "F16": "<f2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip


def read_safetensors(path):
    """All tensors of a safetensors file whose dtype numpy has."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in SAFETENSORS:
            sys.exit(f"[run] expected a dtype that numpy has for {name}, got {entry['dtype']}")
        begin, end = entry["data_offsets"]
        raw = np.frombuffer(data[8 + length + begin : 8 + length + end], SAFETENSORS[entry["dtype"]])
        tensors[name] = raw.reshape(entry["shape"]).copy()  # aligned and writeable
    return tensors


def read_samples(signature):
    """A list of (inputs, expected outputs); one sample of made-up inputs where the package has none."""
    path = HERE / "samples.safetensors"
    if not path.exists():
        generator = np.random.default_rng(0)
        inputs = {}
        for spec in signature["inputs"]:
            shape = [d if isinstance(d, int) else d.get("opt", d.get("min", 1)) for d in spec.get("shape", [])]
            dtype = np.dtype(spec["dtype"])
            inputs[spec["name"]] = generator.random(shape).astype(dtype) if dtype.kind == "f" else np.zeros(shape, dtype)
        return [(inputs, None)]
    samples = {}
    for name, value in read_safetensors(path).items():
        kind, rest = name.split(".", 1)
        tensor, index = rest.rsplit(".", 1)
        samples.setdefault(int(index), ({}, {}))[kind == "output"][tensor] = value
    return [samples[index] for index in sorted(samples)]


class OnnxRuntime:
    """A session with its inputs bound to the caller's memory, as the plug-in of Speedster has it."""

    def __init__(self, folder, settings, signature):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        for name, value in settings["options"].items():
            if name == "graph_optimization_level":
                value = getattr(onnxruntime.GraphOptimizationLevel, value)
            elif name == "execution_mode":
                value = getattr(onnxruntime.ExecutionMode, value)
            setattr(options, name, value)
        for key, value in settings["config"].items():
            options.add_session_config_entry(key, value)
        self.session = onnxruntime.InferenceSession(
            str(folder / settings["model"]), options, providers=["CPUExecutionProvider"]
        )
        self.outputs = [spec["name"] for spec in signature["outputs"]]
        self.bound = None

    def bind(self, inputs):
        self.bound = self.session.io_binding()
        for name, value in inputs.items():
            self.bound.bind_cpu_input(name, value)
        for name in self.outputs:
            self.bound.bind_output(name)

    def run(self):
        self.session.run_with_iobinding(self.bound)

    def results(self):
        return dict(zip(self.outputs, self.bound.copy_outputs_to_cpu()))


class OpenVino:
    """A compiled model with one infer request over the caller's memory."""

    def __init__(self, folder, settings, signature):
        import openvino

        self.openvino = openvino
        self.compiled = openvino.Core().compile_model(str(folder / settings["model"]), "CPU", settings["config"])
        self.request = self.compiled.create_infer_request()
        self.inputs = self.ports(self.compiled.inputs, signature["inputs"])
        self.outputs = self.ports(self.compiled.outputs, signature["outputs"])

    def ports(self, ports, specs):
        """Ports by the signature's names; a port may have several names, or none that is the model's."""
        by_name = {name: port for port in ports for name in port.get_names()}
        return {spec["name"]: by_name.get(spec["name"], port) for spec, port in zip(specs, ports)}

    def bind(self, inputs):
        for name, value in inputs.items():
            self.request.set_tensor(self.inputs[name], self.openvino.Tensor(value, shared_memory=True))

    def run(self):
        self.request.infer()

    def results(self):
        return {name: self.request.get_tensor(port).data.copy() for name, port in self.outputs.items()}


RUNTIMES = {"onnxruntime": OnnxRuntime, "openvino": OpenVino}


def load(folder, signature, threads):
    settings = json.loads((HERE / folder / "session.json").read_text())
    if threads:
        settings["config" if settings["vendor"] == "openvino" else "options"][settings["threads_key"]] = threads
    try:
        return RUNTIMES[settings["vendor"]](HERE / folder, settings, signature)
    except ModuleNotFoundError as error:
        sys.exit(f"[run] expected the Python package {error.name} for the {folder} model, got none;"
                 f" try pip install -r {HERE / 'requirements.txt'}")  # fmt: skip


def check(model, samples, limit):
    """The worst relative L2 difference and cosine over samples and outputs, and whether all is within the limit."""
    worst = {"relative_l2": 0.0, "cosine": 1.0, "ok": True}
    for inputs, expected in samples:
        model.bind(inputs)
        model.run()
        results = model.results()
        for name, reference in (expected or {}).items():
            got = results[name]
            if got.shape != reference.shape or not np.array_equal(np.isfinite(got), np.isfinite(reference)):
                worst["ok"] = False
                continue
            finite = np.isfinite(reference)
            a, b = reference[finite].astype(np.float64), got[finite].astype(np.float64)
            norm_a, norm_b = np.linalg.norm(a), np.linalg.norm(b)
            worst["relative_l2"] = max(worst["relative_l2"], float(np.linalg.norm(a - b) / (norm_a or 1)))
            if norm_a and norm_b:
                worst["cosine"] = min(worst["cosine"], float(a @ b / (norm_a * norm_b)))
    worst["ok"] = worst["ok"] and worst["relative_l2"] <= limit
    return worst


def block(model, samples):
    """The median call of a block: a warm part, then 10 calls and 100 ms over the samples, binding left out."""
    times, timed = [], 0.0
    warm_until = time.perf_counter() + 0.02
    calls = 0
    while calls < 3 or time.perf_counter() < warm_until:
        model.bind(samples[calls % len(samples)][0])
        model.run()
        calls += 1
    while len(times) < 10 or timed < 0.1:
        model.bind(samples[len(times) % len(samples)][0])
        begin = time.perf_counter()
        model.run()
        times.append(time.perf_counter() - begin)
        timed += times[-1]
    return statistics.median(times)


def race(signature, samples, options):
    """The original's time over the optimized model's: the median over fresh loads, and their range."""
    order = random.Random(options.seed)
    ratios, times = [], {"original": [], "optimized": []}
    for _ in range(options.loads):
        models = {name: load(name, signature, options.threads) for name in times}
        logs = []
        for _ in range(options.rounds):
            seen = {}
            for name in order.sample(sorted(models), len(models)):
                seen[name] = block(models[name], samples)
                times[name].append(seen[name])
            logs.append(math.log(seen["original"] / seen["optimized"]))
        ratios.append(math.exp(statistics.median(logs)))
    return {
        "speedup": {"median": statistics.median(ratios), "low": min(ratios), "high": max(ratios)},
        "original_seconds": statistics.median(times["original"]),
        "optimized_seconds": statistics.median(times["optimized"]),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loads", type=int, default=5, help="fresh loads of both models (5)")
    parser.add_argument("--rounds", type=int, default=6, help="rounds of blocks in each load (6)")
    parser.add_argument("--threads", type=int, default=0, help="of both models (as judged)")
    parser.add_argument("--seed", type=int, default=0, help="of the order of blocks (0)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()

    signature = json.loads((HERE / "signature.json").read_text())
    samples = read_samples(signature)
    limit = json.loads((HERE / "optimized" / "session.json").read_text())["limit"]
    checked = check(load("optimized", signature, options.threads), samples, limit)
    result = {"check": checked}
    if not options.json:
        print(f"check: relative L2 {checked['relative_l2']:.3g} (limit {limit:.3g}), cosine {checked['cosine']:.6f}"
              f" on {len(samples)} samples: {'ok' if checked['ok'] else 'FAILED'}", flush=True)  # fmt: skip
    if (HERE / "original").is_dir():
        result.update(race(signature, samples, options))
    if options.json:
        print(json.dumps(result, indent=2))
    elif "speedup" in result:
        speedup = result["speedup"]
        print(f"time: original {result['original_seconds'] * 1e3:.3f} ms, optimized"
              f" {result['optimized_seconds'] * 1e3:.3f} ms: {speedup['median']:.2f} times as fast"
              f" ({speedup['low']:.2f} to {speedup['high']:.2f} over {options.loads} loads)")  # fmt: skip
    return 0 if result["check"]["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
