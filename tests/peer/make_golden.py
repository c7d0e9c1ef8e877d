#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Golden responses, gradients and stimulus optimisations of the trained test checkpoint.

Reads tests/golden/trained/model.ckpt and computes everything with openretina's own classes:
float32, evaluation mode, one thread. Objective and loss are recorded from outside, by wrapping
the objects handed to optimize_stimulus(), so its loop runs unchanged. The exact settings of every
array are in tests/golden/trained/golden.json and tests/golden/postprocess/postprocess.json.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import peer_tools
import retina_simulation as sim
from openretina.data_io.hoefling_2024.constants import STIMULUS_RANGE_CONSTRAINTS
from openretina.insilico.stimulus_optimization.objective import (
    ContrastiveNeuronObjective,
    IncreaseObjective,
    InnerNeuronVisualizationObjective,
    MeanReducer,
    ResponseReducer,
    SliceMeanReducer,
)
from openretina.insilico.stimulus_optimization.optimization_stopper import (
    EarlyStopper,
    OptimizationStopper,
)
from openretina.insilico.stimulus_optimization.optimizer import optimize_stimulus
from openretina.insilico.stimulus_optimization.regularizer import (
    ChangeNormJointlyClipRangeSeparately,
    RangeRegularizationLoss,
    TemporalGaussianLowPassFilterProcessor,
)
from openretina.models.core_readout import BaseCoreReadout, load_core_readout_model

FRAMES = 50
BOUNDS = [
    [STIMULUS_RANGE_CONSTRAINTS["x_min_green"], STIMULUS_RANGE_CONSTRAINTS["x_max_green"]],
    [STIMULUS_RANGE_CONSTRAINTS["x_min_uv"], STIMULUS_RANGE_CONSTRAINTS["x_max_uv"]],
]

MEAN = {"name": "mean"}
CLIP = {"name": "clip", "min_max": BOUNDS}
GRADIENT_SAMPLES = [0, 2]  # of stimulus.npy


def slice_mean(start: int, length: int) -> dict[str, Any]:
    """Description of the slice mean reducer."""
    return {"name": "slice_mean", "start": start, "length": length}


def norm_clip(norm: float) -> dict[str, Any]:
    """Description of the postprocessor which sets the norm and then clips."""
    return {"name": "norm_clip", "norm": norm, "min_max": BOUNDS}


# ------------------------------------------------- from descriptions to openretina's objects


class DecreaseObjective(IncreaseObjective):
    """openretina has no objective to decrease a response: the negative of the increase."""

    def forward(self, stimulus: torch.Tensor) -> torch.Tensor:
        return -super().forward(stimulus)


def make_reducer(description: dict[str, Any]) -> ResponseReducer:
    if description["name"] == "mean":
        return MeanReducer(axis=0)
    return SliceMeanReducer(axis=0, start=description["start"], length=description["length"])


def make_objective(model: BaseCoreReadout, run: dict[str, Any]) -> Any:
    """The objective of a run; `session` null means all sessions in sorted order."""
    reducer = make_reducer(run["reducer"])
    kind, session = run["objective"], run["session"]
    if kind in ("increase", "decrease"):
        cls = IncreaseObjective if kind == "increase" else DecreaseObjective
        return cls(model, run["neurons"], session, reducer)
    if kind == "contrastive":
        return ContrastiveNeuronObjective(
            model, run["on"], run["off"], session, reducer, run["temperature"]
        )
    objective = InnerNeuronVisualizationObjective(model, session, reducer)
    objective.set_layer_channel(run["layer"], run["channel"])
    return objective


def make_postprocessor(description: dict[str, Any], dtype: torch.dtype = torch.float32) -> Any:
    name = description["name"]
    if name == "temporal_gaussian":
        processor = TemporalGaussianLowPassFilterProcessor(
            description["sigma"], description["kernel_size"]
        )
        # Its kernel is float32; in float64 runs the same, rounded, values are used.
        processor._kernel = processor._kernel.to(dtype)
        return processor
    # openretina clips with the same class, without a norm.
    return ChangeNormJointlyClipRangeSeparately(
        description["min_max"], norm=description["norm"] if name == "norm_clip" else None
    )


def make_penalty(description: dict[str, Any]) -> RangeRegularizationLoss:
    return RangeRegularizationLoss(
        description["min_max"], description["max_norm"], factor=description["factor"]
    )


def make_optimizer(description: dict[str, Any]) -> partial:
    """The optimiser's constructor, waiting for the list of parameters."""
    settings = dict(description)
    return partial(getattr(torch.optim, settings.pop("name")), **settings)


