"""Steps of the worker, each a job of its own: what a search would make, one step at a time."""

import hashlib
import json
import pathlib
import shutil
import subprocess

from harness.command import BUILD, speedster


class Jobs:
    """Each in a folder of its own, kept until the model or the worker changes."""

    def __init__(self, folder: pathlib.Path, model: pathlib.Path, data: pathlib.Path, shapes: str) -> None:
        self.folder, self.model, self.data, self.shapes = folder, model, data, shapes
        self.worker = BUILD / "bin/speedster-worker"

    def store(self) -> pathlib.Path:
        """The samples as the worker wants them: a search makes them, whatever becomes of it."""
        cache = self.folder / "cache"
        if not any(cache.glob("samples/*/index.json")):
            speedster("optimize", self.model, "--data", self.data, "--shapes", self.shapes, "--threads", 1, "--backends", "onnxruntime",
                      "--precisions", "fp32", "--time-budget", "20s", ok=(0, 3, 6), cache=cache)
        return next(cache.glob("samples/*/index.json")).parent

    def run(self, step: str, model: pathlib.Path, options: dict, **inputs: pathlib.Path) -> pathlib.Path:
        files = [model, *inputs.values()]
        told = json.dumps([step, options, [str(file) for file in files], [file.stat().st_mtime for file in files], self.worker.stat().st_mtime])
        job = self.folder / "jobs" / hashlib.sha256(told.encode()).hexdigest()[:16]
        if (job / "done").exists():
            return job
        shutil.rmtree(job, ignore_errors=True)
        places = {"model": f"inputs/model/{model.name}"}
        (job / "inputs/model").mkdir(parents=True)
        for file in (model, model.with_name(model.name + ".data")):
            if file.exists():
                shutil.copyfile(file, job / "inputs/model" / file.name)
        for name, path in inputs.items():
            places[name] = f"inputs/{name}" + ("" if path.is_dir() else f"/{path.name}")
            if path.is_dir():
                shutil.copytree(path, job / places[name])
            else:
                (job / places[name]).parent.mkdir()
                shutil.copyfile(path, job / places[name])
        request = {"step": step, "kind": "compress", "version": 1, "toolchain": "", "inputs": places, "options": options, "threads": 1}
        (job / "request.json").write_text(json.dumps(request))
        with (job / "log.txt").open("w") as log:
            subprocess.run([str(self.worker), "job", "."], cwd=job, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        result = json.loads((job / "result.json").read_text())
        if not result.get("ok"):
            raise RuntimeError(f"{step} failed in {job}: {result['error']['message']}")
        shutil.rmtree(job / "inputs")  # a copy of the weights for each variant adds up
        (job / "done").touch()
        return job


def summary(job: pathlib.Path) -> dict:
    return json.loads((job / "result.json").read_text())["summary"]
