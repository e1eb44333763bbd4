"""Models in which two layers leave int8 no room, at seeded random positions that no rule by type or size would name.

    python spoiled.py chain resnet bert -o DIR [--seed 0]

A value that is always 0 is read by a row of weights a hundred times as large as the others: in floating point that changes nothing, in
8 bits the scale of every output channel is a hundred times too coarse. NAME.json beside the model names the two.
"""

import argparse
import json
import pathlib

import numpy as np
import onnx
from make_models import GraphBuilder, bert, resnet50
from onnx import TensorProto, helper, numpy_helper

FACTOR = 100


def chain(seed: int, layers: int = 40, width: int = 512) -> onnx.ModelProto:
    """Products with Relu between them; rows of `width` values."""
    b = GraphBuilder(seed)
    x = "x"
    for layer in range(layers):
        x = b.node("MatMul", [x, b.normal(f"layer{layer}.weight", (width, width), (2 / width) ** 0.5)], f"layer{layer}")
        if layer + 1 < layers:
            x = b.node("Relu", [x], f"layer{layer}.relu")
    b.nodes.append(helper.make_node("Identity", [x], ["y"], name="last"))
    rows = ["batch", width]
    return b.model("chain", [helper.make_tensor_value_info("x", TensorProto.FLOAT, rows)], [helper.make_tensor_value_info("y", TensorProto.FLOAT, rows)])


class Spoiler:
    """Changes weights of a model in place."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.tensors = {tensor.name: tensor for tensor in model.graph.initializer}

    def edit(self, name: str, change) -> None:
        values = numpy_helper.to_array(self.tensors[name]).copy()
        change(values)
        self.tensors[name].CopyFrom(numpy_helper.from_array(values, name))

    def kill(self, names: list[str], channel: int, axis: int = 0) -> None:
        for name in names:
            self.edit(name, lambda v: v.__setitem__((slice(None),) * axis + (channel,), 0))

    def raise_row(self, name: str, channel: int, axis: int) -> None:
        self.edit(name, lambda v: v.__setitem__((slice(None),) * axis + (channel,), FACTOR * np.abs(v).max()))


def plant_chain(spoiler: Spoiler, layer: int) -> str:
    spoiler.kill([f"layer{layer - 1}.weight"], 3, axis=1)
    spoiler.raise_row(f"layer{layer}.weight", 3, axis=0)
    return f"layer{layer}"


def plant_resnet(spoiler: Spoiler, place: tuple[str, str]) -> str:
    before, layer = place
    spoiler.kill([f"{before}.norm.weight", f"{before}.norm.bias"], 5)
    spoiler.kill([f"{before}.norm.mean"], 5)
    spoiler.raise_row(f"{layer}.weight", 5, axis=1)
    return layer


def plant_bert(spoiler: Spoiler, place: tuple[int, str]) -> str:
    layer, part = place
    name = f"layer.{layer}."
    if part == "down":
        spoiler.kill([name + "up.weight"], 9, axis=1)
        spoiler.kill([name + "up.bias"], 9)
    elif part == "output":
        spoiler.kill([name + "value.weight"], 9, axis=1)
        spoiler.kill([name + "value.bias"], 9)
    else:
        norm = name + "output.norm" if part == "up" else (f"layer.{layer - 1}.down.norm" if layer else "embeddings.norm")
        spoiler.kill([norm + ".weight", norm + ".bias"], 9)
    spoiler.raise_row(name + part + ".weight", 9, axis=0)
    return name + part + ".matmul"


BLOCKS = (2, 2, 2, 2)
MODELS = {
    "chain": (lambda seed: chain(seed), plant_chain, list(range(1, 40))),
    "resnet": (lambda seed: resnet50(seed, blocks=BLOCKS), plant_resnet,
               [(f"layer{stage + 1}.{block}.conv{i}", f"layer{stage + 1}.{block}.conv{i + 1}")
                for stage, count in enumerate(BLOCKS) for block in range(count) for i in (1, 2)]),
    "bert": (lambda seed: bert(seed, layers=6, hidden=384, heads=6, vocabulary=8000), plant_bert,
             # With random weights all scores are about equal, and nothing spoils queries and keys.
             [(layer, part) for layer in range(6) for part in ("value", "output", "up", "down")]),
}


def spoiled(name: str, seed: int) -> tuple[onnx.ModelProto, list[str]]:
    make, plant, places = MODELS[name]
    model = make(seed)
    spoiler = Spoiler(model)
    chosen = np.random.default_rng(seed + 1000).choice(len(places), 2, replace=False)
    return model, [plant(spoiler, places[index]) for index in sorted(chosen)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", choices=sorted(MODELS))
    parser.add_argument("-o", "--output", type=pathlib.Path, default=pathlib.Path())
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name in arguments.models:
        model, planted = spoiled(name, arguments.seed)
        onnx.save_model(model, arguments.output / f"{name}.onnx")
        (arguments.output / f"{name}.json").write_text(json.dumps(planted))
        print(arguments.output / f"{name}.onnx", *planted)


if __name__ == "__main__":
    main()