def make_stopper(description: dict[str, Any]) -> OptimizationStopper:
    if "patience" in description:
        return EarlyStopper(**description)
    return OptimizationStopper(**description)


# ------------------------------------------------- recording an optimisation


class RecordingObjective:
    """Passes an objective through and keeps its values."""

    def __init__(self, objective: Any):
        self._objective = objective
        self.values: list[float] = []

    def forward(self, stimulus: torch.Tensor) -> torch.Tensor:
        value = self._objective.forward(stimulus)
        self.values.append(value.item())
        return value


class RecordingStopper:
    """Passes a stopper through and keeps the losses it is asked about."""

    def __init__(self, stopper: OptimizationStopper):
        self._stopper = stopper
        self.max_iterations = stopper.max_iterations
        self.losses: list[float] = []

    def early_stop(self, loss: float) -> bool:
        self.losses.append(loss)
        return self._stopper.early_stop(loss)


def optimise(model: BaseCoreReadout, run: dict[str, Any], initial: torch.Tensor) -> dict[str, Any]:
    """Run openretina's optimisation from initial[C,T,H,W]; return what happened."""
    postprocessors = [make_postprocessor(p, initial.dtype) for p in run["postprocessors"]]
    stimulus = initial[None].clone().requires_grad_(True)
    if run["postprocess_initial"]:
        for postprocessor in postprocessors:
            stimulus.data = postprocessor.process(stimulus.data)
    start = stimulus.detach()[0].clone()
    objective = RecordingObjective(make_objective(model, run))
    stopper = RecordingStopper(make_stopper(run["stopper"]))
    optimize_stimulus(
        stimulus,
        make_optimizer(run["optimizer"]),
        objective,
        stopper,
        stimulus_regularization_loss=[make_penalty(p) for p in run["penalties"]],
        stimulus_postprocessor=postprocessors,
    )
    with torch.no_grad():
        final_objective = make_objective(model, run).forward(stimulus).item()
    return {
        "start": start,
        "final": stimulus.detach()[0],
        "trace": np.array(objective.values),
        "loss": np.array(stopper.losses),
        "final_objective": final_objective,
    }


# ------------------------------------------------- what is computed


