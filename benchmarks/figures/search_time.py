"""How long the search of the text-recognition model takes: with no bound, with --time-budget 20s, and again from the cache."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from figures.demo_model import fresh, require, with_words  # noqa: E402
from harness.command import WORK, processor, save, speedster, winner  # noqa: E402


def timed(cache: pathlib.Path, *extra: object) -> dict:
    begin = time.monotonic()
    report = speedster("optimize", *with_words(), "-o", WORK / "search-time.speedster", *extra, ok=(0, 3, 6), cache=cache)
    return {"wall_seconds": time.monotonic() - begin, "winner": winner(report), "outcome": report["outcome"],
            "stages": report["stages"], "untried": sum(row["fate"] == "not tried" for row in report["candidates"])}


def main() -> None:
    require()
    cache = fresh(WORK / "cache/search-time")
    result = {"whole": timed(cache), "from the cache": timed(cache),
              "20 s": timed(fresh(WORK / "cache/search-time-20"), "--time-budget", "20s")}
    print(processor())
    for (name, row), wanted in zip(result.items(), (90, 3, 20), strict=True):
        print(f"  {name:15} {row['wall_seconds']:6.1f} s (wanted: {wanted} at most)   {row['winner']}, {row['untried']} not tried")
    save("search-time", result)


if __name__ == "__main__":
    main()
