#!/usr/bin/env python3
"""What users get wrong: each gives one message `[who] expected …, got …; try …`, its exit code, and loses nothing that was there.

usage: bad_input.py BIN_DIR MAKE_INPUTS
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from arrays import npy, npz

BAD_INPUT, USAGE, SYSTEM = 4, 2, 8


class Checks:
    def __init__(self, bin_dir: str, make_inputs: str, folder: pathlib.Path) -> None:
        self.path = str(pathlib.Path(bin_dir).resolve() / "speedster")
        self.make_inputs, self.folder = str(pathlib.Path(make_inputs).resolve()), folder
        self.env = dict(os.environ)
        for name in ("CACHE", "STATE", "DATA"):
            self.env[f"SPEEDSTER_{name}_DIR"] = str(folder / name.lower())
        self.done = 0
        self.inputs("mlp", folder)
        self.plan("candidates.json")
        self.model, self.data = str(folder / "model.onnx"), str(folder / "samples.safetensors")
        self.good = [self.model, "--data", self.data]
        # The package that nothing may harm.
        self.run(["optimize", *self.good, *self.always()], 0, 3)

    def inputs(self, kind: str, folder: pathlib.Path) -> None:
        folder.mkdir(exist_ok=True)
        subprocess.run([self.make_inputs, kind, "40", str(folder)], check=True)

    def plan(self, name: str, original: dict | None = None) -> str:
        plan = {"original": {"name": "original", "backend": "reference", "options": original or {}},
                "candidates": [{"name": "same", "backend": "reference", "precision": "fp32"}]}
        (self.folder / name).write_text(json.dumps(plan))
        return name

    def always(self, candidates: str = "candidates.json") -> list[str]:
        return ["--candidates", candidates, "-o", "out.speedster", "--threads", "1", "--quiet"]

    def run(self, argv: list[str], *codes: int, prefix: list[str] | None = None) -> subprocess.CompletedProcess:
        done = subprocess.run([*(prefix or []), self.path, *map(str, argv)], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120)
        if done.returncode not in codes:
            sys.exit(f"speedster {' '.join(map(str, argv))}: expected exit {codes}, got {done.returncode}: {done.stderr[-2000:]}")
        return done

    def refuses(self, code: int, who: str, words: list[str], argv: list[str], **how: object) -> None:
        done = self.run(argv, code, **how)
        messages = [line for line in done.stderr.splitlines() if line.startswith("speedster: ")]
        if len(messages) != 1:
            sys.exit(f"speedster {' '.join(map(str, argv))}: expected one message, got {done.stderr[-2000:]}")
        message = messages[0]
        # What was expected comes first; what to do stands on the line or in the lines below it.
        first = re.match(r"speedster: \[[^\]]+\] expected ", message) is not None
        if not first or not re.search(r"; try\s", done.stderr[done.stderr.find(message):]):
            sys.exit(f"speedster {' '.join(map(str, argv))}: expected \"[who] expected …, got …; try …\", got {done.stderr[-2000:]}")
        for word in (f"[{who}", "expected", "got", *words):
            if word not in done.stderr or not message:
                sys.exit(f"speedster {' '.join(map(str, argv))}: expected {word!r} in the message, got {done.stderr[-2000:]}")
        self.done += 1

    def optimize(self, code: int, who: str, words: list[str], model: object, *more: object, candidates: str = "candidates.json") -> None:
        self.refuses(code, who, words, ["optimize", str(model), *map(str, more), *self.always(candidates)])


def models(c: Checks) -> None:
    data = ["--data", c.data]
    c.optimize(BAD_INPUT, "", ["none.onnx"], c.folder / "none.onnx", *data)
    whole = pathlib.Path(c.model).read_bytes()
    for name, content in (("cut", whole[: len(whole) // 2]), ("text", b"this is no model"), ("empty", b""),
                          ("flipped", bytes(b ^ 0x5A for b in whole))):
        file = c.folder / f"{name}.onnx"
        file.write_bytes(content)
        c.optimize(BAD_INPUT, "", [file.name], file, *data)
    c.optimize(BAD_INPUT, "", [], c.folder, *data)  # a folder
    os.mkfifo(c.folder / "pipe.onnx")
    c.optimize(BAD_INPUT, "", ["pipe.onnx"], c.folder / "pipe.onnx", *data)
    c.inputs("external", c.folder / "external")
    weights = c.folder / "external/weights.bin"
    weights.rename(weights.with_suffix(".away"))
    c.optimize(BAD_INPUT, "", ["weights.bin"], c.folder / "external/model.onnx", *data)
    shutil.copy(weights.with_suffix(".away"), c.folder / "outside.bi")
    outside = c.folder / "external/outside.onnx"
    outside.write_bytes((c.folder / "external/model.onnx").read_bytes().replace(b"weights.bin", b"../outside."))
    shutil.copy(weights.with_suffix(".away"), c.folder / "outside.")
    c.optimize(BAD_INPUT, "", [], outside, *data)
    c.inputs("unknown_operator", c.folder / "unknown")
    c.optimize(BAD_INPUT, "original", [], c.folder / "unknown/model.onnx", "--data", c.folder / "unknown/samples.safetensors")


def samples(c: Checks) -> None:
    rows = [0.5] * (40 * 16)
    how = ["np.savez", "x float32 [batch, 16]"]
    c.optimize(USAGE, "samples", how[:1], c.model)  # none
    c.optimize(BAD_INPUT, "samples", [], c.model, "--data", c.folder / "none.npz")
    (c.folder / "no-files").mkdir()
    c.optimize(BAD_INPUT, "samples", [], c.model, "--data", c.folder / "no-files")
    for name, arrays in (("names", {"z": npy(rows, (40, 16))}), ("dtypes", {"x": npy(rows, (40, 16), "d")}),
                         ("ranks", {"x": npy(rows, (40, 2, 2, 4))}), ("sizes", {"x": npy(rows, (80, 8))}),
                         ("none-of-them", {"x": npy([], (0, 16))})):
        c.optimize(BAD_INPUT, "samples", how, c.model, "--data", npz(c.folder / f"{name}.npz", **arrays))
    c.optimize(BAD_INPUT, "samples", ["NaN"], c.model, "--data",
               npz(c.folder / "nan.npz", x=npy([float("nan"), *rows[1:]], (40, 16))))
    (c.folder / "rubbish.npz").write_bytes(b"PK\x03\x04" + bytes(100))
    c.optimize(BAD_INPUT, "", ["rubbish.npz"], c.model, "--data", c.folder / "rubbish.npz")
    (c.folder / "few.txt").write_text("a\nb\n")
    c.optimize(BAD_INPUT, "", [], *c.good, "--labels", c.folder / "few.txt")
    c.optimize(USAGE, "samples", ["batch"], *c.good, "--axis", "nobody=1:2:3")


def outputs(c: Checks) -> None:
    c.optimize(BAD_INPUT, "original", ["NaN"], *c.good, candidates=c.plan("nan.json", {"fault": "nan", "fault_at": "execute"}))
    c.optimize(5, "original", ["SIGSEGV", "repeats it"], *c.good, candidates=c.plan("crash.json", {"fault": "crash", "fault_at": "load"}))
    for command in ("python3 -c 'raise SystemExit(3)'", "echo rubbish", "echo nan", "sh -c 'kill -SEGV $$'"):
        c.optimize(BAD_INPUT, "", ["metric"], *c.good, "--metric-command", command, "--metric-drop", "0.1")
    c.optimize(USAGE, "metric", ["no-such-program"], *c.good, "--metric-command", "no-such-program", "--metric-drop", "0.1")
    c.optimize(USAGE, "", ["cosine"], *c.good, "--metric", "cosin")
    c.optimize(USAGE, "", ["--labels"], *c.good, "--metric", "accuracy")


def places(c: Checks) -> None:
    c.refuses(SYSTEM, "", ["/sys"], ["optimize", *c.good, "--candidates", "candidates.json", "-o", "/sys/out.speedster"])
    (c.folder / "full").mkdir()
    root = [] if os.geteuid() == 0 else ["-r"]
    full = ["unshare", *root, "-m", "sh", "-c", 'mount -t tmpfs -o size=16k none full && exec "$@"', "sh"]
    c.refuses(SYSTEM, "", ["space"], ["optimize", *c.good, "--candidates", "candidates.json", "--quiet", "--threads", "1",
                                      "-o", "full/out.speedster"], prefix=full)


def packages(c: Checks) -> None:
    package = c.folder / "out.speedster"
    text = (package / "manifest.json").read_text()
    manifest = json.loads(text)
    variant = manifest["entries"]["main"]["variants"][-1]
    key = next(k for k in manifest if "version" in k and isinstance(manifest[k], int))

    def broken(name: str, change: object) -> pathlib.Path:
        copy = c.folder / name
        shutil.copytree(package, copy)
        change(copy)
        return copy

    def rewritten(name: str, old: str, new: str) -> pathlib.Path:
        if old not in text:
            sys.exit(f"expected {old!r} in the manifest")
        return broken(name, lambda copy: (copy / "manifest.json").write_text(text.replace(old, new)))

    def flip(copy: pathlib.Path) -> None:
        file = copy / variant["payload"]
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)

    run = ["--data", c.data]
    flipped = broken("flipped.speedster", flip)
    c.refuses(BAD_INPUT, "", [pathlib.Path(variant["payload"]).name], ["run", flipped, *run])
    c.refuses(BAD_INPUT, "", [], ["verify", flipped])
    c.refuses(BAD_INPUT, "", ["version"], ["run", rewritten("newer.speedster", f'"{key}": {manifest[key]}', f'"{key}": 99'), *run])
    payload = variant["payload"]
    c.refuses(BAD_INPUT, "", [], ["run", rewritten("leaves.speedster", f'"{payload}"', '"../model.onnx"'), *run])
    c.refuses(BAD_INPUT, "", [], ["run", rewritten("absolute.speedster", f'"{payload}"', '"/etc/passwd"'), *run])
    c.refuses(BAD_INPUT, "", [], ["run", broken("cut.speedster", lambda p: (p / "manifest.json").write_text(text[:200])), *run])
    c.refuses(BAD_INPUT, "", [], ["run", broken("bare.speedster", lambda p: (p / payload).unlink()), *run])
    c.refuses(BAD_INPUT, "", ["manifest"], ["run", package, *run, "--manifest-sha256", "0" * 64])
    c.refuses(BAD_INPUT, "", [], ["run", c.folder / "none.speedster", *run])


def commands(c: Checks) -> None:
    """The other commands, and options."""
    package = c.folder / "out.speedster"
    c.refuses(BAD_INPUT, "inspect", ["none.onnx"], ["inspect", "none.onnx"])
    c.refuses(BAD_INPUT, "onnx", ["cut.onnx"], ["inspect", "cut.onnx"])
    c.refuses(BAD_INPUT, "bench", ["none.onnx"], ["bench", "none.onnx", package])
    for data in ("none.npz", "rubbish.npz", "names.npz", "ranks.npz"):
        c.refuses(BAD_INPUT, "", ["np.savez", "x float32 [batch, 16]"], ["run", package, "--data", data])
    c.refuses(BAD_INPUT, "learner", ["nobody"], ["run", package, "--data", c.data, "--entry", "nobody"])
    for words in (["run"], ["run", package, "--data", c.data, "-o", "out.csv"], ["run", package, "--data", c.data, "--threads", "-1"],
                  ["bench", package], ["bench", package, package, "--threads", "-1"], ["bench", package, package, "--data", "random:x"],
                  ["bench", package, "--batch", "0"], ["bench", package, "--batch", "2,2"], ["bench", package, "--concurrency", "two"],
                  ["bench", package, package, "--html", "x.html"], ["bench", package, "--batch", "1", "--html", "nowhere/x.html"],
                  ["bench", c.model, "--batch", "1,2", "--html", c.model], ["bench", package, "--batch", "2", "--data", c.data, "--html", c.data],
                  ["inspect"], ["inspect", c.model, "--report"], ["cache", "prune"], ["cache", "prune", "--all", "--max-size", "1G"],
                  ["cache", "prune", "--max-size", "much"], ["toolchain", "remove"], ["toolchain", "install"], ["completion", "fish"],
                  ["optimise"], ["optimize", "--dat"], ["doctor", "--color", "pink"], ["optimize", *c.good, "--threads", "-1"],
                  ["optimize", *c.good, "--precisions", "fp12"], ["optimize", *c.good, "--time-budget", "soon"]):
        c.refuses(USAGE, "usage", [], words)


def main() -> None:
    bin_dir, make_inputs = sys.argv[1:3]
    with tempfile.TemporaryDirectory(prefix="speedster-bad-") as name:
        checks = Checks(bin_dir, make_inputs, pathlib.Path(name))
        for part in (models, samples, outputs, places, packages, commands):
            part(checks)
        if json.loads(checks.run(["verify", "out.speedster", "--json"], 0).stdout)["ok"] is not True:
            sys.exit("expected the package that was there to be unharmed")
        print(f"passed: {checks.done} refusals")


if __name__ == "__main__":
    main()
