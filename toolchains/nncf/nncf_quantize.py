#!/usr/bin/env python3
"""The step "nncf": post-training int8 quantization of an ONNX model or OpenVINO IR by NNCF on OpenVINO.

usage: nncf_quantize.py JOB_DIRECTORY

Reads request.json: inputs "model" (model.onnx or model.xml) and "calibration" (a safetensors file with a tensor "NAME.<i>"
for each input NAME and sample i; by default calibration.safetensors of the job). Writes out/model.xml and out/model.bin and
result.json; progress as JSON lines on descriptor 4. step.json beside this file lists the options. No pickle is loaded and
nothing outside the job's directory is written.
"""

import collections
import fnmatch
import importlib.metadata
import json
import os
import pathlib
import re
import signal
import sys
import time
import traceback

# ErrorKind of speedster/error.h
USAGE, BAD_INPUT, NOT_FOUND, VENDOR, OUT_OF_MEMORY = 1, 2, 3, 5, 6

DEFAULTS = {"preset": "performance", "subset_size": 300, "ignored_names": [], "ignored_patterns": [], "model_type": "auto",
            "fast_bias_correction": True, "vnni": True}
# What the search sends to every step that takes samples; the worker has cut the samples accordingly.
UNUSED = {"indices"}

REPRO = '''#!/usr/bin/env python3
"""Repeats a failure of NNCF without Speedster: pip install nncf==@NNCF@ openvino==@OPENVINO@ safetensors numpy"""
import os
import nncf
import openvino
from safetensors import safe_open

here = os.path.dirname(os.path.abspath(__file__))
MODEL, CALIBRATION, SETTINGS = @MODEL@, @CALIBRATION@, @SETTINGS@

print("nncf", nncf.__version__, "quantizes", MODEL)
model = openvino.Core().read_model(os.path.join(here, MODEL))
names = [port.get_any_name() for port in model.inputs]
file = safe_open(os.path.join(here, CALIBRATION), framework="numpy")
count = min(SETTINGS["subset_size"], len(set(file.keys())) // len(names))
samples = [{name: file.get_tensor(f"{name}.{index}") for name in names} for index in range(count)]
quantized = nncf.quantize(
    model, nncf.Dataset(samples), subset_size=count, target_device=nncf.TargetDevice.CPU,
    preset=getattr(nncf.QuantizationPreset, SETTINGS["preset"]), fast_bias_correction=SETTINGS["fast_bias_correction"],
    model_type=nncf.ModelType.TRANSFORMER if SETTINGS["transformer"] else None,
    ignored_scope=nncf.IgnoredScope(names=SETTINGS["ignored"], validate=False) if SETTINGS["ignored"] else None,
    advanced_parameters=nncf.AdvancedQuantizationParameters(
        overflow_fix=getattr(nncf.OverflowFix, SETTINGS["overflow_fix"])))
print("quantizers:", sum(op.get_type_name() == "FakeQuantize" for op in quantized.get_ordered_ops()))
openvino.save_model(quantized, os.path.join(here, "quantized.xml"), compress_to_fp16=False)
'''


class Failure(Exception):
    """An expected failure; the message follows [who] expected X, got Y; try Z."""

    def __init__(self, kind: int, message: str):
        super().__init__(message)
        self.kind = kind


def progress(share: float, message: str) -> None:
    line = json.dumps({"progress": round(share, 3), "message": message}) + "\n"
    try:
        os.write(4, line.encode())
    except OSError:
        pass  # nobody listens: the script was started by hand


def test_fault(point: str) -> None:
    """The same grammar as the plug-ins': SPEEDSTER_TEST_FAULT=nncf:crash@load (docs/design/vendors.md)."""
    for entry in os.environ.get("SPEEDSTER_TEST_FAULT", "").split(","):
        who, _, rest = entry.rpartition(":")
        kind, _, where = rest.partition("@")
        if (who and who != "nncf") or (where or "load") != point:
            continue
        if kind == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif kind == "abort":
            os.abort()
        elif kind == "hang":
            while True:
                time.sleep(1000)
        elif kind == "memory":
            blocks = []
            while True:
                blocks.append(bytearray(b"\1" * (16 << 20)))
        elif kind == "error":
            raise Failure(VENDOR, "[nncf] expected no fault, got the one that SPEEDSTER_TEST_FAULT asks for")


def inside(job: pathlib.Path, relative: str, what: str) -> pathlib.Path:
    path = pathlib.PurePosixPath(relative)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise Failure(BAD_INPUT, f"[nncf] expected {what} inside the job's folder, got {relative!r}")
    file = job / path
    if not file.exists():
        raise Failure(NOT_FOUND, f"[nncf] expected {what} at {relative}, got no such file")
    return file


