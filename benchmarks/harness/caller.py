"""One timed party: loads a model by its vendor's own Python API (or a package by Speedster's C runtime) and times blocks.

    python caller.py SPEC.json

SPEC: {"kind": "onnxruntime" | "openvino" | "package", "path", "threads" (0 = the vendor's default), "inputs": NPZ,
       "options": {…}, "library": libspeedster_runtime.so (package only), "outputs": NPZ to write the outputs of these inputs to,
       "judge": NPZ of more inputs, a call for each index of the first axis, and "judged": NPZ for what comes out of them, made where it
       is not there}.
Speaks JSON lines: after loading {"loaded": {…}}; then for each line "SECONDS" on stdin {"median": s, "calls": n}, the median of
the single calls of a block of at least SECONDS and 5 calls, after a warm part of a fifth of it.
"""

import ctypes
import json
import pathlib
import statistics
import sys
import time

import numpy as np


def onnxruntime_call(spec: dict, feeds: dict[str, np.ndarray]):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if spec["threads"]:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = spec["threads"]
        options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(spec["path"], options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    values = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in feeds.items()}
    for name, value in values.items():
        binding.bind_ortvalue_input(name, value)
    for output in session.get_outputs():
        binding.bind_output(output.name)
    session.run_with_iobinding(binding)
    # From here on into memory of ours, as a careful caller would.
    kept = [onnxruntime.OrtValue.ortvalue_from_numpy(o.numpy()) for o in binding.get_outputs()]
    binding.clear_binding_outputs()
    for output, value in zip(session.get_outputs(), kept):
        binding.bind_ortvalue_output(output.name, value)
    feed = lambda arrays: [values[name].update_inplace(array) for name, array in arrays.items()]
    return (lambda: session.run_with_iobinding(binding)), (lambda: [v.numpy() for v in kept]), feed


def openvino_call(spec: dict, feeds: dict[str, np.ndarray]):
    import openvino

    core = openvino.Core()
    properties = {"PERFORMANCE_HINT": "LATENCY", **spec["options"]}
    if spec["threads"]:
        properties |= {"INFERENCE_NUM_THREADS": spec["threads"], "NUM_STREAMS": 1}
    model = core.compile_model(spec["path"], "CPU", properties)
    request = model.create_infer_request()
    tensors = []
    for port in model.inputs:
        name = next(n for n in port.get_names() if n in feeds)
        tensors.append(openvino.Tensor(feeds[name], shared_memory=True))
        request.set_tensor(port, tensors[-1])
    request.infer()

    def feed(arrays: dict[str, np.ndarray], _keep: tuple = (model, tensors)) -> None:
        for name, array in arrays.items():
            feeds[name][...] = array

    return request.infer, (lambda: [request.get_output_tensor(i).data.copy() for i in range(len(model.outputs))]), feed


