"""NNCF's post-training quantization with OpenVINO, set up by hand. usage: nncf_openvino.py MODEL.onnx SAMPLES.npz OUT.xml"""

import sys

import nncf
import numpy as np
import openvino


def main() -> None:
    source, samples, target = sys.argv[1:4]
    with np.load(samples) as file:
        arrays = {name: file[name] for name in file.files}
    count = min(len(next(iter(arrays.values()))), 100)
    model = openvino.Core().read_model(source)
    items = [{name: array[i:i + 1] for name, array in arrays.items()} for i in range(count)]
    transformer = any(node.get_type_name() == "Softmax" for node in model.get_ops()) and "input_ids" in arrays
    quantized = nncf.quantize(model, nncf.Dataset(items), subset_size=count,
                              model_type=nncf.ModelType.TRANSFORMER if transformer else None)
    openvino.save_model(quantized, target, compress_to_fp16=False)


if __name__ == "__main__":
    main()
