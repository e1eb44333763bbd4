"""The speedster command, the benchmark's folders, and the machine's name."""

import json
import os
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SPEEDSTER_BUILD", ROOT / "build/release"))
WORK = BUILD.parent / "benchmarks"
COMMAND = BUILD / "bin/speedster"
RUNTIME = BUILD / "lib/libspeedster_runtime.so"


def processor() -> str:
    text = pathlib.Path("/proc/cpuinfo").read_text()
    field = lambda key: match[1].strip() if (match := re.search(rf"^{key}\s*:(.*)$", text, re.M)) else "?"
    flags = field("flags").split()
    sets = [label for flag, label in (("avx2", "AVX2"), ("avx512f", "AVX-512"), ("avx512_vnni", "AVX-512 VNNI"), ("avx_vnni", "AVX VNNI"),
                                      ("avx512_bf16", "BF16"), ("amx_tile", "AMX")) if flag in flags]
    return f"{field('model name')} (family {field('cpu family')}, model {field('model')}), {len(os.sched_getaffinity(0))} cores, {', '.join(sets)}"


def has_vnni() -> bool:
    return bool({"avx512_vnni", "avx_vnni"} & set(pathlib.Path("/proc/cpuinfo").read_text().split()))


def speedster(*arguments: object, ok: tuple[int, ...] = (0,), cache: pathlib.Path | None = None, json_output: bool = True) -> dict:
    """Runs the command with --json and returns what it printed."""
    environment = dict(os.environ)
    if cache is not None:
        environment["SPEEDSTER_CACHE_DIR"] = str(cache)
    argv = [str(COMMAND), *map(str, arguments), *(["--json"] if json_output else [])]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment)
    if done.returncode not in ok:
        raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}: {done.stderr[-3000:]}")
    return json.loads(done.stdout) if json_output else {}


def package_of(chain: dict, target: pathlib.Path, model: pathlib.Path, *more: object, cache: pathlib.Path | None = None) -> pathlib.Path:
    """The chain as a package, whatever it loses: as the original of a search without candidates. `more` are options."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    plan = target.with_suffix(".json")
    plan.write_text(json.dumps({"original": {**chain, "name": "original"}, "candidates": []}))
    speedster("optimize", model, "--candidates", plan, *more, "-o", target, ok=(3,), cache=cache)
    return target


class Searches:
    """Searches with a cache each. The first makes what is compiled and quantized for all, so that what differs is the measuring."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder, self.count = folder, 0
        shutil.rmtree(folder, ignore_errors=True)

    def run(self, model: pathlib.Path, *options: object) -> dict:
        """`options` include -o."""
        jobs, cache = self.folder / "jobs", self.folder / str(self.count)
        self.count += 1
        if jobs.exists():
            shutil.copytree(jobs, cache / "jobs", copy_function=shutil.copy2)
        report = speedster("optimize", model, *options, ok=(0, 3), cache=cache)
        if not jobs.exists():
            shutil.copytree(cache / "jobs", jobs, copy_function=shutil.copy2)
        shutil.rmtree(cache)
        return report


def shapes_of(arrays: dict, rows: int = 1) -> str:
    """--shapes for calls of so many rows of these arrays."""
    return ",".join(f"{name}=" + "x".join(map(str, (rows, *array.shape[1:]))) for name, array in arrays.items())


def save(name: str, result: dict) -> None:
    folder = WORK / "results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps({"processor": processor(), **result}, indent=2) + "\n")


def winner(report: dict) -> str:
    index = report["winner"]
    return "original" if index is None else report["candidates"][index]["name"]