def read_options(request: dict) -> dict:
    given = request.get("options", {})
    unknown = sorted(set(given) - set(DEFAULTS) - UNUSED)
    if unknown:
        raise Failure(USAGE, f"[nncf] expected options among {', '.join(DEFAULTS)}, got {', '.join(unknown)}")
    options = {**DEFAULTS, **{key: value for key, value in given.items() if key in DEFAULTS}}
    for key, default in DEFAULTS.items():
        if type(options[key]) is not type(default):
            raise Failure(USAGE, f"[nncf] expected {type(default).__name__} for option {key}, got {options[key]!r}")
    for key, values in {"preset": ("performance", "mixed"), "model_type": ("auto", "transformer", "none")}.items():
        if options[key] not in values:
            raise Failure(USAGE, f"[nncf] expected {key} to be one of {', '.join(values)}, got {options[key]!r}")
    if options["subset_size"] < 1:
        raise Failure(USAGE, f"[nncf] expected subset_size of at least 1, got {options['subset_size']}")
    return options


class Samples:
    """The calibration samples, read from the mapped file one at a time."""

    def __init__(self, path: pathlib.Path, names: list[str], limit: int):
        from safetensors import safe_open

        self._file = safe_open(str(path), framework="numpy")
        keys = set(self._file.keys())
        self._names = names
        self.count = 0
        while self.count < limit and any(f"{name}.{self.count}" in keys for name in names):
            missing = [name for name in names if f"{name}.{self.count}" not in keys]
            if missing:
                raise Failure(BAD_INPUT, f"[nncf] expected a tensor for each input in sample {self.count}, got none for "
                                         f"{', '.join(missing)}")
            self.count += 1
        if self.count == 0:
            raise Failure(BAD_INPUT, f"[nncf] expected tensors {names[0]}.0, {names[0]}.1, … in {path.name}, got "
                                     f"{', '.join(sorted(keys)[:4]) or 'an empty file'}")

    def __len__(self) -> int:
        return self.count

    def __iter__(self):
        for index in range(self.count):
            progress(0.1 + 0.6 * index / self.count, f"calibrating, sample {index + 1} of {self.count}")
            yield {name: self._file.get_tensor(f"{name}.{index}") for name in self._names}


def matched_labels(model_path: pathlib.Path, model, names: list[str], patterns: list[str]) -> tuple[set[str], set[str]]:
    """(labels of the nodes that match, labels of all the model's own nodes). A node is known by its name and by the tensors
    that it makes: OpenVINO keeps either. Names and patterns are those of the ONNX node, as the native steps take them."""

    def matches(label: str, op: str) -> bool:
        return label in names or any(label == p or fnmatch.fnmatchcase(label, p) or fnmatch.fnmatchcase(op, p) for p in patterns)

    if model_path.suffix == ".onnx":
        import onnx

        nodes = onnx.load(str(model_path), load_external_data=False).graph.node
        rows = [(node.name or (node.output[0] if node.output else ""), node.op_type, list(node.output)) for node in nodes]
    else:
        rows = [(op.get_friendly_name(), op.get_type_name(), []) for op in model.get_ordered_ops()]
    hit, known = set(), set()
    for label, op, outputs in rows:
        known.update([label, *outputs])
        if matches(label, op):
            hit.update([label, *outputs])
    return hit, known


def labels_of(op) -> set[str]:
    return {op.get_friendly_name()}.union(*(port.get_names() for port in op.outputs()))


def ignored_operations(model, hit: set[str], known: set[str]) -> list[str]:
    """The operations that a matched node became: those with its labels, and what the conversion put in front of them (a
    convolution with a bias becomes a Convolution with a label of its own and an Add with the node's)."""
    result = set()
    for op in model.get_ordered_ops():
        if op.get_type_name() == "Result" or hit.isdisjoint(labels_of(op)):
            continue
        queue = collections.deque([op])
        while queue:
            current = queue.popleft()
            if current.get_friendly_name() in result or current.get_type_name() in ("Constant", "Parameter"):
                continue
            result.add(current.get_friendly_name())
            for value in current.input_values():
                if known.isdisjoint(labels_of(value.get_node())):
                    queue.append(value.get_node())
    return sorted(result)


