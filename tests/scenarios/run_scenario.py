#!/usr/bin/env python3
"""Runs one scenario: whole searches on the reference backend, described as text.

usage: run_scenario.py BIN_DIR MAKE_INPUTS SCENARIO

A scenario is a list of lines; '#' begins a comment. What makes the search:
  model KIND | samples N            the model and how many samples (make_inputs); another model may follow after a run
  data NAME                         how they are stored: samples.npz, samples.npy, a folder `samples`; or other data (random:7)
  original KEY=VALUE…               the original's load options on the reference backend
  candidate NAME KEY=VALUE…         one candidate; `precision=` is the requested precision, `backend=` a vendor's instead of
                                    the reference, `steps=nncf` and `steps=quantize-static` (calibrated on the reference)
                                    quantize first, `steps=rewrite` (compared on the reference) rewrites
  open-threads                      no --threads 1
  planned                           the product's own plan: no candidates file, ONNX Runtime is the original
  vendors                           the user's toolchains are visible (they are not otherwise)
  env NAME=VALUE                    for the commands from here on
  bound MEGABYTES                   what no process may hold from here on, so that one that eats all it can leaves the rest to others
  ballast MEGABYTES                 what this runner holds while it starts commands: no figure of theirs may have it in
  run ARGS…                         speedster optimize model.onnx --data … --candidates … -o out.speedster ARGS; in ARGS,
                                    PYTHON is this interpreter and CASES the folder of the scenarios, quoted for a shell
  repeat ARGS…                      the same on a candidates file with nothing but the last report's winning chain
  replay ARGS…                      optimize the model by the report of the package before the first replay (recipe.json), with what that says of samples and budget
  accept                            the very command with which the last report accepts a candidate, typed into a shell
  kill MOMENT ARGS…                 the same, SIGKILL at MOMENT; then no process of it may be left within 3 s
  interrupt MOMENT [replay] ARGS…   the same (or a replay), SIGINT at MOMENT: SECONDS after the start, STAGE+SECONDS after a stage began, or
                                    GLOB+SECONDS, a path with a slash, after something there appeared
  speedster ARGS…                   another command; OUT stands for the package
  corrupt FILE                      flips a byte of a file of the package
What is expected of the last run:
  exit CODE|CODE… | outcome TEXT | winner NAME | no-winner | within SECONDS
  fate NAME FATE|FATE… | reason NAME TEXT | repro NAME | stderr TEXT | stdout TEXT
  repro-ends NAME CODE|CODE…        repro.sh, run as it is printed, ends with one of these exit codes
  vendor-repro NAME                 repro_vendor.py is there, and without the injected fault it runs on the vendor alone
  one-message WORD…                 stderr has one error, and the words are in it
  package | no-package | note TEXT | no-note TEXT | undecided | decided | metric NAME
  ran NAME PRECISION|PRECISION…     the precision that really ran
  tail NAME                         its 99th percentile was measured
  drop NAME LOW HIGH                what a candidate loses lies between
  report KEY.KEY… VALUE             a value of the report; of a list, KEY is the name of an element
  given-back LAYER…                 these layers and no others went back from int8 in every precision map, and the first mixed
                                    candidate won; without one: nothing was mixed
  same-payload                      the winner's files are those of the package before
  lies-not GLOB                     nothing of that name is in the folder where the package goes
  nobody-left                       no process of the search
  losers FATE|FATE…                 whoever is not the winner has one of these fates; "": there is nobody else
  accepts NAME | accepts-nothing    whom the report's command accepts
  corner NAME faster|slower         how the winner compares to the original at a corner of the shapes
  job STEP KEY.KEY… VALUE           a value of the result of each job of a step
  prepared-within SECONDS NAME      how long the steps of a candidate took
  stage NAME | no-stage NAME        whether the search had this stage
  stages-within SECONDS STAGE…      how long these stages took, together
  peak-within MEGABYTES             the most memory that the search's own process held
  children-within MEGABYTES         the most memory that any process of this scenario held
"""

import json
import os
import pathlib
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from expectations import Expectations, Failure


