"""What the scripts of this example share: the characters of a recognition model, and CTC decoding."""

import json
import pathlib
from collections.abc import Iterator

import numpy as np


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Length-delimited fields of a protobuf message: (number, content)."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        if key & 7 == 2:
            size, at = _varint(data, at)
            yield key >> 3, data[at:at + size]
            at += size
        elif key & 7 == 0:
            _, at = _varint(data, at)
        elif key & 7 == 5:
            at += 4
        elif key & 7 == 1:
            at += 8
        else:
            raise ValueError("[ctc] expected an ONNX file, got something else")


def characters(model: pathlib.Path) -> list[str]:
    """The model's classes: the CTC blank, the `character` lines of its metadata (ModelProto.metadata_props, field 14), a space."""
    for number, content in _fields(model.read_bytes()):
        if number == 14:
            entry = dict(_fields(content))
            if entry.get(1) == b"character":
                return ["", *entry[2].decode().splitlines(), " "]
    raise ValueError(f"[ctc] expected metadata \"character\" in {model}, got none")


def decode(logits: np.ndarray, classes: list[str]) -> str:
    """The text of one sample of shape [steps, classes]: best class a step, repetitions and blanks removed (Graves et al. 2006), and
    the spaces at the ends, which the model reads into the margins."""
    best = logits.argmax(axis=-1)
    keep = best != 0
    keep[1:] &= best[1:] != best[:-1]
    return "".join(classes[i] for i in best[keep]).strip()


def read_safetensors(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Arrays of a safetensors file by name, mapped and not read."""
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    data = np.memmap(path, np.uint8, "r", offset=8 + size)
    dtypes = {"F32": np.float32, "F64": np.float64, "F16": np.float16, "I64": np.int64, "I32": np.int32, "U8": np.uint8}
    arrays = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            arrays[name] = data[begin:end].view(dtypes[entry["dtype"]]).reshape(entry["shape"])
    return arrays
