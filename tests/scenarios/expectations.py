"""What a scenario expects of its last command; the words are listed in run_scenario.py."""

import json
import os
import pathlib
import re
import resource
import subprocess
from typing import Any


class Failure(Exception):
    pass


class Expectations:
    """Reads what the commands of a scenario left."""

    command: str
    folder: pathlib.Path
    env: dict[str, str]
    candidates: list[dict]
    report: dict
    payload: list[str]  # digests of the winner's files in the package before
    exit: int
    seconds: float
    stderr: str
    stdout: str

    def row(self, name: str) -> dict:
        for row in self.report.get("candidates", []):
            if row["name"] == name:
                return row
        raise Failure(f"no candidate {name} in the report: {self.stdout[-2000:]} {self.stderr[-2000:]}")

    def expect(self, what: str, arguments: list[str]) -> None:
        text = " ".join(arguments)
        checks = {
            "outcome": lambda: (self.report.get("outcome"), text),
            "winner": lambda: (self.winner(), text),
            "no-winner": lambda: (self.winner(), None),
            "package": lambda: ((self.folder / "out.speedster" / "manifest.json").exists(), True),
            "no-package": lambda: ((self.folder / "out.speedster").exists(), False),
            "undecided": lambda: (self.report.get("undecided"), True),
            "decided": lambda: (self.report.get("undecided"), False),
            "metric": lambda: (self.report.get("metric", {}).get("name"), text),
            "accepts": lambda: (self.accepted(), text),
            "accepts-nothing": lambda: (self.accepted(), None),
            "corner": lambda: (self.corner(arguments[0]), arguments[1]),
            "report": lambda: (self.reported(arguments[0]), " ".join(arguments[1:])),
            "job": lambda: (self.said_by_jobs(*arguments[:2]), [" ".join(arguments[2:])]),
            "same-payload": lambda: (self.winners_files(), self.payload),
            "lies-not": lambda: (sorted(self.folder.glob(text)), []),
            "nobody-left": lambda: (self.descendants(), []),
        }
        if what in checks:
            got, expected = checks[what]()
            if got != expected:
                raise Failure(f"expected {expected!r}, got {got!r}")
        elif what == "exit":
            if str(self.exit) not in text.split("|"):
                raise Failure(f"expected {text}, got {self.exit}")
        elif what == "fate":
            got = self.row(arguments[0])["fate"]
            if got not in " ".join(arguments[1:]).split("|"):
                raise Failure(f"got {got!r}: {self.row(arguments[0])['reason']}")
        elif what == "one-message":
            said = [line for line in self.stderr.splitlines() if line.startswith("speedster: ")]
            if len(said) != 1 or not all(word in said[0] for word in ["[", "expected", "got", *arguments]):
                raise Failure(f"got {said}")
        elif what == "within":
            if self.seconds > float(text):
                raise Failure(f"took {self.seconds:.1f} s")
        elif what == "prepared-within":
            took = self.row(arguments[1])["prepare_seconds"]
            if took is None or took > float(arguments[0]):
                raise Failure(f"took {took} s")
        elif what in ("stage", "no-stage"):
            if any(stage["stage"] == text for stage in self.report["stages"]) != (what == "stage"):
                raise Failure(f"got stages {[stage['stage'] for stage in self.report['stages']]}")
        elif what == "stages-within":
            took = {row["stage"]: row["seconds"] for row in self.report.get("stages", [])}
            if sum(took[stage] for stage in arguments[1:]) > float(arguments[0]):
                raise Failure(f"got {took}")
        elif what == "peak-within":
            if not 0 < self.report["parent_peak_bytes"] <= float(text) * 1e6:
                raise Failure(f"got {self.report['parent_peak_bytes'] / 1e6:.0f} MB")
        elif what == "children-within":
            held = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
            if held > float(text) * 1e6:
                raise Failure(f"one held {held / 1e6:.0f} MB")
        elif what == "losers":
            got = {row["name"]: row["fate"] for row in self.report["candidates"] if row["name"] != self.winner()}
            if bool(got) != bool(text) or not set(got.values()) <= set(text.split("|")):
                raise Failure(f"got {got}")
        elif what == "ran":
            if self.row(arguments[0])["ran_precision"] not in arguments[1].split("|"):
                raise Failure(f"ran in {self.row(arguments[0])['ran_precision']!r}: {self.row(arguments[0])['reason']}")
        elif what == "tail":
            if not (self.row(text)["latency_seconds"]["p99"] or {}).get("value"):
                raise Failure(f"got {self.row(text)['latency_seconds']}")
        elif what == "drop":
            drop = self.row(arguments[0])["drop"]
            if not drop or drop["value"] is None or not float(arguments[1]) <= drop["value"] <= float(arguments[2]):
                raise Failure(f"got drop {drop}: {self.row(arguments[0])['reason']}")
        elif what in ("stderr", "stdout"):
            if text not in getattr(self, what):
                raise Failure(f"not in {getattr(self, what)[-2000:]!r}")
        elif what == "reason":
            if " ".join(arguments[1:]) not in self.row(arguments[0])["reason"]:
                raise Failure(f"got reason {self.row(arguments[0])['reason']!r}")
        elif what == "note":
            if not any(text in note for note in self.report.get("notes", [])):
                raise Failure(f"got notes {self.report.get('notes')}")
        elif what == "no-note":
            if any(text in note for note in self.report["notes"]):
                raise Failure(f"got notes {self.report['notes']}")
        elif what == "given-back":
            maps = [one for one in self.report["precision_maps"] if one["candidate"]]
            back = [[layer["name"] for layer in one["layers"] if layer["given_back"]] for one in maps]
            if bool(maps) != bool(arguments) or any(names != arguments for names in back):
                raise Failure(f"got {back}: {[one['trials'] for one in self.report['precision_maps']]}, {self.report['notes']}")
            if any(self.row(one["candidate"])["fate"] != "winner" for one in maps[:1]):
                raise Failure(f"did not win: {self.row(maps[0]['candidate'])}")
        elif what == "vendor-repro":
            self.run_vendor_repro(text)
        elif what == "repro":
            folder = pathlib.Path(self.row(text).get("job_directory") or "/nonexistent")
            if not (folder / "repro.sh").exists():
                raise Failure(f"no repro.sh in {folder}")
        elif what == "repro-ends":
            script = pathlib.Path(self.row(arguments[0]).get("job_directory") or "/nonexistent") / "repro.sh"
            env = {key: value for key, value in self.env.items() if key != "SPEEDSTER_WORKER"} | {"PATH": os.environ["PATH"]}
            done = subprocess.run([script], check=False, env=env, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
            if str(done.returncode) not in arguments[1].split("|"):
                raise Failure(f"{script} ended with {done.returncode}: {done.stdout[-2000:]} {done.stderr[-2000:]}")
        else:
            raise Failure("unknown word")

    def descendants(self) -> list[str]:
        """Every process that carries this scenario's cache folder in its environment."""
        mark = f"SPEEDSTER_CACHE_DIR={self.folder}/cache".encode()
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    if mark in (entry / "environ").read_bytes() and not (entry / "stat").read_text().rsplit(")", 1)[1].startswith(" Z"):
                        found.append(entry.name + " " + (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
                except OSError:
                    continue
        return found

    def name_at(self, index: int | None) -> str | None:
        return self.report["candidates"][index]["name"] if isinstance(index, int) else index

    def winner(self) -> str | None:
        return self.name_at(self.report.get("winner"))

    def reported(self, path: str) -> str:
        return self.value_at(self.report, path)

    def said_by_jobs(self, step: str, path: str) -> list[str]:
        results = [request.with_name("result.json") for request in self.folder.glob("cache/**/request.json")
                   if json.loads(request.read_text()).get("step") == step]
        return sorted({self.value_at(json.loads(result.read_text()), path) for result in results if result.exists()})

    @staticmethod
    def value_at(value: Any, path: str) -> str:
        for key in path.split("."):
            if isinstance(value, list):
                value = next((row for row in value if row["name"] == key), None)
            else:
                value = value.get(key) if isinstance(value, dict) else None
        return value if isinstance(value, str) else json.dumps(value)

    def accepted(self) -> str | None:
        accept = self.report["accept"]
        if bool(accept["command"]) != isinstance(accept["candidate"], int):
            raise Failure(f"got {accept}")
        return self.name_at(accept["candidate"])

    def corner(self, name: str) -> str:
        for row in self.report.get("corners", []):
            if row["name"] == name and not row["error"]:
                return "slower" if row["slower"] else "faster" if row["winner_seconds"] < row["original_seconds"] else "alike"
        raise Failure(f"got corners {self.report.get('corners')}")

    def winners_files(self) -> list[str]:
        """The digests of the files of the package's first variant, which is the winner."""
        manifest = json.loads((self.folder / "out.speedster" / "manifest.json").read_text())
        variant = manifest["entries"]["main"]["variants"][0]
        if variant["name"] != self.winner():
            raise Failure(f"the package begins with {variant['name']}")
        return sorted(manifest["files"][file]["sha256"] for file in variant["files"])

    def run_vendor_repro(self, name: str) -> None:
        """Without the fault the vendor does what was asked: the script ends well and tells of each output."""
        script = pathlib.Path(self.row(name).get("job_directory") or "/nonexistent") / "repro_vendor.py"
        if not script.exists():
            raise Failure(f"no {script}")
        spec = next((candidate for candidate in self.candidates if candidate["name"] == name), {})  # none of the product's own plan
        toolchain = next((step["toolchain"] for step in spec.get("steps", []) if "toolchain" in step), self.row(name)["backend"])
        listed = subprocess.run([self.command, "toolchain", "list", "--json"], env=self.env, check=True, capture_output=True, text=True)
        python = next(pathlib.Path(row["folder"]) / "bin/python" for row in json.loads(listed.stdout)["toolchains"]
                      if row["name"] == toolchain)
        env = {key: value for key, value in self.env.items() if key != "SPEEDSTER_TEST_FAULT"}
        done = subprocess.run([python, script], check=False, env=env, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120)
        expected = r"^quantizers: [1-9]" if toolchain == "nncf" else r"^\S+ float32 \([\d, ]+\) finite$"
        if "np.load" not in script.read_text() and toolchain != "nncf":
            expected = rf"^{toolchain} \d+\."  # it was only asked whether it can be used
        if done.returncode != 0 or not re.search(expected, done.stdout, re.MULTILINE):
            raise Failure(f"{script} with {python}: exit {done.returncode}, {done.stdout[-2000:]} {done.stderr[-2000:]}")
