/// The scripts that repeat a failure; @NAME@ is filled in.
#pragma once
#include <string_view>

namespace speedster::job {

/// The lines of both scripts that set $worker: WORKER.
inline constexpr std::string_view kFindWorker = R"text(worker=@WORKER@
if [ ! -x "$worker" ]; then worker=$(command -v speedster-worker || true); fi
worker=${SPEEDSTER_WORKER:-$worker}
if [ -z "$worker" ]; then
  echo "[repro] expected speedster-worker where it was or on PATH, got none; try to set SPEEDSTER_WORKER to its path" >&2
  exit 2
fi)text";

/// repro.sh: FIND_WORKER, LIMITS, THREADS.
inline constexpr std::string_view kScript = R"text(#!/bin/sh
# Runs this job again on a copy of its directory, under the same limits.
# The exit code is that of the job: 0 done, 1 failed (result.json says why), 97 out of memory, 142 out of time.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
@FIND_WORKER@
copy=$(mktemp -d)
mkdir "$copy/out"
cp "$here/request.json" "$copy/"
if [ -d "$here/inputs" ]; then cp -R "$here/inputs" "$copy/"; fi
echo "[repro] working in $copy" >&2
cd "$copy"
status=0
@THREADS@"$worker" exec @LIMITS@ -- "$worker" job . 4>&1 || status=$?
if [ -f "$copy/result.json" ]; then cat "$copy/result.json"; fi
# A toolchain's step ends with 0 where it could say what failed.
if [ "$status" = 0 ] && grep -q '"ok": *false' "$copy/result.json" 2>/dev/null; then status=1; fi
exit "$status"
)text";

/// repro.sh of a check or timing: FIND_WORKER, LIMITS, THREADS.
inline constexpr std::string_view kServeScript = R"text(#!/bin/sh
# Sends the requests that failed to a worker again, under the same limits. Replies go to stdout, the vendor's words too.
# The exit code: 0 all were answered (look for "ok": false), 97 out of memory, 142 out of time, above 128 a signal.
set -eu
cd "$(dirname "$0")"
@FIND_WORKER@
outputs=$(mktemp)
status=0
@THREADS@"$worker" exec @LIMITS@ -- "$worker" serve 3<requests.jsonl 4>&1 5<>"$outputs" || status=$?
rm -f "$outputs"
exit "$status"
)text";

/// repro_vendor.py: VERSION, MODEL, SAMPLE, THREADS, OPTIONS.
inline constexpr std::string_view kOnnxRuntime = R"text(#!/usr/bin/env python3
"""Repeats a failure of ONNX Runtime without Speedster: pip install onnxruntime@VERSION@ numpy"""
import os
import numpy as np
import onnxruntime as ort

here = os.path.dirname(os.path.abspath(__file__))
MODEL, SAMPLE, THREADS, OPTIONS = @MODEL@, @SAMPLE@, @THREADS@, @OPTIONS@
DTYPES = {"float": "f4", "double": "f8", "float16": "f2", "bool": "?", "int8": "i1", "uint8": "u1", "int16": "i2",
          "uint16": "u2", "int32": "i4", "uint32": "u4", "int64": "i8", "uint64": "u8"}
LEVELS = {"disable": "ORT_DISABLE_ALL", "basic": "ORT_ENABLE_BASIC", "extended": "ORT_ENABLE_EXTENDED", "all": "ORT_ENABLE_ALL"}


def on(key, default):
    return OPTIONS.get(key, default) in ("1", "true")


settings = ort.SessionOptions()
settings.intra_op_num_threads = THREADS
settings.graph_optimization_level = getattr(ort.GraphOptimizationLevel, LEVELS[OPTIONS.get("optimization", "all")])
settings.enable_cpu_mem_arena = on("arena", "1")
settings.enable_mem_pattern = on("mem_pattern", "1")
if not on("complete_quantization", "1"):
    settings.add_session_config_entry("optimization.disable_specified_optimizers", "WeightBiasQuantization")
settings.add_session_config_entry("session.intra_op.allow_spinning", "1" if on("spinning", "1") else "0")
print("onnxruntime", ort.__version__, "loads", MODEL)
session = ort.InferenceSession(os.path.join(here, MODEL), settings, providers=["CPUExecutionProvider"])
feed = dict(np.load(os.path.join(here, SAMPLE))) if SAMPLE else {}
for node in session.get_inputs():
    shape = [size if isinstance(size, int) else 1 for size in node.shape]
    feed.setdefault(node.name, np.ones(shape, DTYPES[node.type[len("tensor("):-1]]))
for node, value in zip(session.get_outputs(), session.run(None, feed)):
    print(node.name, value.dtype, value.shape, "finite" if np.isfinite(value.astype("f8")).all() else "NOT FINITE")
)text";

inline constexpr std::string_view kOpenVino = R"text(#!/usr/bin/env python3
"""Repeats a failure of OpenVINO without Speedster: pip install openvino@VERSION@ numpy"""
import os
import numpy as np
import openvino as ov

here = os.path.dirname(os.path.abspath(__file__))
MODEL, SAMPLE, THREADS, OPTIONS = @MODEL@, @SAMPLE@, @THREADS@, @OPTIONS@
PRECISIONS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}

print("openvino", ov.__version__, "loads", MODEL)
core = ov.Core()
model = core.read_model(os.path.join(here, MODEL))
precision = PRECISIONS[OPTIONS.get("precision", "fp32")]
settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": THREADS,
            "NUM_STREAMS": int(OPTIONS.get("streams", 0)) or 1,
            "PERFORMANCE_HINT": OPTIONS.get("hint", "latency").upper(),
            "EXECUTION_MODE_HINT": OPTIONS.get("execution_mode", "performance").upper()}
if OPTIONS.get("dynamic_quantization", "0") not in ("1", "true"):
    settings["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = "0"
if precision == "f32":
    settings["KV_CACHE_PRECISION"] = "f32"
fusion = OPTIONS.get("fusion", "auto")
if fusion == "off" or (fusion == "auto" and any(node.partial_shape.is_dynamic for node in model.inputs)):
    settings["SNIPPETS_MODE"] = "DISABLE"
if OPTIONS.get("pinning", "auto") != "auto":
    settings["ENABLE_CPU_PINNING"] = OPTIONS["pinning"] == "on"
compiled = core.compile_model(model, "CPU", settings)
feed = dict(np.load(os.path.join(here, SAMPLE))) if SAMPLE else {}
for node in compiled.inputs:
    shape = [size.get_length() if size.is_static else 1 for size in node.partial_shape]
    feed.setdefault(node.any_name, np.ones(shape, node.element_type.to_dtype()))
for node, value in compiled(feed).items():
    print(node.any_name, value.dtype, value.shape, "finite" if np.isfinite(value.astype("f8")).all() else "NOT FINITE")
)text";

/// repro_vendor.py of a vendor that failed when it was asked whether it can be used: VERSION.
inline constexpr std::string_view kOnnxRuntimeProbe = R"text(#!/usr/bin/env python3
"""Repeats a failure of ONNX Runtime without Speedster: pip install onnxruntime@VERSION@"""
import onnxruntime as ort

print("onnxruntime", ort.__version__, *ort.get_available_providers())
)text";

inline constexpr std::string_view kOpenVinoProbe = R"text(#!/usr/bin/env python3
"""Repeats a failure of OpenVINO without Speedster: pip install openvino@VERSION@"""
import openvino as ov

core = ov.Core()
print("openvino", ov.__version__, *core.available_devices)
print(core.get_property("CPU", "FULL_DEVICE_NAME"), *core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
)text";

}  // namespace speedster::job
