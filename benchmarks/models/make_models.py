"""Writes the two models of the benchmarks as ONNX: ResNet-50 and BERT-base with random weights.

    python make_models.py resnet50 bert-base -o DIR [--seed 0]

Needs numpy and onnx. The weights are seeded: the same call gives the same file. Batch (and for BERT the sequence) is dynamic.
The graphs are as exporters leave them: BatchNormalization beside its convolution, attention and GELU spelled out. Weights
above 256 MB lie in external data beside the model.
"""

import argparse
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
EXTERNAL_DATA_BYTES = 256 << 20


class GraphBuilder:
    """Collects nodes and initializers; every call returns the name of its output."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def weight(self, name: str, array: np.ndarray) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def normal(self, name: str, shape: tuple[int, ...], deviation: float, mean: float = 0.0) -> str:
        values = self.random.standard_normal(shape, dtype=np.float32) * np.float32(deviation) + np.float32(mean)
        return self.weight(name, values)

    def node(self, op: str, inputs: list[str], name: str, **attributes) -> str:
        output = name + "_output"
        self.nodes.append(helper.make_node(op, inputs, [output], name=name, **attributes))
        return output

    def model(self, name: str, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]) -> onnx.ModelProto:
        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.initializers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def resnet50(seed: int, blocks: tuple[int, ...] = (3, 4, 6, 3)) -> onnx.ModelProto:
    """He et al. 2015, the variant with the stride in the 3x3 convolution; images [batch, 3, 224, 224] to 1000 logits."""
    b = GraphBuilder(seed)

    def convolution(x: str, name: str, channels_in: int, channels: int, kernel: int, stride: int, gain: float = 1.0) -> str:
        deviation = (2.0 / (channels * kernel * kernel)) ** 0.5
        weight = b.normal(name + ".weight", (channels, channels_in, kernel, kernel), deviation)
        pad = kernel // 2
        y = b.node("Conv", [x, weight], name, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)
        norm = name + ".norm"
        statistics = [
            b.normal(norm + ".weight", (channels,), 0.1 * gain, gain),
            b.normal(norm + ".bias", (channels,), 0.1),
            b.normal(norm + ".mean", (channels,), 0.1),
            b.weight(norm + ".variance", b.random.uniform(0.5, 1.5, channels).astype(np.float32)),
        ]
        return b.node("BatchNormalization", [y, *statistics], norm, epsilon=1e-5)

    x = b.node("Relu", [convolution("images", "stem", 3, 64, 7, 2)], "stem.relu")
    x = b.node("MaxPool", [x], "stem.pool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for stage, count in enumerate(blocks):
        width = 64 << stage
        for index in range(count):
            name = f"layer{stage + 1}.{index}"
            stride = 2 if stage > 0 and index == 0 else 1
            y = b.node("Relu", [convolution(x, name + ".conv1", channels, width, 1, 1)], name + ".relu1")
            y = b.node("Relu", [convolution(y, name + ".conv2", width, width, 3, stride)], name + ".relu2")
            # A small last gain keeps the variance of the residual sum from doubling in each block.
            y = convolution(y, name + ".conv3", width, width * 4, 1, 1, gain=0.3)
            if index == 0:
                x = convolution(x, name + ".downsample", channels, width * 4, 1, stride)
            x = b.node("Relu", [b.node("Add", [y, x], name + ".add")], name + ".relu3")
            channels = width * 4
    x = b.node("Flatten", [b.node("GlobalAveragePool", [x], "pool")], "flatten", axis=1)
    b.nodes.append(
        helper.make_node(
            "Gemm",
            [x, b.normal("fc.weight", (1000, channels), channels**-0.5), b.normal("fc.bias", (1000,), 0.01)],
            ["logits"],
            name="fc",
            transB=1,
        )
    )
    return b.model(
        "resnet50",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 224, 224])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1000])],
    )


def bert(seed: int, layers: int = 12, hidden: int = 768, heads: int = 12, vocabulary: int = 30522) -> onnx.ModelProto:
    """Devlin et al. 2018, encoder alone: ids, mask and token types [batch, sequence] to states [batch, sequence, hidden]."""
    b = GraphBuilder(seed)
    size = hidden // heads

    def scalar(name: str, value: float) -> str:
        return b.weight(name, np.array(value, np.float32))

    def linear(x: str, name: str, inputs: int, outputs: int) -> str:
        weight = b.normal(name + ".weight", (inputs, outputs), 0.02)
        bias = b.normal(name + ".bias", (outputs,), 0.02)
        return b.node("Add", [b.node("MatMul", [x, weight], name + ".matmul"), bias], name + ".add")

    def norm(x: str, name: str) -> str:
        scale, shift = b.normal(name + ".weight", (hidden,), 0.02, 1.0), b.normal(name + ".bias", (hidden,), 0.02)
        return b.node("LayerNormalization", [x, scale, shift], name, axis=-1, epsilon=1e-12)

    words = b.node("Gather", [b.normal("embeddings.words", (vocabulary, hidden), 0.02), "input_ids"], "embeddings.word")
    types = b.node("Gather", [b.normal("embeddings.types", (2, hidden), 0.02), "token_type_ids"], "embeddings.type")
    zero, one_axis = b.weight("zero", np.array([0], np.int64)), b.weight("one", np.array([1], np.int64))
    length = b.node("Gather", [b.node("Shape", ["input_ids"], "shape"), one_axis], "length")
    ids = b.weight("embeddings.position_ids", np.arange(512, dtype=np.int64)[None, :])
    positions = b.node("Slice", [ids, zero, length, one_axis], "positions")
    table = b.normal("embeddings.positions", (512, hidden), 0.02)
    places = b.node("Gather", [table, positions], "embeddings.position")
    x = b.node("Add", [b.node("Add", [words, types], "embeddings.add1"), places], "embeddings.add2")
    x = norm(x, "embeddings.norm")

    mask = b.node("Cast", ["attention_mask"], "mask.cast", to=TensorProto.FLOAT)
    mask = b.node("Sub", [scalar("mask.one", 1.0), mask], "mask.invert")
    mask = b.node("Mul", [mask, scalar("mask.lowest", float(np.finfo(np.float32).min))], "mask.scale")
    mask = b.node("Unsqueeze", [mask, b.weight("mask.axes", np.array([1, 2], np.int64))], "mask.unsqueeze")

    split = b.weight("heads.split", np.array([0, 0, heads, size], np.int64))
    merge = b.weight("heads.merge", np.array([0, 0, hidden], np.int64))
    root, half, one, sqrt2 = (
        scalar("attention.root", size**0.5),
        scalar("gelu.half", 0.5),
        scalar("gelu.one", 1.0),
        scalar("gelu.sqrt2", 2.0**0.5),
    )
    for layer in range(layers):
        name = f"layer.{layer}"
        parts = {}
        for part, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
            y = linear(x, f"{name}.{part}", hidden, hidden)
            y = b.node("Reshape", [y, split], f"{name}.{part}.reshape")
            parts[part] = b.node("Transpose", [y], f"{name}.{part}.transpose", perm=order)
        scores = b.node("MatMul", [parts["query"], parts["key"]], name + ".scores")
        scores = b.node("Div", [scores, root], name + ".scores.scale")
        weights = b.node("Softmax", [b.node("Add", [scores, mask], name + ".scores.mask")], name + ".softmax", axis=-1)
        y = b.node("MatMul", [weights, parts["value"]], name + ".context")
        y = b.node("Transpose", [y], name + ".context.transpose", perm=[0, 2, 1, 3])
        y = linear(b.node("Reshape", [y, merge], name + ".context.reshape"), name + ".output", hidden, hidden)
        x = norm(b.node("Add", [y, x], name + ".output.residual"), name + ".output.norm")
        y = linear(x, name + ".up", hidden, 4 * hidden)
        erf = b.node("Erf", [b.node("Div", [y, sqrt2], name + ".gelu.div")], name + ".gelu.erf")
        y = b.node("Mul", [y, b.node("Add", [erf, one], name + ".gelu.add")], name + ".gelu.mul")
        y = linear(b.node("Mul", [y, half], name + ".gelu"), name + ".down", 4 * hidden, hidden)
        x = norm(b.node("Add", [y, x], name + ".down.residual"), name + ".down.norm")
    b.nodes.append(helper.make_node("Identity", [x], ["last_hidden_state"], name="last"))
    return b.model(
        "bert",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
            for name in ("input_ids", "attention_mask", "token_type_ids")
        ],
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "sequence", hidden])],
    )


MODELS = {
    "resnet50": lambda seed: resnet50(seed),
    "bert-base": lambda seed: bert(seed),
    "bert-small": lambda seed: bert(seed, layers=2, hidden=128, heads=2, vocabulary=1000),
    "resnet-small": lambda seed: resnet50(seed, blocks=(1, 1, 1, 1)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", choices=sorted(MODELS))
    parser.add_argument("-o", "--output", type=pathlib.Path, default=pathlib.Path())
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name in arguments.models:
        model = MODELS[name](arguments.seed)
        path = arguments.output / f"{name}.onnx"
        external = sum(len(tensor.raw_data) for tensor in model.graph.initializer) > EXTERNAL_DATA_BYTES
        data = path.with_suffix(".onnx.data")
        data.unlink(missing_ok=True)  # onnx appends to a file that is there
        onnx.save_model(model, path, save_as_external_data=external, location=data.name)
        print(path)


if __name__ == "__main__":
    main()
