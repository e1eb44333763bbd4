"""The models that several figures share, with their samples: random weights, and real ones that packages carry."""

import dataclasses
import json
import pathlib

import numpy as np

from figures.demo_model import DEMO, require
from figures.models import inputs, materials
from harness.command import WORK, shapes_of

JUDGED = 32  # samples at most that no search or quantizer sees


def words() -> np.ndarray:
    require()
    with np.load(DEMO / "words.npz") as file:
        return file[file.files[0]].reshape(-1, 3, 48, 320)


def pages() -> np.ndarray:
    """Five words below each other on a white page, prepared as the detector wants them."""
    mean, deviation = (np.array(v, np.float32)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    sheets = np.ones((24, 3, 320, 320), np.float32)
    for i, word in enumerate(words()[: 24 * 5]):
        top = 8 + i % 5 * 62
        sheets[i // 5, :, top:top + 48] = word * 0.5 + 0.5
    return (sheets - mean) / deviation


def turned() -> np.ndarray:
    """The beginnings of words, every other one upside down."""
    crops = np.ascontiguousarray(words()[:64, :, :, :192])
    crops[1::2] = crops[1::2, :, ::-1, ::-1]
    return crops


def contents() -> np.ndarray:
    """The first and last 1024 bytes of files of this benchmark and of Python."""
    files = sorted(pathlib.Path(json.__file__).parent.rglob("*.py")) + sorted(pathlib.Path(__file__).parents[1].rglob("*.*"))
    rows = []
    for file in [f for f in files if f.is_file() and f.stat().st_size > 2048][:48]:
        data = file.read_bytes()
        rows.append(np.frombuffer(data[:1024] + data[-1024:], np.uint8))
    return np.stack(rows).astype(np.int32)


def from_package(package: str, name: str) -> pathlib.Path:
    """A model that a package of an environment carries: the demo's, or the benchmark's own."""
    for root in (DEMO / "venv", WORK / "venv"):
        for found in root.glob(f"lib/python3*/site-packages/{package}/{name}"):
            return found
    raise SystemExit(f"expected {package}/{name}; try make demo")


@dataclasses.dataclass
class Case:
    model: pathlib.Path
    data: pathlib.Path  # samples for a search or a quantizer
    judge: dict[str, np.ndarray]  # others, on the first axis

    @property
    def one(self) -> dict[str, np.ndarray]:
        """One call to time with."""
        return {key: array[-1:] for key, array in self.judge.items()}

    @property
    def shapes(self) -> str:
        return shapes_of(self.judge)


def case(name: str) -> Case:
    if name in ("resnet50", "bert-base"):
        paths = materials("resnet50-b1" if name == "resnet50" else "bert-b1")
        return Case(paths["model"], paths["data"], inputs(name, JUDGED, 3))
    model, samples, key = {
        "rec": (lambda: DEMO / "rec.onnx", words, "x"),
        "det": (lambda: from_package("rapidocr_onnxruntime", "models/ch_PP-OCRv4_det_infer.onnx"), pages, "x"),
        "cls": (lambda: from_package("rapidocr_onnxruntime", "models/ch_ppocr_mobile_v2.0_cls_infer.onnx"), turned, "x"),
        "magika": (lambda: from_package("magika", "models/standard_v3_3/model.onnx"), contents, "bytes"),
    }[name]
    data = WORK / "models" / name / "search.npz"
    data.parent.mkdir(parents=True, exist_ok=True)
    array = samples()
    judged = min(JUDGED, len(array) // 4)
    if not data.exists():
        np.savez(data, **{key: array[:-judged][:64]})
    return Case(model(), data, {key: array[-judged:]})
