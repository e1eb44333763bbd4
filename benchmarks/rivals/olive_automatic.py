"""Olive's automatic int8 for the processor: what `olive optimize --precision int8` plans, with our samples in place of the text that it would
take from a hub, and the processor in place of a graphics card to calibrate on. Runs in Olive's own environment.
usage: olive_automatic.py MODEL.onnx SAMPLES.npz OUT.onnx"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np

OLIVE = pathlib.Path(sys.executable).with_name("olive")
MOST = 100  # samples
PLUG_IN = '''
import numpy as np
import torch
from olive.data.registry import Registry


class Samples(torch.utils.data.Dataset):
    def __init__(self, path):
        with np.load(path) as file:
            self.arrays = {name: file[name] for name in file.files}

    def __len__(self):
        return len(next(iter(self.arrays.values())))

    def __getitem__(self, i):
        return {name: torch.from_numpy(array[i:i + 1]) for name, array in self.arrays.items()}, 0


@Registry.register_dataset()
def samples_of_a_file(path, **_):
    return Samples(path)
'''


def main() -> None:
    source, samples, target = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
    with tempfile.TemporaryDirectory(prefix="olive-") as name:
        folder = pathlib.Path(name)
        with np.load(samples) as file:
            np.savez(folder / "samples.npz", **{key: file[key][:MOST] for key in file.files})
        command = [OLIVE, "optimize", "-m", source, "-o", folder / "out", "--device", "cpu", "--provider", "CPUExecutionProvider", "--precision",
                   "int8", "--disable_telemetry", "--dry_run", "--save_config_file"]
        subprocess.run(list(map(str, command)), check=True, cwd=folder, stdout=subprocess.DEVNULL)
        plan = json.loads((folder / "out/config.json").read_text())
        (folder / "plug_in.py").write_text(PLUG_IN)
        for data in plan["data_configs"]:
            text = data["name"]
            data.clear()
            data |= {"name": text, "user_script": str(folder / "plug_in.py"),
                     "load_dataset_config": {"type": "samples_of_a_file", "path": str(folder / "samples.npz")},
                     "pre_process_data_config": {"type": "skip_pre_process"}, "post_process_data_config": {"type": "skip_post_process"},
                     "dataloader_config": {"type": "no_auto_batch_dataloader"}}
        for one in plan["passes"].values():
            if "calibration_providers" in one:
                one["calibration_providers"] = ["CPUExecutionProvider"]
        (folder / "plan.json").write_text(json.dumps(plan))
        subprocess.run([str(OLIVE), "run", "--config", str(folder / "plan.json"), "--disable_telemetry"], check=True, cwd=folder)
        made = next((folder / "out").rglob("*.onnx"))
        target.parent.mkdir(parents=True, exist_ok=True)
        for file in made.parent.glob("*.onnx*"):
            shutil.copyfile(file, target if file == made else target.parent / file.name)


if __name__ == "__main__":
    main()