def stimuli(model: BaseCoreReadout) -> torch.Tensor:
    """x[B=3,C,T,H,W]: white noise, a natural movie, large slow noise with a step."""
    rng = np.random.default_rng(11)
    shape = (2, FRAMES, sim.HEIGHT, sim.WIDTH)
    noise = rng.normal(size=shape)
    info = model.data_info
    movie = sim.natural_movie(seed=12, n_scenes=1)[:, :FRAMES]
    movie = (movie - info["stim_mean"]) / info["stim_std"]
    coarse = rng.normal(size=(2, 10, 6, 4))
    large = 4.0 * np.kron(coarse, np.ones((1, 5, 3, 4)))
    large[:, FRAMES // 2 :] += 2.0
    return torch.from_numpy(np.stack([noise, movie, large])).to(torch.float32)


GRADIENTS = {
    "increase_3_mean": {"objective": "increase", "neurons": [3], "reducer": MEAN},
    "increase_1_5_17_slice_10_10": {
        "objective": "increase", "neurons": [1, 5, 17], "reducer": slice_mean(10, 10),
    },
    "decrease_30_slice_0_20": {
        "objective": "decrease", "neurons": [30], "reducer": slice_mean(0, 20),
    },
    "contrastive": {
        "objective": "contrastive", "on": [0, 4, 9], "off": [[1, 2], [20, 25, 31, 38]],
        "temperature": 1.6, "reducer": slice_mean(5, 10),
    },
    "inner_layer0_channel4": {
        "objective": "inner_neuron", "layer": "core_features_layer0", "channel": 4,
        "reducer": slice_mean(20, 10),
    },
}  # fmt: skip

# Only these also in float64: the others exercise the same model gradient.
FLOAT64_GRADIENTS = [
    "increase_3_mean",
    "increase_1_5_17_slice_10_10",
    "decrease_30_slice_0_20",
]


def one_gradient(
    model: BaseCoreReadout, run: dict[str, Any], x: torch.Tensor
) -> tuple[float, torch.Tensor]:
    """Objective value and its gradient [C,T,H,W] at x[C,T,H,W]."""
    stimulus = x[None].clone().requires_grad_(True)
    value = make_objective(model, run).forward(stimulus)
    value.backward()
    return value.item(), stimulus.grad[0]


def write_gradients(directory: Path, models: dict[str, Any], x: torch.Tensor) -> list[dict]:
    """Objective values and gradients, in float32 and for some in float64."""
    entries = []
    for name, run in GRADIENTS.items():
        run = {"session": None} | run
        samples = GRADIENT_SAMPLES if name in FLOAT64_GRADIENTS else GRADIENT_SAMPLES[:1]
        entry = {"name": name, "samples": samples} | run | {"files": {}}
        precisions = ["f32"] + (["f64"] if name in FLOAT64_GRADIENTS else [])
        for precision in precisions:
            dtype = torch.float32 if precision == "f32" else torch.float64
            suffix, code = ("", "<f4") if precision == "f32" else ("_f64", "<f8")
            results = [one_gradient(models[precision], run, x[b].to(dtype)) for b in samples]
            files = {
                f"objective{suffix}": f"objective_{name}{suffix}.npy",
                f"gradient{suffix}": f"gradient_{name}{suffix}.npy",
            }
            values = np.array([value for value, _ in results])
            gradients = torch.stack([gradient for _, gradient in results])
            peer_tools.save_array(directory / files[f"objective{suffix}"], values, code)
            peer_tools.save_array(directory / files[f"gradient{suffix}"], gradients, code)
            entry["files"] |= files
        entries.append(entry)
    return entries


def strongest_neurons(model: BaseCoreReadout, count: int) -> list[tuple[str, int]]:
    """The best predicted neuron of each of `count` different cell types."""
    info = model.data_info
    ranked = sorted(
        (
            (float(correlation), session, n)
            for session, correlations in info["pretrained_performance"].items()
            for n, correlation in enumerate(correlations)
        ),
        reverse=True,
    )
    chosen: list[tuple[str, int]] = []
    groups: set[int] = set()
    for _, session, n in ranked:
        group = int(info["sessions_kwargs"][session]["group_assignment"][n])
        if group not in groups and len(chosen) < count:
            groups.add(group)
            chosen.append((session, n))
    return chosen


def first_indices(model: BaseCoreReadout) -> dict[str, int]:
    """Where each session begins among the neurons of all sessions."""
    counts = model.data_info["n_neurons_dict"]
    sessions = model.readout.sessions
    return {s: sum(counts[t] for t in sessions if t < s) for s in sessions}


def optimisation_runs(model: BaseCoreReadout) -> list[dict[str, Any]]:
    """All optimisations: openretina's presets, and one for each kind of setting besides."""
    strongest = strongest_neurons(model, 4)
    first_index = first_indices(model)
    runs = []
    for session, n in strongest[:3]:
        runs.append(
            {
                "name": f"notebook_{first_index[session] + n}",
                "preset": "notebook",
                "session": session,
                "neurons": [n],
                "objective": "increase",
                "reducer": slice_mean(10, 10),
                "optimizer": {"name": "SGD", "lr": 10.0},
                "postprocessors": [norm_clip(5.0)],
                "postprocess_initial": True,
                "penalties": [],
                "stopper": {"max_iterations": 10},
                "frames": FRAMES,
                "initial_scale": 0.1,
            }
        )
    session, n = strongest[3]
    runs.append(
        {
            "name": f"cli_{first_index[session] + n}",
            "preset": "cli",
            "session": session,
            "neurons": [n],
            "objective": "increase",
            "reducer": slice_mean(10, 10),
            "optimizer": {"name": "SGD", "lr": 100.0},
            "postprocessors": [norm_clip(30.0)],
            "postprocess_initial": True,
            "penalties": [
                {"name": "range", "min_max": BOUNDS, "max_norm": 30.0, "factor": 0.1},
            ],
            "stopper": {"max_iterations": 10},
            "frames": FRAMES,
            "initial_scale": 0.1,
        }
    )
    session, n = strongest[0]
    runs.append(
        {
            "name": "adam_range",
            "session": session,
            "neurons": [n],
            "objective": "increase",
            "reducer": MEAN,
            "optimizer": {"name": "Adam", "lr": 0.05},
            "postprocessors": [CLIP],
            "postprocess_initial": False,
            # Narrower than the clip, or the penalty would never be felt.
            "penalties": [
                {
                    "name": "range", "min_max": [[-0.5, 1.0], [None, 0.8]], "max_norm": 20.0,
                    "factor": 0.1,
                },
            ],
            "stopper": {"max_iterations": 30, "patience": 3, "min_delta": 0.001},
            "frames": FRAMES,
            "initial_scale": 0.1,
        }
    )  # fmt: skip
    runs.append(
        {
            "name": "momentum_lowpass",
            "session": None,
            "neurons": [2, 21, 33],
            "objective": "increase",
            "reducer": slice_mean(5, 10),
            "optimizer": {"name": "SGD", "lr": 5.0, "momentum": 0.9},
            "postprocessors": [
                {"name": "temporal_gaussian", "sigma": 0.5, "kernel_size": 5},
                {"name": "clip", "min_max": BOUNDS},
            ],
            "postprocess_initial": True,
            "penalties": [
                {"name": "range", "min_max": BOUNDS, "max_norm": 10.0, "factor": 0.05},
            ],
            "stopper": {"max_iterations": 30, "patience": 3, "min_delta": 0.0},
            "frames": 45,
            "initial_scale": 0.5,
        }
    )
    session, n = strongest[1]
    runs.append(
        {
            "name": "decrease",
            "session": session,
            "neurons": [n],
            "objective": "decrease",
            "reducer": slice_mean(0, 20),  # longer than the 10 output frames: cut to them
            "optimizer": {"name": "SGD", "lr": 30.0},
            "postprocessors": [norm_clip(60.0)],
            "postprocess_initial": False,
            "penalties": [],
            "stopper": {"max_iterations": 12},
            "frames": 40,
            "initial_scale": 1.0,
        }
    )
    return runs


def relative_difference(a: np.ndarray | torch.Tensor, b: np.ndarray | torch.Tensor) -> float:
    """Largest difference, relative to the largest magnitude."""
    a, b = (np.asarray(v, dtype=np.float64) for v in (a, b))
    return float(np.abs(a - b).max() / np.abs(b).max())


def write_optimisation(
    directory: Path, models: dict[str, Any], run: dict[str, Any], seed: int
) -> dict[str, Any]:
    """One run: initial stimulus to disk first, then optimised from what was written."""
    name = run["name"]
    is_preset = "preset" in run
    rng = np.random.default_rng(seed)
    number = name.rsplit("_", 1)[1] if is_preset else name
    files = {
        "initial": f"initial_{number}.npy",
        "final": f"{name}_final.npy",
        "trace": f"{name}_trace.npy",
        "loss": f"{name}_loss.npy",
        "trace_f64": f"{name}_trace_f64.npy",
    }
    noise = run["initial_scale"] * rng.normal(size=(2, run["frames"], sim.HEIGHT, sim.WIDTH))
    peer_tools.save_array(directory / files["initial"], noise)
    result = {}
    for precision, dtype in (("f32", torch.float32), ("f64", torch.float64)):
        initial = peer_tools.load_tensor(directory / files["initial"], dtype)
        result[precision] = optimise(models[precision], run, initial)
    single, double = result["f32"], result["f64"]
    if run["postprocess_initial"]:
        files["start"] = f"{name}_start.npy"
        peer_tools.save_array(directory / files["start"], single["start"])
    peer_tools.save_array(directory / files["final"], single["final"])
    peer_tools.save_array(directory / files["trace"], single["trace"])
    peer_tools.save_array(directory / files["loss"], single["loss"])
    peer_tools.save_array(directory / files["trace_f64"], double["trace"], "<f8")
    n = min(len(single["trace"]), len(double["trace"]))
    print(f"{name}: objective {single['trace'][0]:.4f} -> {single['final_objective']:.4f}, "
          f"{len(single['trace'])} iterations")  # fmt: skip
    offset = 0 if run["session"] is None else first_indices(models["f32"])[run["session"]]
    return run | {
        "neurons_of_all_sessions": [offset + n for n in run["neurons"]],
        "files": files,
        "iterations_run": len(single["trace"]),
        "stopped_early": len(single["trace"]) < run["stopper"]["max_iterations"],
        "final_objective": single["final_objective"],
        # How far float32 strays from float64 in openretina itself: what a tolerance rests on.
        "float32_against_float64": {
            "iterations_run_f64": len(double["trace"]),
            "trace": relative_difference(single["trace"][:n], double["trace"][:n]),
            "final": relative_difference(single["final"], double["final"]),
        },
    }


def write_responses(directory: Path, model: BaseCoreReadout, x: torch.Tensor) -> dict[str, Any]:
    """Responses of all sessions together and of each."""
    files = {"all": "responses_all.npy"}
    peer_tools.save_array(directory / files["all"], peer_tools.responses(model, x))
    for session in model.readout.sessions:
        files[session] = f"responses_{session}.npy"
        peer_tools.save_array(
            directory / files[session], peer_tools.responses(model, x, session)
        )
    return files


def write_trained(directory: Path) -> None:
    """Everything about the trained checkpoint."""
    checkpoint = directory / "model.ckpt"
    models = {p: load_core_readout_model(str(checkpoint), "cpu").eval() for p in ("f32", "f64")}
    models["f64"].double()
    peer_tools.save_array(directory / "stimulus.npy", stimuli(models["f32"]))
    x = peer_tools.load_tensor(directory / "stimulus.npy")
    sessions = models["f32"].readout.sessions
    content = {
        "checkpoint": checkpoint.name,
        "checkpoint_sha256": peer_tools.sha256(checkpoint),
        "versions": peer_tools.versions(),
        "sessions_sorted": sessions,
        "n_neurons": [models["f32"].data_info["n_neurons_dict"][s] for s in sessions],
        "stimulus": "stimulus.npy",
        "responses": write_responses(directory, models["f32"], x),
        "gradients": write_gradients(directory, models, x),
        "optimisations": [
            write_optimisation(directory, models, run, seed)
            for seed, run in enumerate(optimisation_runs(models["f32"]), start=40)
        ],
        "notes": [
            "neurons count within `session`; without a session, in all sessions in sorted order",
            "trace and loss hold one value an iteration, taken before its step",
            "loss = -objective + penalties; the stop check comes after step and postprocessing",
            "files.start is the initial stimulus after the postprocessors, where they ran on it",
            "penalty min_max null means no bound on that side",
        ],
    }
    peer_tools.save_json(directory / "golden.json", content)


# ------------------------------------------------- postprocessors and penalties by themselves

POSTPROCESSORS = {
    "norm_clip_up": {"name": "norm_clip", "norm": 60.0, "min_max": BOUNDS},
    "norm_clip_down": {"name": "norm_clip", "norm": 5.0, "min_max": BOUNDS},
    "norm_open_bounds": {
        "name": "norm_clip", "norm": 30.0, "min_max": [[None, None], [-0.9, None]],
    },
    "clip": CLIP,
    "clip_open_bounds": {"name": "clip", "min_max": [[None, 0.5], [-0.25, None]]},
    "temporal_gaussian_odd": {"name": "temporal_gaussian", "sigma": 0.5, "kernel_size": 5},
    "temporal_gaussian_wide": {"name": "temporal_gaussian", "sigma": 2.0, "kernel_size": 9},
    "temporal_gaussian_even": {"name": "temporal_gaussian", "sigma": 1.0, "kernel_size": 4},
}  # fmt: skip

PENALTIES = {
    "range": {"name": "range", "min_max": BOUNDS, "max_norm": None, "factor": 1.0},
    "range_norm": {"name": "range", "min_max": BOUNDS, "max_norm": 10.0, "factor": 0.1},
    "range_open_bounds": {
        "name": "range", "min_max": [[None, 0.5], [-0.25, None]], "max_norm": 1e4, "factor": 2.0,
    },
}  # fmt: skip


def write_postprocess(directory: Path) -> None:
    """Input and output of each postprocessor; value and gradient of each penalty."""
    directory.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(21)
    x = 1.5 * rng.normal(size=(2, 2, 12, 6, 5))
    x[1] *= 3.0
    for channel, (low, high) in enumerate(BOUNDS):
        x[0, channel, 0, 0, :2] = low, high  # a value on a bound is not outside: no gradient there
    peer_tools.save_array(directory / "input.npy", x)
    x = peer_tools.load_tensor(directory / "input.npy")
    content: dict[str, Any] = {"input": "input.npy", "postprocessors": [], "penalties": []}
    for name, description in POSTPROCESSORS.items():
        peer_tools.save_array(
            directory / f"{name}_output.npy", make_postprocessor(description).process(x)
        )
        content["postprocessors"].append({"output": f"{name}_output.npy"} | description)
    for name, description in PENALTIES.items():
        stimulus = x.clone().requires_grad_(True)
        value = make_penalty(description).forward(stimulus)
        value.backward()
        peer_tools.save_array(directory / f"{name}_value.npy", value.reshape(1))
        peer_tools.save_array(directory / f"{name}_gradient.npy", stimulus.grad)
        files = {"value": f"{name}_value.npy", "gradient": f"{name}_gradient.npy"}
        content["penalties"].append(files | description)
    content["notes"] = [
        "norm_clip treats each sample by itself; the norm of the range penalty is of all samples",
    ]
    peer_tools.save_json(directory / "postprocess.json", content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--golden", type=Path, default=peer_tools.GOLDEN)
    args = parser.parse_args()
    peer_tools.be_reproducible()
    write_postprocess(args.golden / "postprocess")
    write_trained(args.golden / "trained")


if __name__ == "__main__":
    main()
