#!/usr/bin/env python3
"""Renders words as images for a text-recognition model: words.npz ("x", float32 [n, 3, 48, 320]) and labels.txt; the first
twelve images also as few.npy.

usage: render_words.py COUNT FOLDER [--seed N] [--input NAME]

The words are distinct ones from the docstrings of Python's standard library, so that no word is in two parts of the samples; the font
is the one that Pillow carries.
"""

import argparse
import importlib
import pathlib
import random
import re

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

HEIGHT, WIDTH = 48, 320


def words(count: int, seed: int) -> list[str]:
    found: set[str] = set()
    for module in ("argparse", "collections", "csv", "datetime", "decimal", "difflib", "email.message", "fractions", "heapq", "inspect",
                   "itertools", "json", "logging", "math", "os", "pathlib", "random", "re", "shutil", "socket", "statistics", "string",
                   "subprocess", "tarfile", "textwrap", "threading", "unittest", "urllib.parse", "zipfile"):
        loaded = importlib.import_module(module)
        for value in [loaded, *vars(loaded).values()]:
            text = getattr(value, "__doc__", None)
            if isinstance(text, str):
                found.update(re.findall(r"\b[A-Za-z]{4,12}\b", text))
    distinct = {word.lower(): word for word in sorted(found)}
    chosen = sorted(distinct.values())
    if len(chosen) < count:
        raise SystemExit(f"[render_words] expected at most {len(chosen)} words, got {count}; try a smaller COUNT")
    generator = random.Random(seed)
    generator.shuffle(chosen)
    return chosen[:count]


def picture(word: str, generator: random.Random, face: str | None = None) -> np.ndarray:
    """One word as PaddleOCR prepares it: BGR, height 48, padded to width 320, (v / 255 - 0.5) / 0.5. `face` is a font file."""
    size = generator.randint(26, 40)
    font = ImageFont.truetype(face, size) if face else ImageFont.load_default(size=size)
    box = font.getbbox(word)
    margin = generator.randint(4, 10)
    size = (box[2] - box[0] + 2 * margin, box[3] - box[1] + 2 * margin)
    paper, ink = generator.randint(190, 255), generator.randint(0, 70)
    image = Image.new("RGB", size, (paper,) * 3)
    ImageDraw.Draw(image).text((margin - box[0], margin - box[1]), word, font=font, fill=(ink,) * 3)
    if generator.random() < 0.4:
        image = image.filter(ImageFilter.GaussianBlur(generator.uniform(0.3, 0.9)))
    width = min(WIDTH, max(1, round(image.width * HEIGHT / image.height)))
    pixels = np.asarray(image.resize((width, HEIGHT), Image.Resampling.BILINEAR), np.float32)
    noise = np.random.default_rng(generator.getrandbits(32)).normal(0, generator.uniform(0, 8), pixels.shape)
    pixels = np.clip(pixels + noise, 0, 255)
    out = np.zeros((3, HEIGHT, WIDTH), np.float32)
    out[:, :, :width] = (pixels[:, :, ::-1].transpose(2, 0, 1) / 255 - 0.5) / 0.5
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--input", default="x", help="name of the model's input")
    arguments = parser.parse_args()
    chosen = words(arguments.count, arguments.seed)
    generator = random.Random(arguments.seed + 1)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    images = np.stack([picture(word, generator) for word in chosen])
    np.savez(arguments.folder / "words.npz", **{arguments.input: images})
    np.save(arguments.folder / "few.npy", images[:12])
    (arguments.folder / "labels.txt").write_text("".join(word + "\n" for word in chosen))


if __name__ == "__main__":
    main()
