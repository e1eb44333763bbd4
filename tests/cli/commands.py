#!/usr/bin/env python3
"""Runs every command of the built `speedster` once, on a package of the reference backend.

usage: commands.py BIN_DIR MAKE_INPUTS
"""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile


class Command:
    def __init__(self, bin_dir: str, folder: pathlib.Path) -> None:
        self.path = str(pathlib.Path(bin_dir).resolve() / "speedster")
        self.folder = folder
        self.env = dict(os.environ)
        for name in ("CACHE", "STATE"):
            self.env[f"SPEEDSTER_{name}_DIR"] = str(folder / name.lower())

    def __call__(self, *arguments: str, expect: int = 0) -> str:
        done = subprocess.run([self.path, *arguments], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=240)
        if done.returncode != expect:
            sys.exit(f"speedster {' '.join(arguments)}: expected exit {expect}, got {done.returncode}\n"
                     f"stdout: {done.stdout[-3000:]}\nstderr: {done.stderr[-3000:]}")
        if expect not in (0, 3) and arguments[0] != "doctor":  # its page says it
            check("speedster: [" in done.stderr, f"a message on stderr of {arguments}", done.stderr)
        return done.stdout

    def json(self, *arguments: str, expect: int = 0) -> dict:
        text = self(*arguments, "--json", expect=expect)
        try:
            return json.loads(text)
        except ValueError as error:
            sys.exit(f"speedster {' '.join(arguments)} --json: expected one JSON value, got {error}: {text[:2000]}")


def check(held: bool, what: str, got: object) -> None:
    if not held:
        sys.exit(f"expected {what}, got {got!r}")


def optimize(speedster: Command) -> None:
    candidates = {"original": {"name": "original", "backend": "reference", "options": {"delay_us": "2000"}},
                  "candidates": [{"name": "fast", "backend": "reference", "precision": "fp32", "options": {"delay_us": "500"}}]}
    (speedster.folder / "candidates.json").write_text(json.dumps(candidates))
    report = speedster.json("optimize", "model.onnx", "--data", "samples.safetensors", "--candidates", "candidates.json",
                            "-o", "out.speedster", "--threads", "1", "--report", "report.json", "--html", "report.html")
    check(report["outcome"] == "optimized", "an optimized package", report["outcome"])
    check(json.loads((speedster.folder / "report.json").read_text()) == report, "the same report in the file", "another")
    check("<!doctype html>" in (speedster.folder / "report.html").read_text(), "a page", "none")


def inspect(speedster: Command) -> None:
    model = speedster.json("inspect", "model.onnx")
    check(model["kind"] == "model" and model["operators"] and model["signature"]["inputs"][0]["name"] == "x", "the model", model)
    check("operators" in speedster("inspect", "model.onnx"), "operators", "none")
    package = speedster.json("inspect", "out.speedster")
    variants = package["entries"]["main"]["variants"]
    check(variants[0]["name"] == "fast" and variants[0]["usable_here"], "the winner first", variants)
    check("fast: reference, onnx" in speedster("inspect", "out.speedster"), "the winner's line", "none")
    check("improvement" in speedster("inspect", "--report", "out.speedster"), "the report's table", "none")
    speedster("inspect", "out.speedster", "--html", "again.html")
    check((speedster.folder / "again.html").exists(), "the page again", "none")
    speedster("inspect", "nothing.onnx", expect=4)
    speedster("inspect", "candidates.json", expect=4)


IR = """<?xml version="1.0"?>
<!-- <layer id="9" type="InAComment"> -->
<net name="<layer type='InAName'>" version="11">
  <layers>
    <layer id="0" name="x_layer" type="Parameter" version="opset1">
      <data shape="?,16" element_type="f32" /><output><port id="0" precision="FP32" names="x,alias"><dim>-1</dim><dim>16</dim></port></output>
    </layer>
    <layer id="1" name="loop" type="TensorIterator" version="opset1"><body><layers>
      <layer id="0" name="inner" type="Parameter" version="opset1"><data shape="1" element_type="f32" /></layer>
      <layer id="1" name="s" type="Sigmoid" version="opset1" />
    </layers></body></layer>
    <layer id="2" name="relu" type='ReLU' version="opset1"><data note="type=&quot;InAValue&quot; >" /></layer>
    <![CDATA[<layer id="7" type="InCdata">]]>
    <layer id="3" name="y/sink_port_0" type="Result" version="opset1" output_names="y">
      <input><port id="0" precision="FP16"><dim>-1</dim><dim>4</dim></port></input>
    </layer>
  </layers>
  <rt_info><text>layer type="InText"</text></rt_info>
</net>
"""


