#!/usr/bin/env python3
"""Runs one scenario: whole searches on the reference backend, described as text.

usage: run_scenario.py BIN_DIR MAKE_INPUTS SCENARIO

A scenario is a list of lines; '#' begins a comment. What makes the search:
  model KIND | samples N            the model and how many samples (make_inputs)
  data TEXT                         what --data is given instead of those samples
  original KEY=VALUE…               the original's load options on the reference backend
  candidate NAME KEY=VALUE…         one candidate; `precision=` is the requested precision, `backend=` a vendor's instead of
                                    the reference, `steps=nncf` quantizes first
  vendors                           the user's toolchains are visible (they are not otherwise)
  env NAME=VALUE                    for the commands from here on
  run ARGS…                         speedster optimize model.onnx --data … --candidates … -o out.speedster ARGS; in ARGS,
                                    PYTHON is this interpreter and CASES the folder of the scenarios, quoted for a shell
  accept                            the very command with which the last report accepts a candidate, typed into a shell
  kill MOMENT ARGS…                 the same, SIGKILL at MOMENT; then no process of it may be left within 3 s
  interrupt MOMENT ARGS…            the same, SIGINT at MOMENT: SECONDS after the start, or STAGE+SECONDS after a stage began
  speedster ARGS…                   another command; OUT stands for the package
  corrupt FILE                      flips a byte of a file of the package
What is expected of the last run:
  exit CODE | outcome TEXT | winner NAME | no-winner | within SECONDS
  fate NAME FATE | reason NAME TEXT | repro NAME | vendor-repro NAME | stderr TEXT | stdout TEXT
  package | no-package | note TEXT | undecided | decided | metric NAME
  losers FATE|FATE…                 whoever is not the winner has one of these fates
  accepts NAME | accepts-nothing    whom the report's command accepts
  corner NAME faster|slower         how the winner compares to the original at a corner of the shapes
  prepared-within SECONDS NAME      how long the steps of a candidate took
  stages-within SECONDS STAGE…      how long these stages took, together
  peak-within MEGABYTES             the most memory that the search's own process held
"""

import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import tempfile
import time


class Failure(Exception):
    pass