def has_attention(model) -> bool:
    for op in model.get_ordered_ops():
        if op.get_type_name() == "ScaledDotProductAttention":
            return True
        if op.get_type_name() in ("Softmax", "SoftMax"):
            consumers = [target.get_node().get_type_name() for target in op.output(0).get_target_inputs()]
            if "MatMul" in consumers:
                return True
    return False


def write_repro(job: pathlib.Path, model: str, calibration: str, settings: dict) -> pathlib.Path:
    """repro_vendor.py: the same call in the vendor's own words. It lies there before the vendor is called, because a crash
    leaves no time for it."""
    values = {"NNCF": importlib.metadata.version("nncf"), "OPENVINO": importlib.metadata.version("openvino").split("-")[0],
              "MODEL": repr(model), "CALIBRATION": repr(calibration), "SETTINGS": repr(settings)}
    script = job / "repro_vendor.py"
    script.write_text(re.sub("@([A-Z]+)@", lambda found: values[found[1]], REPRO))
    script.chmod(0o755)
    return script


def quantize(job: pathlib.Path, request: dict) -> dict:
    options = read_options(request)
    inputs = request.get("inputs", {})
    if "model" not in inputs:
        raise Failure(USAGE, "[nncf] expected an input named model, got none")
    model_path = inside(job, inputs["model"], "the model")
    calibration_name = inputs.get("calibration", "calibration.safetensors")
    calibration = inside(job, calibration_name, "the samples")
    settings = {"preset": options["preset"].upper(), "subset_size": options["subset_size"], "transformer": False,
                "fast_bias_correction": options["fast_bias_correction"], "ignored": [],
                "overflow_fix": "FIRST_LAYER" if options["vnni"] else "ENABLE"}
    repro = write_repro(job, inputs["model"], calibration_name, settings)

    progress(0.0, "starting NNCF")
    test_fault("load")
    import nncf
    import openvino

    model = openvino.Core().read_model(str(model_path))
    names = [port.get_any_name() for port in model.inputs]
    samples = Samples(calibration, names, options["subset_size"])
    hit, known = matched_labels(model_path, model, options["ignored_names"], options["ignored_patterns"])
    transformer = options["model_type"] == "transformer" or (options["model_type"] == "auto" and has_attention(model))
    ignored = ignored_operations(model, hit, known) if hit else []
    write_repro(job, inputs["model"], calibration_name, settings | {"transformer": transformer, "ignored": ignored})

    progress(0.1, "calibrating")
    test_fault("compile")
    quantized = nncf.quantize(
        model,
        nncf.Dataset(samples),
        preset=getattr(nncf.QuantizationPreset, settings["preset"]),
        target_device=nncf.TargetDevice.CPU,
        subset_size=len(samples),
        fast_bias_correction=options["fast_bias_correction"],
        model_type=nncf.ModelType.TRANSFORMER if transformer else None,
        ignored_scope=nncf.IgnoredScope(names=ignored, validate=False) if ignored else None,
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            overflow_fix=getattr(nncf.OverflowFix, settings["overflow_fix"])),
    )

    progress(0.95, "writing the IR")
    out = job / "out"
    out.mkdir(exist_ok=True)
    openvino.save_model(quantized, str(out / "model.xml"), compress_to_fp16=False)
    repro.unlink()
    kinds = collections.Counter(op.get_type_name() for op in quantized.get_ordered_ops())
    return {
        "files": {"model": "out/model.xml", "weights": "out/model.bin"},
        "summary": {
            "samples": len(samples),
            "quantizers": kinds["FakeQuantize"],
            "weight_bits": 8 if options["vnni"] else 7,
            "transformer": transformer,
            "ignored": len(hit),
            "versions": {"nncf": nncf.__version__, "openvino": openvino.__version__.split("-")[0]},
        },
    }


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    job = pathlib.Path(sys.argv[1])
    try:
        request = json.loads((job / "request.json").read_text())
        result = {"ok": True, **quantize(job, request)}
    except Failure as failure:
        result = {"ok": False, "error": {"kind": failure.kind, "message": str(failure)}}
    except MemoryError:
        result = {"ok": False, "error": {"kind": OUT_OF_MEMORY, "message": "[nncf] expected enough memory, got none; try fewer or smaller samples"}}
    except Exception as failure:  # the vendors raise what they like; the log has the whole of it
        traceback.print_exc()
        result = {"ok": False, "error": {"kind": VENDOR, "message": f"[nncf] expected a quantized model, got {type(failure).__name__}: {failure}"}}
    temporary = job / "result.json.tmp"
    temporary.write_text(json.dumps(result, indent=2))
    temporary.replace(job / "result.json")
    progress(1.0, "done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
