"""ONNX Runtime's static quantizer after its own pre-processing, set up by hand: QDQ, unsigned activations, signed per-channel
weights (7 bits without VNNI, as its documentation advises; scales per channel want opset 13). usage: onnxruntime_qdq.py MODEL.onnx SAMPLES.npz OUT.onnx"""

import pathlib
import sys
import tempfile

import numpy as np
import onnx
import onnx.version_converter
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


class Reader(CalibrationDataReader):
    def __init__(self, arrays: dict[str, np.ndarray], count: int) -> None:
        self.items = iter([{name: array[i:i + 1] for name, array in arrays.items()} for i in range(count)])

    def get_next(self) -> dict | None:
        return next(self.items, None)


def main() -> None:
    source, samples, target = sys.argv[1:4]
    with np.load(samples) as file:
        arrays = {name: file[name] for name in file.files}
    count = min(len(next(iter(arrays.values()))), 100)
    flags = pathlib.Path("/proc/cpuinfo").read_text().split()
    vnni = "avx512_vnni" in flags or "avx_vnni" in flags
    with tempfile.TemporaryDirectory() as folder:
        prepared = pathlib.Path(folder) / "prepared.onnx"
        graph = onnx.load(source, load_external_data=False)
        if next(o.version for o in graph.opset_import if o.domain in ("", "ai.onnx")) < 13:
            source = str(pathlib.Path(folder) / "raised.onnx")
            onnx.save(onnx.version_converter.convert_version(onnx.load(sys.argv[1]), 13), source)
        large = pathlib.Path(source).stat().st_size < 1 << 20 or pathlib.Path(source).stat().st_size > 256 << 20
        quant_pre_process(source, str(prepared), skip_symbolic_shape=True, save_as_external_data=large)
        # For a transformer its documentation quantizes MatMul alone.
        kinds = ["MatMul"] if "input_ids" in arrays else None
        make = lambda per_channel: quantize_static(
            str(prepared), target, Reader(arrays, count), quant_format=QuantFormat.QDQ, per_channel=per_channel, reduce_range=not vnni,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, op_types_to_quantize=kinds, use_external_data_format=large)
        try:
            make(True)
        except ValueError as error:  # 1.31.1 compares a list of scales with a number where a bias is small
            print(f"one scale for each tensor, because with scales per channel it fails: {error}", file=sys.stderr)
            make(False)


if __name__ == "__main__":
    main()
