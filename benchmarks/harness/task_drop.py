"""A program for --metric-command: how much less a candidate's outputs are worth than the original's (tasks.py).

    python task_drop.py TASK ORIGINAL CANDIDATE LABELS INDICES
"""

import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.tasks import TASKS, ctc, read_labels  # noqa: E402


def outputs_of(path: pathlib.Path) -> dict[int, list[np.ndarray]]:
    """The outputs of each sample, from a safetensors file or a folder of them with "OUTPUT.<sample>"."""
    samples: dict[int, list[np.ndarray]] = {}
    for file in sorted(path.glob("*.safetensors")) if path.is_dir() else [path]:
        for name, array in ctc.read_safetensors(file).items():
            samples.setdefault(int(name.rsplit(".", 1)[1]), []).append(array)
    return samples


def main() -> None:
    score = TASKS[sys.argv[1]]()
    original, candidate = (outputs_of(pathlib.Path(path)) for path in sys.argv[2:4])
    labels = read_labels(pathlib.Path(sys.argv[4]))
    if original.keys() != candidate.keys() or not original:
        raise SystemExit("[task_drop] expected the same samples from the original and the candidate")
    print(sum(score(original[i], labels[i]) - score(candidate[i], labels[i]) for i in original) / len(original))


if __name__ == "__main__":
    main()
