"""What the trained models are for: what the outputs for one sample are worth against its label, from 0 to 1."""

import json
import pathlib
import sys
from collections.abc import Callable

import numpy as np
from scipy import ndimage

from figures.demo_model import DEMO
from harness.command import ROOT

sys.path.insert(0, str(ROOT / "examples/text_recognition"))
import ctc  # noqa: E402

Score = Callable[[list[np.ndarray], str], float]


def words() -> Score:
    """Whether the word is read exactly."""
    classes = ctc.characters(DEMO / "rec.onnx")
    return lambda outputs, label: float(ctc.decode(outputs[0].reshape(-1, outputs[0].shape[-1]), classes) == label)


def boxes_of(probabilities: np.ndarray) -> list[tuple[float, float, float, float]]:
    """Boxes (left, top, right, bottom) of level text in a map of probabilities, as PaddleOCR finds them: connected pixels above 0.3,
    0.6 on average, grown by area · 1.6 / perimeter because the model marks shrunk text (Liao et al. 2020, arXiv 1911.08947, section 3.4)."""
    regions, _ = ndimage.label(probabilities > 0.3)
    boxes = []
    for rows, columns in ndimage.find_objects(regions):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if min(height, width) < 3 or probabilities[rows, columns].mean() < 0.6:
            continue
        grown = height * width * 1.6 / (2 * (height + width))
        boxes.append((columns.start - grown, rows.start - grown, columns.stop + grown, rows.stop + grown))
    return boxes


def overlap(a: tuple, b: tuple) -> float:
    """Intersection over union."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    area = lambda box: (box[2] - box[0]) * (box[3] - box[1])
    return width * height / (area(a) + area(b) - width * height)


def boxes() -> Score:
    """The F1 of boxes against those that were drawn (a JSON list of them), matched where they overlap by half."""

    def score(outputs: list[np.ndarray], label: str) -> float:
        found, left = boxes_of(outputs[0].reshape(outputs[0].shape[-2:])), json.loads(label)
        total, matched = len(found) + len(left), 0
        for box in found:
            best = max(left, key=lambda other: overlap(box, other), default=None)
            if best is not None and overlap(box, best) >= 0.5:
                left.remove(best)
                matched += 1
        return 2 * matched / total

    return score


def file_types() -> Score:
    """Whether the file's type comes first."""
    from figures.cases import from_package

    labels = json.loads(from_package("magika", "models/standard_v3_3/config.min.json").read_text())["target_labels_space"]
    return lambda outputs, label: float(labels[int(outputs[0].argmax())] == label)


TASKS = {"rec": words, "det": boxes, "magika": file_types}


def scores(task: str, outputs: list[np.ndarray], labels: list[str]) -> np.ndarray:
    """Of each sample; `outputs` have the samples on their first axis."""
    score = TASKS[task]()
    return np.array([score([output[i] for output in outputs], label) for i, label in enumerate(labels)])


def read_labels(path: pathlib.Path) -> list[str]:
    return path.read_text().splitlines()