class Scenario(Expectations):
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
        self.made, self.planned, self.open_threads = False, False, False
        self.payload: list[str] = []
        self.said = folder / "stderr.txt"

    # What makes the search.

    def make(self) -> None:
        if self.made:
            return
        stored = [self.data] if self.data.startswith("samples") else []
        subprocess.run([self.make_inputs, self.kind, str(self.samples), str(self.folder), *stored], check=True)
        plan = {"original": {"name": "original", "backend": "reference", "options": self.original},
                "candidates": self.candidates}
        (self.folder / "candidates.json").write_text(json.dumps(plan))
        self.made = True

    def optimize_argv(self, arguments: list[str]) -> list[str]:
        self.make()
        for word, path in (("PYTHON", sys.executable), ("CASES", str(pathlib.Path(__file__).resolve().parent / "cases"))):
            arguments = [argument.replace(word, shlex.quote(path)) for argument in arguments]
        candidates = [] if self.planned else ["--candidates", "candidates.json"]
        threads = [] if self.open_threads else ["--threads", "1"]
        return [self.command, "optimize", "model.onnx", "--data", self.data, *candidates,
                "-o", "out.speedster", *threads, "--json", *arguments]

    def start(self, argv: list[str]) -> subprocess.Popen:
        with self.said.open("w") as file:
            return subprocess.Popen(argv, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=file, text=True, start_new_session=True)

    def wait_for(self, process: subprocess.Popen, moment: str) -> None:
        """MOMENT: seconds, counted from the start, from when the progress says that a stage began, or from when a path is there."""
        what, _, seconds = moment.rpartition("+")

        def came() -> bool:
            if "/" in what:
                return any(self.folder.glob(what))
            return not what or any(line.startswith(what + " ") for line in self.said.read_text().splitlines())

        end = time.monotonic() + 120
        while not came():
            if process.poll() is not None or time.monotonic() > end:
                raise Failure(f"the search never came to {what}: {self.said.read_text()[-2000:]}")
            time.sleep(0.005)
        time.sleep(float(seconds))

    def watch(self, process: subprocess.Popen, over: threading.Event, mapped: set[str]) -> None:
        """The vendors' libraries that the search's own process maps while it runs: they belong into its children."""
        while True:
            try:
                maps = pathlib.Path(f"/proc/{process.pid}/maps").read_text()
            except OSError:
                return
            mapped.update(re.findall(r"lib(?:onnxruntime|openvino)\S*", maps))
            if over.wait(0.5):
                return

    def finish(self, process: subprocess.Popen, begin: float, timeout: float = 180, searches: bool = False) -> None:
        over, mapped = threading.Event(), set()
        watcher = threading.Thread(target=self.watch, args=(process, over, mapped))
        if searches:
            watcher.start()
        try:
            self.stdout, _ = process.communicate(timeout=timeout)
            self.stderr = self.said.read_text()
        except subprocess.TimeoutExpired:
            process.kill()
            raise Failure("the command did not end") from None
        finally:
            over.set()
            if searches:
                watcher.join()
        if mapped:
            raise Failure(f"the search's own process maps {mapped}")
        self.seconds, self.exit = time.monotonic() - begin, process.returncode
        self.report = {}
        try:
            self.report = json.loads(self.stdout)
        except ValueError:
            pass
        if "candidates" in self.report:
            self.check_schemas()

    def check_schemas(self) -> None:
        """Every report, and the manifest of the package that lies there, holds its schema; the package says how it came to be."""
        (self.folder / "report.json").write_text(self.stdout)
        for schema, file in (("report", "report.json"), ("manifest", "out.speedster/manifest.json")):
            if not (self.folder / file).exists():
                continue
            path = pathlib.Path(__file__).resolve().parents[2] / "schemas" / f"{schema}.schema.json"
            checked = subprocess.run([pathlib.Path(self.make_inputs).parent / "check_json", path, self.folder / file],
                                     stderr=subprocess.PIPE, text=True)
            if checked.returncode != 0:
                raise Failure(checked.stderr)
        if self.exit == 0:
            told = json.loads((self.folder / "out.speedster/manifest.json").read_text())["provenance"]
            created, ours = told.pop("created", ""), self.report["provenance"]
            digests = [told.get(key, "") for key in ("model_digest", "samples_digest")]
            if created < "2026" or told != ours or not all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests):
                raise Failure(f"the package's provenance is {told}, the report's {ours}")

    def do_run(self, arguments: list[str]) -> None:
        begin = time.monotonic()
        self.finish(self.start(self.optimize_argv(arguments)), begin, searches=True)

    def do_repeat(self, arguments: list[str]) -> None:
        provenance = self.report["provenance"]
        self.payload = self.winners_files()
        plan = {"original": provenance["original_chain"], "candidates": [provenance["winning_chain"]]}
        (self.folder / "candidates.json").write_text(json.dumps(plan))
        self.planned = False
        self.do_run(arguments)

    def replay_argv(self, arguments: list[str]) -> list[str]:
        if not (self.folder / "recipe.json").exists():
            shutil.copy(self.folder / "out.speedster/report.json", self.folder / "recipe.json")
        self.make()
        return [self.command, "optimize", "model.onnx", "--recipe", "recipe.json", "-o", "out.speedster", "--json", *arguments]

    def do_replay(self, arguments: list[str]) -> None:
        begin = time.monotonic()
        self.finish(self.start(self.replay_argv(arguments)), begin, searches=True)

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
        replays = arguments[1:2] == ["replay"]
        process = self.start(self.replay_argv(arguments[2:]) if replays else self.optimize_argv(arguments[1:]))
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

    def do_corrupt(self, arguments: list[str]) -> None:
        file = next(iter(sorted((self.folder / "out.speedster").glob(arguments[0]))))
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)

    def line(self, words: list[str]) -> None:
        what, arguments = words[0], words[1:]
        if what == "model":
            self.kind, self.made = arguments[0], False
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
            candidate: dict = {"name": arguments[0], "backend": backend, "precision": options.get("precision", "fp32"),
                               "options": options}
            if steps == "quantize-static":
                candidate["steps"] = [{"step": steps, "options": {"target": "onnxruntime", "calibration_backend": "reference"}}]
                candidate["precision"] = "static-int8"
            if steps == "rewrite":
                candidate["steps"] = [{"step": steps, "options": {"backend": "reference"}}]
            if steps == "nncf":
                candidate["steps"] = [{"step": "nncf", "toolchain": "nncf", "options": {}}]
                candidate |= {"format": "openvino-ir", "precision": "static-int8"}
            self.candidates.append(candidate)
        elif what == "open-threads":
            self.open_threads = True
        elif what == "planned":
            self.planned = True
        elif what == "vendors":
            self.env.pop("SPEEDSTER_DATA_DIR")
            if "SPEEDSTER_DATA_DIR" in os.environ:
                self.env["SPEEDSTER_DATA_DIR"] = os.environ["SPEEDSTER_DATA_DIR"]
        elif what == "env":
            name, _, value = " ".join(arguments).partition("=")
            self.env[name] = value
        elif what == "bound":
            most = int(arguments[0]) * 1000000
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        elif what == "ballast":
            self.ballast = b"1" * (int(arguments[0]) * 1000000)
        elif what in ("run", "repeat", "replay", "kill", "interrupt", "accept", "speedster", "corrupt"):
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
