"""What the figures share about the text-recognition model that `make demo` prepares in build/demo."""

import pathlib
import shutil

from harness.command import BUILD, ROOT

DEMO = BUILD.parent / "demo"
SHAPES = ("--shapes", "x=1x3x48x320")


def require() -> None:
    if not (DEMO / "words.npz").exists():
        raise SystemExit(f"expected the demo's model and words in {DEMO}; try make demo")


def with_words() -> list[object]:
    """Arguments of the demo's search: exact words after CTC decoding."""
    script = ROOT / "examples/text_recognition/ctc_exact_match.py"
    return [DEMO / "rec.onnx", "--data", DEMO / "words.npz", "--labels", DEMO / "labels.txt", "--metric-command",
            f"{DEMO / 'venv/bin/python'} {script} {DEMO / 'characters.txt'} {{original}} {{candidate}} {{labels}} {{indices}}",
            "--metric-drop", 0.01, *SHAPES]


def fresh(folder: pathlib.Path) -> pathlib.Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder
