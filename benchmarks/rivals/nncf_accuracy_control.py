"""NNCF's quantization with accuracy control, with OpenVINO: layers go back to float until the task's score holds. A quarter of the samples
calibrates, another validates, as in a search of ours. usage: nncf_accuracy_control.py TASK MODEL.onnx SAMPLES.npz LABELS.txt OUT.xml DROP"""

import pathlib
import sys

import nncf
import numpy as np
import openvino

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.tasks import TASKS, read_labels  # noqa: E402


def main() -> None:
    task, source, samples, labels, target, drop = sys.argv[1:7]
    with np.load(samples) as file:
        arrays = {name: file[name] for name in file.files}
    known, score = read_labels(pathlib.Path(labels)), TASKS[task]()
    quarter = len(known) // 4
    items = [({name: array[i:i + 1] for name, array in arrays.items()}, known[i]) for i in range(2 * quarter)]
    inputs_of = lambda item: item[0]

    def validate(model: openvino.CompiledModel, data) -> tuple[float, list[float]]:
        request = model.create_infer_request()
        values = []
        for inputs, label in data:
            request.infer(inputs)
            values.append(score([request.get_output_tensor(i).data[0].copy() for i in range(len(model.outputs))], label))
        return float(np.mean(values)), values

    model = openvino.Core().read_model(source)
    quantized = nncf.quantize_with_accuracy_control(
        model, nncf.Dataset(items[:quarter], inputs_of), nncf.Dataset(items[quarter:], inputs_of), validate, max_drop=float(drop),
        drop_type=nncf.DropType.ABSOLUTE, subset_size=quarter)
    openvino.save_model(quantized, target, compress_to_fp16=False)


if __name__ == "__main__":
    main()
