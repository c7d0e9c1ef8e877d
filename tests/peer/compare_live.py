# SPDX-License-Identifier: MIT
"""The program against openretina itself, on stimuli that no golden file holds.

    compare_live.py PROGRAM      with the Python of an environment that has openretina

Responses and whole optimisations of the trained checkpoint, and the built-in retina loaded into
openretina's own classes. Prints the agreement of each; the status says whether all are good enough.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import torch
from make_golden import norm_clip, optimise, slice_mean
from openretina.models.core_readout import load_core_readout_model
from openretina.modules.core.base_core import SimpleCoreWrapper
from openretina.modules.readout.multi_readout import MultiGaussianMaskReadout
from peer_tools import GOLDEN, be_reproducible

RESPONSE_TOLERANCE = 1e-5
CHECKPOINT = GOLDEN / "trained" / "model.ckpt"


def run(program: str, *arguments: str) -> str:
    """Output of the program; its messages are shown when it fails."""
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)}: status {done.returncode}\n{done.stderr}")
    return done.stdout


def relative_error(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def responses_of_program(program: str, model: str, stimulus: np.ndarray, folder: Path) -> np.ndarray:
    """r [B,T',N] by the experiment `response`."""
    np.save(folder / "x.npy", stimulus)
    job = folder / "response.yaml"
    job.write_text(
        f"experiment: response\nmodel: {model}\nstimulus: {folder}/x.npy\noutput: {folder}/r.h5\n"
    )
    run(program, "run", "--quiet", "--fresh", str(job))
    with h5py.File(folder / "r.h5") as file:
        return file["response"][:]


def compare_responses(program: str, model: torch.nn.Module, folder: Path) -> bool:
    x = np.random.default_rng(4711).normal(0, 1.5, (3, 2, 47, 18, 16)).astype(np.float32)
    ours = responses_of_program(program, str(CHECKPOINT), x, folder)
    with torch.no_grad():
        theirs = model(torch.from_numpy(x)).numpy()
    error = relative_error(ours, theirs)
    print(f"responses of the trained model     relative error {error:.1e}")
    return error < RESPONSE_TOLERANCE


def compare_optimisation(program: str, model: torch.nn.Module, neuron: int, folder: Path) -> bool:
    """One optimisation with the notebook's settings, from a start that is new to both."""
    session, initial = "2_dorsal1_20200306", np.random.default_rng(neuron).normal(0, 0.1, (2, 50, 18, 16))
    np.save(folder / "initial.npy", initial.astype(np.float32))
    settings = {
        "objective": "increase",
        "session": session,
        "neurons": [neuron],
        "reducer": slice_mean(10, 10),
        "optimizer": {"name": "SGD", "lr": 10.0},
        "postprocessors": [norm_clip(5.0)],
        "postprocess_initial": True,
        "penalties": [],
        "stopper": {"max_iterations": 10},
    }
    theirs = optimise(model, settings, torch.from_numpy(initial.astype(np.float32)))
    job = Path(__file__).resolve().parents[2] / "jobs" / "notebook.yaml"
    run(
        program, "run", "--quiet", "--fresh", str(job), f"model={CHECKPOINT}", f"session={session}",
        f"neurons={neuron}", "seeds=0", f"stimulus.init.file={folder}/initial.npy", f"output={folder}/m.h5",
    )
    with h5py.File(folder / "m.h5") as file:
        ours, objective = file["last_stimulus"][0, 0], float(file["objective_last"][0, 0])
    r = np.corrcoef(ours.ravel(), theirs["final"].numpy().ravel())[0, 1]
    difference = abs(objective / theirs["final_objective"] - 1)
    print(f"optimisation of neuron {neuron:<2}          correlation 1 - {1 - r:.1e}, objective {difference:.1e}")
    return r > 0.9999 and difference < 1e-3


def peer_of_ground_truth(
    program: str, folder: Path, name: str = "builtin:ground_truth"
) -> tuple[torch.nn.Module, torch.nn.Module]:
    """The built-in retina in openretina's own core and readout classes, from the native model file."""
    architecture = json.loads(run(program, "inspect", "--json", name))["architecture"]
    run(program, "convert", name, str(folder / "model.h5"))
    core, readout = architecture["core"], architecture["readout"]
    n_neurons = {s["name"]: s["n_neurons"] for s in architecture["sessions"]}
    peer_core = SimpleCoreWrapper(
        channels=core["channels"],
        temporal_kernel_sizes=core["temporal_kernel_sizes"],
        spatial_kernel_sizes=core["spatial_kernel_sizes"],
        gamma_input=0, gamma_temporal=0, gamma_in_sparse=0, gamma_hidden=0,
        cut_first_n_frames=core["cut_first_n_frames"],
        input_padding=core["input_padding"],
        hidden_padding=core["hidden_padding"],
    ).eval()
    with torch.no_grad():
        shape = peer_core(torch.zeros(1, *architecture["in_shape"])).shape[1:]
    peer_readout = MultiGaussianMaskReadout(
        in_shape=tuple(shape), n_neurons_dict=n_neurons,
        **{key: readout[key] for key in ("scale", "bias", "gaussian_mean_scale", "gaussian_var_scale", "positive")},
    ).eval()
    with h5py.File(folder / "model.h5") as file:
        state = {name: torch.from_numpy(array[()]) for name, array in file["parameters"].items()}
    for prefix, module in (("core.", peer_core), ("readout.", peer_readout)):
        part = {name[len(prefix):]: value for name, value in state.items() if name.startswith(prefix)}
        unexpected = module.load_state_dict(part, strict=False).unexpected_keys
        assert not unexpected, unexpected
    return peer_core, peer_readout


def compare_ground_truth(program: str, folder: Path) -> bool:
    core, readout = peer_of_ground_truth(program, folder)
    x = np.random.default_rng(12).normal(0, 1, (2, 2, 44, 36, 32)).astype(np.float32)
    ours = responses_of_program(program, "builtin:ground_truth", x, folder)
    with torch.no_grad():
        theirs = readout(core(torch.from_numpy(x)), data_key="ground_truth").numpy()
    error = relative_error(ours, theirs)
    print(f"responses of the built-in retina   relative error {error:.1e}")
    return error < RESPONSE_TOLERANCE


def main(program: str) -> int:
    be_reproducible()
    model = load_core_readout_model(str(CHECKPOINT), "cpu").eval()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        good = [compare_responses(program, model, folder), compare_ground_truth(program, folder)]
        good += [compare_optimisation(program, model, neuron, folder) for neuron in (0, 9, 17)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
