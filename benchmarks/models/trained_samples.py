"""Samples of the three trained models, with labels: some to search with, others to judge by, whose words, fonts and files the first do
not have.

    python trained_samples.py rec det magika -o DIR

For each part PART-NAME.npz and PART-NAME.txt (a label a line: the word; the boxes that were drawn as JSON; the type of the file).
"""

import argparse
import importlib
import json
import pathlib
import random
import re
import site
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples/text_recognition"))
import render_words  # noqa: E402

PARTS = ("search", "judge")
PACKAGES = pathlib.Path(site.getsitepackages()[0])
FONTS = {"search": ("font_source_sans_pro/files/SourceSansPro-Regular.ttf", "font_source_sans_pro/files/SourceSansPro-Bold.ttf"),
         "judge": ("font_source_serif_pro/files/SourceSerifPro-Regular.ttf", "font_hanken_grotesk/files/HankenGrotesk-Medium.otf")}
COUNT = {"rec": (400, 600), "det": (128, 96), "magika": (480, 480)}
PAGE = 416  # pixels


def words_for(part: str, count: int) -> list[str]:
    """Python's own words to search with, those of numpy and scipy that are not among them to judge by."""
    known = render_words.words(COUNT["rec"][0], seed=1)
    if part == "search":
        return [known[i % len(known)] for i in range(count)]
    found: dict[str, str] = {}
    for module in ("numpy", "numpy.linalg", "numpy.fft", "scipy.ndimage", "scipy.optimize", "scipy.signal", "scipy.stats", "scipy.interpolate"):
        for value in vars(importlib.import_module(module)).values():
            text = getattr(value, "__doc__", None)
            if isinstance(text, str):
                found |= {word.lower(): word for word in re.findall(r"\b[A-Za-z]{4,12}\b", text)}
    fresh = sorted(found[word] for word in found.keys() - {word.lower() for word in known})
    random.Random(2).shuffle(fresh)
    return [fresh[i % len(fresh)] for i in range(count)]


def rec(part: str, count: int) -> tuple[dict[str, np.ndarray], list[str]]:
    generator, faces = random.Random(PARTS.index(part) + 10), [str(PACKAGES / face) for face in FONTS[part]]
    chosen = words_for(part, count)
    return {"x": np.stack([render_words.picture(word, generator, generator.choice(faces)) for word in chosen])}, chosen


def det(part: str, count: int) -> tuple[dict[str, np.ndarray], list[str]]:
    """Pages of a few words, some hard to see, and where they lie, with a margin of a fifth of their height, as people draw such boxes; prepared as
    PaddleOCR does, (v / 255 - mean) / deviation of each channel."""
    generator, faces = random.Random(PARTS.index(part) + 20), [str(PACKAGES / face) for face in FONTS[part]]
    pool = iter(words_for(part, count * 16))
    mean, deviation = (np.array(v, np.float32)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    pages, labels = [], []
    for _ in range(count):
        paper = generator.randint(170, 255)
        page = Image.new("RGB", (PAGE, PAGE), (paper, paper - generator.randint(0, 15), paper - generator.randint(0, 30)))
        draw, drawn, top = ImageDraw.Draw(page), [], generator.randint(8, 40)
        while True:
            font = ImageFont.truetype(generator.choice(faces), generator.randint(12, 44))
            ink, word = paper - generator.randint(24, 150), next(pool)
            box = font.getbbox(word)
            width, height = box[2] - box[0], box[3] - box[1]
            if top + height + 8 > PAGE:
                break
            left = generator.randint(8, max(8, PAGE - width - 8))
            draw.text((left - box[0], top - box[1]), word, font=font, fill=(ink,) * 3)
            margin = round(height / 5, 1)
            drawn.append((left - margin, top - margin, left + width + margin, top + height + margin))
            top += height + generator.randint(16, 60)
        if generator.random() < 0.4:
            page = page.filter(ImageFilter.GaussianBlur(generator.uniform(0.3, 1.0)))
        pixels = np.asarray(page, np.float32)
        noise = np.random.default_rng(generator.getrandbits(32)).normal(0, generator.uniform(0, 16), pixels.shape)
        values = np.clip(pixels + noise, 0, 255)[:, :, ::-1].transpose(2, 0, 1) / 255
        pages.append(((values - mean) / deviation).astype(np.float32))
        labels.append(json.dumps(drawn))
    return {"x": np.stack(pages)}, labels


TYPES = {"c": "c", "cc": "cpp", "cmake": "cmake", "cpp": "cpp", "css": "css", "gz": "gzip", "hpp": "cpp", "html": "html", "jar": "jar",
         "js": "javascript", "json": "json", "md": "markdown", "php": "php", "pl": "perl", "png": "png", "py": "python",
         "pyc": "pythonbytecode", "rst": "rst", "sh": "shell", "so": "elf", "sql": "sql", "svg": "svg", "tcl": "tcl", "ttf": "ttf",
         "xml": "xml", "yaml": "yaml"}


def features(content: bytes) -> np.ndarray:
    """What magika's model reads: the first and last 1024 bytes of the text without the white space around, filled up with 256."""
    first, last = content[:4096].lstrip()[:1024], content[-4096:].rstrip()[-1024:]
    row = np.full(2048, 256, np.int32)
    row[:len(first)] = np.frombuffer(first, np.uint8)
    row[2048 - len(last):] = np.frombuffer(last, np.uint8)
    return row


def magika(part: str, count: int) -> tuple[dict[str, np.ndarray], list[str]]:
    """Files of the system to search with, those of this environment's packages to judge by; of each type about as many."""
    roots = [pathlib.Path("/usr/share"), pathlib.Path("/usr/lib")] if part == "search" else [PACKAGES]
    generator, of_type = random.Random(PARTS.index(part) + 30), {}
    for root in roots:
        for file in sorted(root.rglob("*.*")):
            kind = TYPES.get(file.suffix[1:])
            if kind and file.is_file() and not file.is_symlink() and 512 <= file.stat().st_size <= 64 << 20:
                of_type.setdefault(kind, []).append(file)
    for files in of_type.values():
        generator.shuffle(files)
    rows, labels = [], []
    for turn in range(max(map(len, of_type.values()))):
        for kind in sorted(of_type):
            if turn < len(of_type[kind]) and len(rows) < count:
                rows.append(features(of_type[kind][turn].read_bytes()))
                labels.append(kind)
    order = generator.sample(range(len(rows)), len(rows))
    return {"bytes": np.stack([rows[i] for i in order])}, [labels[i] for i in order]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", choices=sorted(COUNT))
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    make = {"rec": rec, "det": det, "magika": magika}
    for name in arguments.models:
        for part, count in zip(PARTS, COUNT[name]):
            arrays, labels = make[name](part, count)
            np.savez(arguments.output / f"{part}-{name}.npz", **arrays)
            (arguments.output / f"{part}-{name}.txt").write_text("".join(label + "\n" for label in labels))


if __name__ == "__main__":
    main()