class Scenario:
    def __init__(self, bin_dir: str, make_inputs: str, folder: pathlib.Path) -> None:
        self.command = str(pathlib.Path(bin_dir).resolve() / "speedster")
        self.make_inputs = str(pathlib.Path(make_inputs).resolve())
        self.folder = folder
        self.kind, self.samples, self.data = "mlp", 64, "samples.safetensors"
        self.original: dict[str, str] = {}
        self.candidates: list[dict] = []
        self.report: dict = {}
        self.exit, self.seconds, self.stderr, self.stdout = 0, 0.0, "", ""
        self.env = dict(os.environ)
        for name in ("CACHE", "STATE", "DATA"):
            self.env[f"SPEEDSTER_{name}_DIR"] = str(folder / name.lower())
        self.env["TMPDIR"] = str(folder / "tmp")
        self.env["PATH"] = f"{pathlib.Path(self.command).parent}:{self.env['PATH']}"
        (folder / "tmp").mkdir()
        self.made = False
        self.said = folder / "stderr.txt"

    # What makes the search.

    def make(self) -> None:
        if self.made:
            return
        subprocess.run([self.make_inputs, self.kind, str(self.samples), str(self.folder)], check=True)
        plan = {"original": {"name": "original", "backend": "reference", "options": self.original},
                "candidates": self.candidates}
        (self.folder / "candidates.json").write_text(json.dumps(plan))
        self.made = True

    def optimize_argv(self, arguments: list[str]) -> list[str]:
        self.make()
        for word, path in (("PYTHON", sys.executable), ("CASES", str(pathlib.Path(__file__).resolve().parent / "cases"))):
            arguments = [argument.replace(word, shlex.quote(path)) for argument in arguments]
        return [self.command, "optimize", "model.onnx", "--data", self.data,
                "--candidates", "candidates.json", "-o", "out.speedster", "--threads", "1", "--json", *arguments]

    def start(self, argv: list[str]) -> subprocess.Popen:
        with self.said.open("w") as file:
            return subprocess.Popen(argv, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=file, text=True, start_new_session=True)

    def wait_for(self, process: subprocess.Popen, moment: str) -> None:
        """MOMENT: seconds, or STAGE+SECONDS, counted from when the progress says that the stage began."""
        stage, _, seconds = moment.rpartition("+")
        end = time.monotonic() + 120
        while stage and not any(line.startswith(stage + " ") for line in self.said.read_text().splitlines()):
            if process.poll() is not None or time.monotonic() > end:
                raise Failure(f"the search never came to {stage}: {self.said.read_text()[-2000:]}")
            time.sleep(0.02)
        time.sleep(float(seconds))

    def finish(self, process: subprocess.Popen, begin: float, timeout: float = 180) -> None:
        try:
            self.stdout, _ = process.communicate(timeout=timeout)
            self.stderr = self.said.read_text()
        except subprocess.TimeoutExpired:
            process.kill()
            raise Failure("the command did not end")
        self.seconds, self.exit = time.monotonic() - begin, process.returncode
        self.report = {}
        try:
            self.report = json.loads(self.stdout)
        except ValueError:
            pass
        if "candidates" in self.report:
            self.check_schemas()

    def check_schemas(self) -> None:
        """Every report, and the manifest of the package that lies there, holds its schema."""
        (self.folder / "report.json").write_text(self.stdout)
        for schema, file in (("report", "report.json"), ("manifest", "out.speedster/manifest.json")):
            if not (self.folder / file).exists():
                continue
            path = pathlib.Path(__file__).resolve().parents[2] / "schemas" / f"{schema}.schema.json"
            checked = subprocess.run([pathlib.Path(self.make_inputs).parent / "check_json", path, self.folder / file],
                                     stderr=subprocess.PIPE, text=True)
            if checked.returncode != 0:
                raise Failure(checked.stderr)

    def do_run(self, arguments: list[str]) -> None:
        begin = time.monotonic()
        self.finish(self.start(self.optimize_argv(arguments)), begin)

    def do_accept(self, arguments: list[str]) -> None:
        begin = time.monotonic()
        command = self.report.get("accept", {}).get("command")
        if not command:
            raise Failure("the last report accepts nothing")
        self.finish(self.start(["/bin/sh", "-c", command]), begin)

    def do_speedster(self, arguments: list[str]) -> None:
        begin = time.monotonic()
        arguments = ["out.speedster" if a == "OUT" else a for a in arguments]
        self.finish(self.start([self.command, *arguments]), begin)

    def do_interrupt(self, arguments: list[str]) -> None:
        begin = time.monotonic()
        process = self.start(self.optimize_argv(arguments[1:]))
        self.wait_for(process, arguments[0])
        process.send_signal(signal.SIGINT)
        self.finish(process, begin)

    def do_kill(self, arguments: list[str]) -> None:
        process = self.start(self.optimize_argv(arguments[1:]))
        self.wait_for(process, arguments[0])
        if process.poll() is not None:
            raise Failure(f"the search ended before it was killed: {process.communicate()}")
        if not self.descendants():
            raise Failure("the search had no children to leave behind")
        process.kill()
        deadline = time.monotonic() + 3
        try:
            process.communicate(timeout=3)  # nobody may hold its pipes open either
        except subprocess.TimeoutExpired:
            raise Failure("somebody holds the killed command's output open") from None
        while self.descendants():
            if time.monotonic() > deadline:
                raise Failure(f"processes are left: {self.descendants()}")
            time.sleep(0.05)
        while left := list((self.folder / "tmp").glob("speedster-*")):
            if time.monotonic() > deadline:
                raise Failure(f"temporary folders are left: {left}")
            time.sleep(0.05)

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

    def do_corrupt(self, arguments: list[str]) -> None:
        file = next(iter(sorted((self.folder / "out.speedster").glob(arguments[0]))))
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)

    # What is expected.

    def row(self, name: str) -> dict:
        for row in self.report.get("candidates", []):
            if row["name"] == name:
                return row
        raise Failure(f"no candidate {name} in the report: {self.stdout[-2000:]} {self.stderr[-2000:]}")

    def expect(self, what: str, arguments: list[str]) -> None:
        text = " ".join(arguments)
        checks = {
            "exit": lambda: (self.exit, int(text)),
            "outcome": lambda: (self.report.get("outcome"), text),
            "winner": lambda: (self.winner(), text),
            "no-winner": lambda: (self.winner(), None),
            "fate": lambda: (self.row(arguments[0])["fate"], " ".join(arguments[1:])),
            "package": lambda: ((self.folder / "out.speedster" / "manifest.json").exists(), True),
            "no-package": lambda: ((self.folder / "out.speedster").exists(), False),
            "undecided": lambda: (self.report.get("undecided"), True),
            "decided": lambda: (self.report.get("undecided"), False),
            "metric": lambda: (self.report.get("metric", {}).get("name"), text),
            "accepts": lambda: (self.accepted(), text),
            "accepts-nothing": lambda: (self.accepted(), None),
            "corner": lambda: (self.corner(arguments[0]), arguments[1]),
        }
        if what in checks:
            got, expected = checks[what]()
            if got != expected:
                raise Failure(f"expected {expected!r}, got {got!r}")
        elif what == "within":
            if self.seconds > float(text):
                raise Failure(f"took {self.seconds:.1f} s")
        elif what == "prepared-within":
            took = self.row(arguments[1])["prepare_seconds"]
            if took is None or took > float(arguments[0]):
                raise Failure(f"took {took} s")
        elif what == "stages-within":
            took = {row["stage"]: row["seconds"] for row in self.report.get("stages", [])}
            if sum(took[stage] for stage in arguments[1:]) > float(arguments[0]):
                raise Failure(f"got {took}")
        elif what == "peak-within":
            if not 0 < self.report["parent_peak_bytes"] <= float(text) * 1e6:
                raise Failure(f"got {self.report['parent_peak_bytes'] / 1e6:.0f} MB")
        elif what == "losers":
            got = {row["name"]: row["fate"] for row in self.report["candidates"] if row["name"] != self.winner()}
            if not got or not set(got.values()) <= set(text.split("|")):
                raise Failure(f"got {got}")
        elif what in ("stderr", "stdout"):
            if text not in getattr(self, what):
                raise Failure(f"not in {getattr(self, what)[-2000:]!r}")
        elif what == "reason":
            if " ".join(arguments[1:]) not in self.row(arguments[0])["reason"]:
                raise Failure(f"got reason {self.row(arguments[0])['reason']!r}")
        elif what == "note":
            if not any(text in note for note in self.report.get("notes", [])):
                raise Failure(f"got notes {self.report.get('notes')}")
        elif what == "vendor-repro":
            script = pathlib.Path(self.row(text).get("job_directory") or "/nonexistent") / "repro_vendor.py"
            if not script.exists():
                raise Failure(f"no {script}")
            compile(script.read_text(), str(script), "exec")
        elif what == "repro":
            folder = pathlib.Path(self.row(text).get("job_directory") or "/nonexistent")
            if not (folder / "repro.sh").exists():
                raise Failure(f"no repro.sh in {folder}")
        else:
            raise Failure("unknown word")

    def name_at(self, index: int | None) -> str | None:
        return self.report["candidates"][index]["name"] if isinstance(index, int) else index

    def winner(self) -> str | None:
        return self.name_at(self.report.get("winner"))

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

    def line(self, words: list[str]) -> None:
        what, arguments = words[0], words[1:]
        if what == "model":
            self.kind = arguments[0]
        elif what == "samples":
            self.samples = int(arguments[0])
        elif what == "data":
            self.data = arguments[0]
        elif what == "original":
            self.original = dict(a.split("=", 1) for a in arguments)
        elif what == "candidate":
            options = dict(a.split("=", 1) for a in arguments[1:])
            backend, steps = options.pop("backend", "reference"), options.pop("steps", "")
            if self.made:
                raise Failure("the candidates are written by the first run")
            candidate = {"name": arguments[0], "backend": backend, "precision": options.get("precision", "fp32"), "options": options}
            if steps == "nncf":
                candidate["steps"] = [{"step": "nncf", "toolchain": "nncf", "options": {}}]
                candidate |= {"format": "openvino-ir", "precision": "static-int8"}
            self.candidates.append(candidate)
        elif what == "vendors":
            self.env.pop("SPEEDSTER_DATA_DIR")
            if "SPEEDSTER_DATA_DIR" in os.environ:
                self.env["SPEEDSTER_DATA_DIR"] = os.environ["SPEEDSTER_DATA_DIR"]
        elif what == "env":
            name, _, value = " ".join(arguments).partition("=")
            self.env[name] = value
        elif what in ("run", "kill", "interrupt", "accept", "speedster", "corrupt"):
            getattr(self, "do_" + what)(arguments)
        else:
            self.expect(what, arguments)


def main() -> None:
    bin_dir, make_inputs, path = sys.argv[1:4]
    with tempfile.TemporaryDirectory(prefix="scenario-") as folder:
        scenario = Scenario(bin_dir, make_inputs, pathlib.Path(folder))
        for number, line in enumerate(pathlib.Path(path).read_text().splitlines(), 1):
            words = shlex.split(line, comments=True)
            if not words:
                continue
            try:
                scenario.line(words)
            except Failure as failure:
                print(f"{path}:{number}: {line.strip()}\n  {failure}")
                print(f"  exit {scenario.exit}, stderr: {scenario.stderr[-3000:]}")
                sys.exit(1)
    print("passed")


if __name__ == "__main__":
    main()