def inspect_ir(speedster: Command) -> None:
    """OpenVINO IR: as a file, as a package's payload, and what is none."""
    folder = speedster.folder
    operators = {"Parameter": 2, "ReLU": 1, "Result": 1, "Sigmoid": 1, "TensorIterator": 1}
    (folder / "ir.xml").write_text(IR)
    (folder / "ir.bin").write_bytes(bytes(64))
    model = speedster.json("inspect", "ir.xml")
    check(model["format"] == "openvino-ir" and model["operators"] == operators and model["weight_bytes"] == 64, "the layers", model)
    told = {side: [(t["name"], t["dtype"], t["shape"]) for t in model["signature"][side]] for side in ("inputs", "outputs")}
    check(told == {"inputs": [("x", "float32", [{}, 16])], "outputs": [("y", "float16", [{}, 4])]}, "the signature", told)
    page = speedster("inspect", "ir.xml")
    check("input       x float32 [?, 16]" in page and "output      y float16 [?, 4]" in page, "the signature's lines", page)

    for name, old, new in (("type", "f32", "string"), ("shape", '"?,16"', '"a,16"'), ("name", ' output_names="y"', "")):
        (folder / f"no-{name}.xml").write_text(IR.replace(old, new))
        model = speedster.json("inspect", f"no-{name}.xml")
        check(model["signature"] is None and model["operators"] == operators and model["notes"], "operators alone", model)
        check("not told" in speedster("inspect", f"no-{name}.xml"), "a note", name)
    long = "<net version='11'><layer type='" + "T" * (2 << 20) + "'/></net>"
    many = "<net version='11'>" + "".join(f"<layer type='T{i}'/>" for i in range(5000)) + "</net>"
    for name, text in (("cut", IR[: len(IR) // 2]), ("page", "<!DOCTYPE html><html></html>"), ("html", "<html><layer type='a'/></html>"),
                       ("empty", ""), ("unnamed", "<net><layer id='1'/></net>"), ("long", long), ("many", many),
                       ("open", "<net><!-- "), ("nested", "<net><layer <layer type='a'/></net>")):
        (folder / f"{name}.xml").write_text(text)
        told = speedster.json("inspect", f"{name}.xml", expect=4)["error"]["message"]
        check(told.startswith("[inspect] expected an OpenVINO IR") and "; try " in told, "a refusal", told)
    speedster("inspect", "nothing.xml", expect=4)

    package = folder / "ir.speedster"
    shutil.copytree(folder / "out.speedster", package)
    manifest = json.loads((package / "manifest.json").read_text())
    variant = manifest["entries"]["main"]["variants"][0]
    payload = str(pathlib.Path(variant["payload"]).with_name("model.xml"))
    (package / payload).write_text(IR)
    manifest["files"][payload] = {"bytes": len(IR.encode()), "sha256": hashlib.sha256(IR.encode()).hexdigest()}
    variant |= {"format": "openvino-ir", "payload": payload, "files": [payload]}
    (package / "manifest.json").write_text(json.dumps(manifest))
    told = speedster.json("inspect", "ir.speedster")["entries"]["main"]["variants"][0]
    check(told["operators"] == operators, "the payload's layers", told)
    check("TensorIterator 1" in speedster("inspect", "ir.speedster"), "the operators' line", "none")


def run(speedster: Command) -> None:
    check(speedster("run", "out.speedster", "--data", "samples.safetensors").startswith("y float32 "), "values of y", "others")
    speedster("run", "out.speedster", "--data", "samples.safetensors", "-o", "out.npz")
    with zipfile.ZipFile(speedster.folder / "out.npz") as archive:
        check(archive.namelist() == ["y.npy"], "the output y", archive.namelist())
    ran = speedster.json("run", "out.speedster", "--data", "out.npz", expect=4)
    check(ran["error"]["kind"] == "bad input" and "got y float32" in ran["error"]["message"], "the wrong name", ran)
    listed = ran["error"]["message"].splitlines()
    check("  x float32 [batch, 16]" in listed and any("np.zeros((100, 16), dtype=np.float32)" in line for line in listed)
          and listed[-1].strip() == 'np.savez("samples.npz", x=x)', "the inputs and the numpy lines", listed)
    (speedster.folder / "rubbish.npz").write_bytes(b"rubbish")
    for data in ("nothing.npz", "rubbish.npz", "candidates.json"):
        told = speedster.json("run", "out.speedster", "--data", data, expect=4)["error"]["message"]
        check(data in told and "x float32 [batch, 16]" in told and "np.savez" in told, "the numpy lines", told)
    check(speedster.json("run", "out.speedster", "--data", "samples.safetensors")["learner"]["variant"] == "fast", "fast", "another")
    speedster("run", "out.speedster", "--data", "samples.safetensors", "--variant", "nobody", expect=4)


def verify_and_bench(speedster: Command) -> None:
    check(speedster.json("verify", "out.speedster")["ok"] is True, "a package that holds", "another")
    page = speedster("verify", "out.speedster")
    check("ok " in page and "choice    stands" in page and "others    original: holds" in page, "the other variant and the choice", page)
    told = speedster.json("verify", "out.speedster")
    check([row["variant"] for row in told["others"]] == ["original"] and told["choice"]["stands"] is True, "the original beside it", told)
    wrong = speedster.json("verify", "out.speedster", "--option", "error=1", expect=4)
    check(wrong["ok"] is False and wrong["exit_code"] == 4 and wrong["error"]["message"].startswith("[")
          and "relative_l2" in wrong, "what was found and the error as everywhere", wrong)
    result = speedster.json("bench", "out.speedster", "out.speedster", "--time-budget", "20s")
    speedup = result["speedup"]
    check(0 < speedup["low"] <= speedup["median"] <= speedup["high"], "an interval around the ratio", speedup)
    check(0.5 < speedup["median"] < 2, "a package as fast as itself", speedup)
    speedster("bench", "out.speedster", expect=2)


def merge(speedster: Command) -> None:
    """Another search on the same model and samples stands in for one on another machine."""
    for word in ("model.onnx", "samples.safetensors"):
        check((speedster.folder / word).exists(), word, "no such file")
    speedster("optimize", "model.onnx", "--data", "samples.safetensors", "--candidates", "candidates.json", "--threads", "1",
              "-o", "second.speedster")
    merged = speedster.json("merge", "out.speedster", "second.speedster", "-o", "merged.speedster")
    check(merged["ok"] and [part["package"] for part in merged["parts"]] == ["out.speedster", "second.speedster"]
          and len({name for part in merged["parts"] for name in part["variants"]}) == 4, "both with all their variants", merged)
    told = speedster.json("inspect", "merged.speedster")
    check(len(told["entries"]["main"]["variants"]) == 4 and len(told["provenance"]["merged"]) == 2, "four variants of two searches", told)
    page = speedster("inspect", "merged.speedster")
    check("merged from" in page and "reports/2.json" in page and "measured on" in page, "its origins", page)
    speedster("inspect", "--report", "merged.speedster", expect=2)
    again = speedster.json("verify", "merged.speedster")
    check(again["ok"] and len(again["others"]) == 3 and all(row["holds"] for row in again["others"]), "all of them hold", again)
    check("wrote" in speedster("run", "merged.speedster", "--data", "samples.safetensors", "-o", "merged_out.npz"), "outputs", "none")
    for words, expect in ((["merge", "out.speedster", "-o", "x"], 2), (["merge", "out.speedster", "second.speedster"], 2),
                          (["merge", "out.speedster", "out.speedster", "-o", "x"], 2), (["merge", "out.speedster", "nothing", "-o", "x"], 4),
                          (["merge", "out.speedster", "second.speedster", "-o", "model.onnx"], 2)):
        speedster(*words, expect=expect)


def bench_sides(speedster: Command) -> None:
    """A package against a model file with two callers, and a fast package against a slow one in both orders."""
    result = speedster.json("bench", "out.speedster", "model.onnx", "--data", "samples.safetensors", "--concurrency", "2",
                            "--time-budget", "20s")
    first, second = result["first"], result["second"]
    check(result["concurrency"] == 2 and result["samples"] == 64, "two callers on the samples", result)
    check("samples.safetensors" in result["samples_from"], "the file that was given", result["samples_from"])
    check(first["kind"] == "package" and first["learner"]["backend"] == "reference", "the package first", first)
    check(second["kind"] == "model" and second["learner"]["backend"] == "onnxruntime", "the model on ONNX Runtime", second)
    speedup = result["speedup"]  # the package was told to be slow
    check(0 < speedup["low"] <= speedup["median"] <= speedup["high"] < 1, "a package slower than the model", speedup)

    shutil.copytree(speedster.folder / "out.speedster", speedster.folder / "slow.speedster")
    manifest = speedster.folder / "slow.speedster" / "manifest.json"
    content = json.loads(manifest.read_text())
    options = content["entries"]["main"]["variants"][0]["options"]
    options["delay_us"] = str(3 * int(options["delay_us"]))
    manifest.write_text(json.dumps(content))
    result = speedster.json("bench", "out.speedster", "slow.speedster", "--time-budget", "20s")
    check(result["speedup"]["low"] > 1 and 2 < result["speedup"]["median"] < 4, "the first three times as fast", result["speedup"])
    check("out.speedster" in result["samples_from"], "the samples of the first package", result["samples_from"])
    alone = result["first"]["seconds"]["median"]
    result = speedster.json("bench", "slow.speedster", "out.speedster", "--time-budget", "20s")
    check(result["speedup"]["high"] < 1 and 2 < 1 / result["speedup"]["median"] < 4, "the second three times as fast",
          result["speedup"])
    # Four callers a core, each with a core's work: they wait for each other.
    callers = str(4 * result["threads"])
    crowded = speedster.json("bench", "out.speedster", "slow.speedster", "--concurrency", callers, "--time-budget", "20s")
    check(crowded["first"]["seconds"]["median"] > 2 * alone, f"more than twice {alone} s with {callers} callers", crowded["first"]["seconds"])
    page = speedster("bench", "model.onnx", "slow.speedster", "--data", "samples.safetensors", "--time-budget", "20s")
    check("The first is faster: " in page and " fresh loads of each" in page, "the model first, and faster", page)


def bench_sweep(speedster: Command) -> None:
    """Batch sizes and callers of a package alone, then beside a model file; a batch that fails is a row."""
    result = speedster.json("bench", "out.speedster", "--batch", "1,3", "--concurrency", "1,2", "--html", "sweep.html", "--time-budget", "60s")
    points = result["points"]
    check([(p["side"], p["batch"], p["concurrency"]) for p in points] == [("first", b, c) for b in (1, 3) for c in (1, 2)],
          "each combination", points)
    check(len(result["sides"]) == 1 and result["sides"][0]["learner"]["backend"] == "reference", "one side", result["sides"])
    for point in points:
        seconds = point["seconds"]
        check(0 < seconds["low"] <= seconds["median"] <= seconds["high"], "an interval", point)
        rate = point["batch"] * point["concurrency"] / seconds["median"]
        check(abs(point["rows_per_second"] / rate - 1) < 1e-6, f"{rate} rows a second", point)
    page = (speedster.folder / "sweep.html").read_text()
    check("3 × 2" in page and "rows a second" in page, "the plot's labels", page[-400:])
    table = speedster("bench", "out.speedster", "model.onnx", "--concurrency", "1,2", "--time-budget", "60s")
    check(table.count("rows a second") == 2 and "onnxruntime" in table and "front" in table, "a table for each side", table)


def bench_threads(speedster: Command) -> None:
    """Both sides run on the same threads, whatever a package was judged at. ONNX Runtime's, since the reference backend has one."""
    plan = {"original": {"name": "original", "backend": "onnxruntime", "options": {"precision": "fp32"}},
            "candidates": [{"name": "broken", "backend": "reference", "options": {"fault": "error", "fault_at": "load"}}]}
    (speedster.folder / "threads.json").write_text(json.dumps(plan))
    speedster("optimize", "model.onnx", "--data", "samples.safetensors", "--candidates", "threads.json", "-o", "one.speedster",
              "--threads", "1", "--quiet", expect=3)
    manifest = json.loads((speedster.folder / "one.speedster/manifest.json").read_text())
    for variant in manifest["entries"]["main"]["variants"]:
        check(variant["threads"] == 1, "a package judged at one thread", variant)
        variant["threads"] = 3
    shutil.copytree(speedster.folder / "one.speedster", speedster.folder / "three.speedster")
    (speedster.folder / "three.speedster/manifest.json").write_text(json.dumps(manifest))
    cores = len(os.sched_getaffinity(0))
    for second, choices in (("model.onnx", (["--threads", "2"], [])), ("three.speedster", (["--threads", "1"], ["--threads", "2"], []))):
        for given in choices:
            result = speedster.json("bench", "one.speedster", second, *given, "--time-budget", "20s")
            threads = int(given[1]) if given else result["threads"]
            check(1 <= threads <= cores or bool(given), "threads that this process may use", result["threads"])
            learners = [result[side]["learner"] for side in ("first", "second")]
            check([result["threads"], *(learner["threads"] for learner in learners)] == [threads] * 3, f"{threads} threads on both sides",
                  (result["threads"], learners))
            check(learners[0]["judged_threads"] == 1 and (second == "model.onnx" or learners[1]["judged_threads"] == 3),
                  "packages judged at other numbers", learners)


def others(speedster: Command) -> None:
    doctor = speedster.json("doctor")  # the vendors are part of what CI installs: 5 here is a failure
    reference = [b for b in doctor["backends"] if b["name"] == "reference"]
    check(len(reference) == 1 and reference[0]["usable"], "a usable reference backend", doctor["backends"])
    check(doctor["machine"]["isa"], "instruction sets", doctor["machine"])
    bare = Command(str(pathlib.Path(speedster.path).parent), speedster.folder)
    nowhere = str(speedster.folder / "no-data")  # no toolchain, and no Python that has a vendor
    bare.env = {"SPEEDSTER_DATA_DIR": nowhere, "HOME": nowhere, "PATH": nowhere}
    nothing = bare.json("doctor", expect=5)
    for row in nothing["backends"]:
        missing = row["name"] != "reference"
        check(row["usable"] is not missing, "the reference backend alone", row)
        check(missing == row["remedy"].startswith(f"`speedster toolchain install {row['name']}`"), "the command that mends it", row)
        check(missing == ("expected the vendor's library" in row["reason"]) and "; try" not in row["reason"], "why it is not usable", row)
    page = bare("doctor", expect=5)
    for words in ("instructions", "to mend it: `speedster toolchain install openvino`", "not installed; try speedster toolchain install nncf"):
        check(words in " ".join(page.split()), words, page)
    for rows in (doctor["toolchains"], speedster.json("toolchain", "list")["toolchains"], nothing["toolchains"]):
        for row in rows:
            usable = row["installed"] and not row["outdated"] and not row["problem"]
            check(row["remedy"] == ("" if usable else f"speedster toolchain install {row['name']}" + " --force" * bool(row["problem"])),
                  "the command that mends it", row)
    check(not any(row["installed"] for row in rows) and rows, "toolchains that are not installed", rows)
    for words in (["cache", "prune"], ["toolchain", "install"], *([name] for name in ("optimize", "run", "bench", "inspect", "verify", "merge", "bundle", "export", "doctor"))):
        help_text = speedster(*words, "--help")
        ungrouped = help_text.partition("\nOPTIONS:")[2] or help_text.partition("\nOptions:")[2]
        check(not ungrouped, f"options of {' '.join(words)} in named groups", help_text)
    check(doctor["machine"]["usable_cores"] >= 1, "cores", doctor["machine"])
    entries = speedster.json("cache", "list")
    check(entries["bytes"] > 0, "what the search left", entries)
    check(speedster.json("cache", "prune", "--all")["freed_bytes"] > 0, "bytes freed", 0)
    check(speedster.json("cache", "list")["bytes"] == 0, "an empty cache", "more")
    speedster("cache", "prune", expect=2)
    names = [row["name"] for row in speedster.json("toolchain", "list")["toolchains"]]
    check("onnxruntime" in names, "the onnxruntime toolchain", names)
    speedster("toolchain", "install", "no-such-toolchain", expect=4)
    speedster("export", "out.speedster", "-o", "exported", expect=5)
    bundle = speedster.json("bundle", "out.speedster", "-o", "bundled")
    check(bundle["lowest_glibc"].startswith("2."), "the lowest glibc", bundle)
    script = speedster("completion", "bash")
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    speedster("optimise", expect=2)


def interrupts(speedster: Command) -> None:
    """Commands that save nothing end at once, with the code and the JSON of a cancelled one."""
    slow = ["--option", "delay_us=100000000"]
    for arguments in (["run", "out.speedster", "--data", "samples.safetensors"], ["verify", "out.speedster"],
                      ["bundle", "out.speedster", "-o", "interrupted"]):
        for number in (signal.SIGINT, signal.SIGTERM):
            with subprocess.Popen([speedster.path, *arguments, *slow, "--json"], cwd=speedster.folder, env=speedster.env,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
                time.sleep(1)
                running.send_signal(number)
                out, err = running.communicate(timeout=20)
            check(running.returncode == 7 and "speedster: [cancelled]" in err, f"exit 7 of {arguments}", (running.returncode, err))
            told = json.loads(out)
            check(told["error"]["kind"] == "cancelled" and told["exit_code"] == 7, "a cancelled command", told)


def main() -> None:
    bin_dir, make_inputs = sys.argv[1:3]
    with tempfile.TemporaryDirectory(prefix="speedster-cli-") as name:
        folder = pathlib.Path(name)
        subprocess.run([make_inputs, "mlp", "64", name], check=True)
        speedster = Command(bin_dir, folder)
        for part in (optimize, inspect, inspect_ir, run, verify_and_bench, merge, bench_sides, bench_threads, interrupts, others):
            part(speedster)
    print("passed")


if __name__ == "__main__":
    main()
