#!/usr/bin/env python3
"""A metric for speedster --metric-command: the share of words read exactly after CTC decoding. Prints original minus candidate.

usage: ctc_exact_match.py CHARACTERS.txt ORIGINAL CANDIDATE LABELS INDICES

ORIGINAL and CANDIDATE are safetensors files, or folders of them, with a tensor "OUTPUT.<sample>" for each judged sample; LABELS has a
word a line; INDICES lists the judged samples.
"""

import pathlib
import sys

from ctc import decode, read_safetensors


def read(path: pathlib.Path, classes: list[str]) -> dict[int, str]:
    """The word of each sample."""
    texts = {}
    for file in sorted(path.glob("*.safetensors")) if path.is_dir() else [path]:
        for name, array in read_safetensors(file).items():
            texts[int(name.rsplit(".", 1)[1])] = decode(array.reshape(-1, array.shape[-1]), classes)
    return texts


def main() -> None:
    classes = pathlib.Path(sys.argv[1]).read_text().split("\n")[:-1]
    original, candidate = (read(pathlib.Path(path), classes) for path in sys.argv[2:4])
    labels = pathlib.Path(sys.argv[4]).read_text().splitlines()
    if original.keys() != candidate.keys() or not original:
        raise SystemExit("[ctc] expected the same samples from the original and the candidate")
    right = [sum(texts[i] == labels[i] for i in texts) for texts in (original, candidate)]
    print((right[0] - right[1]) / len(original))


if __name__ == "__main__":
    main()