class DLDevice(ctypes.Structure):
    _fields_ = [("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32)]


class DLDataType(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class DLTensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device", DLDevice), ("ndim", ctypes.c_int32), ("dtype", DLDataType),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
                ("byte_offset", ctypes.c_uint64)]


class LoadOptions(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint32), ("entry", ctypes.c_char_p), ("threads", ctypes.c_int32), ("contexts", ctypes.c_int32),
                ("require_variant", ctypes.c_char_p), ("manifest_sha256", ctypes.c_char_p), ("allow_code", ctypes.c_int32),
                ("backend_path", ctypes.c_char_p), ("vendor_library", ctypes.c_char_p), ("options", ctypes.c_char_p),
                ("hide_isa", ctypes.c_char_p), ("log", ctypes.c_void_p), ("log_user", ctypes.c_void_p), ("no_vendor_cache", ctypes.c_int32)]


class TensorSpec(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("dtype", DLDataType), ("rank", ctypes.c_int32),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("axes", ctypes.POINTER(ctypes.c_char_p))]


CODES = {"i": 0, "u": 1, "f": 2, "b": 6}


def as_dltensor(array: np.ndarray, keep: list) -> DLTensor:
    shape = (ctypes.c_int64 * array.ndim)(*array.shape)
    keep += [array, shape]
    dtype = DLDataType(CODES[array.dtype.kind], array.dtype.itemsize * 8, 1)
    return DLTensor(array.ctypes.data, DLDevice(1, 0), array.ndim, dtype, shape, None, 0)


def package_call(spec: dict, feeds: dict[str, np.ndarray]):
    library = ctypes.CDLL(spec["library"])
    for function in ("learner_load", "context_create", "bind_input", "bind_output", "run", "get_output"):
        getattr(library, "speedster_" + function).restype = ctypes.c_void_p
    library.speedster_error_message.restype = ctypes.c_char_p
    library.speedster_error_message.argtypes = [ctypes.c_void_p]
    for count in ("input", "output"):
        getattr(library, f"speedster_{count}").restype = ctypes.POINTER(TensorSpec)

    def check(error: int | None) -> None:
        if error:
            raise RuntimeError(library.speedster_error_message(error).decode())

    options = LoadOptions(size=ctypes.sizeof(LoadOptions), threads=spec["threads"], no_vendor_cache=1)  # the others compile, too
    learner, context = ctypes.c_void_p(), ctypes.c_void_p()
    check(library.speedster_learner_load(spec["path"].encode(), ctypes.byref(options), ctypes.byref(learner)))
    check(library.speedster_context_create(learner, ctypes.byref(context)))
    keep: list = []
    for index in range(library.speedster_input_count(learner)):
        name = library.speedster_input(learner, index).contents.name.decode()
        tensor = as_dltensor(feeds[name], keep)
        keep.append(tensor)
        check(library.speedster_bind_input(context, index, ctypes.byref(tensor)))
    check(library.speedster_run(context))
    outputs = []
    for index in range(library.speedster_output_count(learner)):
        view = DLTensor()
        check(library.speedster_get_output(context, index, ctypes.byref(view), None))
        shape = [view.shape[i] for i in range(view.ndim)]
        kind = {code: letter for letter, code in CODES.items()}[view.dtype.code]
        outputs.append(np.empty(shape, np.dtype(f"{kind}{view.dtype.bits // 8}")))
        tensor = as_dltensor(outputs[-1], keep)
        keep.append(tensor)
        check(library.speedster_bind_output(context, index, ctypes.byref(tensor), ctypes.c_uint64(outputs[-1].nbytes)))
    run = library.speedster_run

    def call() -> None:
        if error := run(context):
            check(error)

    def feed(arrays: dict[str, np.ndarray], _keep: list = keep) -> None:
        for name, array in arrays.items():
            feeds[name][...] = array

    call()
    return call, (lambda: outputs), feed


def judge(spec: dict, call, outputs, feed) -> None:
    """Outputs of all inputs to judge by, one after the other, joined on a new first axis."""
    with np.load(spec["judge"]) as file:
        arrays = {name: file[name] for name in file.files}
    rows: list[list[np.ndarray]] = []
    for i in range(len(next(iter(arrays.values())))):
        feed({name: np.ascontiguousarray(array[i:i + 1]) for name, array in arrays.items()})
        call()
        rows.append([output.copy() for output in outputs()])
    np.savez(spec["judged"], *(np.stack(output) for output in zip(*rows, strict=True)))


def main() -> None:
    spec = json.loads(pathlib.Path(sys.argv[1]).read_text())
    with np.load(spec["inputs"]) as file:
        feeds = {name: np.ascontiguousarray(file[name]) for name in file.files}
    timed = {name: array.copy() for name, array in feeds.items()}
    begin = time.perf_counter()
    kinds = {"onnxruntime": onnxruntime_call, "openvino": openvino_call, "package": package_call}
    call, outputs, feed = kinds[spec["kind"]](spec, feeds)
    print(json.dumps({"loaded": {"seconds": time.perf_counter() - begin}}), flush=True)
    if spec.get("outputs"):
        np.savez(spec["outputs"], *outputs())
    if spec.get("judged") and not pathlib.Path(spec["judged"]).exists():
        judge(spec, call, outputs, feed)
        feed(timed)
    clock = time.perf_counter
    for line in sys.stdin:
        seconds = float(line)
        end = clock() + seconds / 5
        call()
        while clock() < end:
            call()
        times: list[float] = []
        end = clock() + seconds
        while clock() < end or len(times) < 5:
            start = clock()
            call()
            times.append(clock() - start)
        print(json.dumps({"median": statistics.median(times), "calls": len(times)}), flush=True)


if __name__ == "__main__":
    main()
