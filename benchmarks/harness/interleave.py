"""Times several callers against each other: fresh processes in each load round, blocks in random order within it."""

import json
import math
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

# Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom.
T95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10, 2.09, 2.09,
       2.08, 2.07, 2.07, 2.06, 2.06, 2.06, 2.05, 2.05, 2.05, 2.04)


class Caller:
    """A child process that has loaded one model (caller.py)."""

    def __init__(self, spec: dict, folder: pathlib.Path, python: str = sys.executable) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "spec.json"
        path.write_text(json.dumps({"options": {}, "threads": 0, **spec}))
        self.log = (folder / "log.txt").open("w")
        script = pathlib.Path(__file__).with_name("caller.py")
        self.process = subprocess.Popen([python, str(script), str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True)
        self.load_seconds = self.answer()["loaded"]["seconds"]

    def answer(self) -> dict:
        line = self.process.stdout.readline()
        while line and not line.startswith("{"):  # a vendor's own words on stdout
            line = self.process.stdout.readline()
        if not line:
            self.log.flush()
            raise RuntimeError(f"a caller ended: {pathlib.Path(self.log.name).read_text()[-2000:]}")
        return json.loads(line)

    def block(self, seconds: float) -> float:
        """Seconds of the median call of a block."""
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return self.answer()["median"]

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.log.close()


def interval(differences: list[float]) -> tuple[float, float, float]:
    """exp of the mean of paired log differences, with its 95 % interval (Student's t)."""
    mean = statistics.fmean(differences)
    if len(differences) < 2:
        return math.exp(mean), 0.0, math.inf
    half = T95[min(len(differences) - 1, 30) - 1] * statistics.stdev(differences) / math.sqrt(len(differences))
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


def median_interval(values: list[float]) -> tuple[float, float, float]:
    """exp of the median with the interval that holds it in 95 of 100 cases, by order statistics (David & Nagaraja 2003, 7.1)."""
    ordered, n = sorted(values), len(values)
    chance = lambda rank: sum(math.comb(n, k) for k in range(rank)) / 2**n  # that fewer than `rank` lie below the median
    rank = max(r for r in range(1, n // 2 + 1) if chance(r) <= 0.025)
    return tuple(math.exp(v) for v in (statistics.median(ordered), ordered[rank - 1], ordered[n - rank]))


class Timings:
    """Mean log seconds of each caller in each load round, and the seconds of its loads."""

    def __init__(self, names: list[str]) -> None:
        self.logs: dict[str, list[float]] = {name: [] for name in names}
        self.loads: dict[str, list[float]] = {name: [] for name in names}

    def seconds(self, name: str) -> float:
        return math.exp(statistics.median(self.logs[name]))

    def ratio(self, slower: str, faster: str) -> tuple[float, float, float]:
        """Time of `slower` over that of `faster`, with its 95 % interval, paired by load round."""
        return interval([a - b for a, b in zip(self.logs[slower], self.logs[faster], strict=True)])


def interleave(specs: dict[str, dict], loads: int = 6, blocks: int = 2, seconds: float = 0.5, seed: int = 0,
               python: str = sys.executable) -> Timings:
    """Loads all callers afresh `loads` times; in each, `blocks` blocks of each caller in random order. Who has inputs to judge runs them in
    the first."""
    for spec in specs.values():
        if "judged" in spec:
            pathlib.Path(spec["judged"]).unlink(missing_ok=True)
    timings = Timings(list(specs))
    order = random.Random(seed)
    for load in range(loads):
        with tempfile.TemporaryDirectory(prefix="interleave-") as folder:
            names = list(specs)
            order.shuffle(names)
            callers = {name: Caller(specs[name], pathlib.Path(folder) / str(i), python) for i, name in enumerate(names)}
            seen: dict[str, list[float]] = {name: [] for name in specs}
            for _ in range(blocks):
                order.shuffle(names)
                for name in names:
                    seen[name].append(math.log(callers[name].block(seconds)))
            for name, caller in callers.items():
                caller.close()
                timings.logs[name].append(statistics.fmean(seen[name]))
                timings.loads[name].append(caller.load_seconds)
    return timings
