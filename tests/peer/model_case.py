# SPDX-License-Identifier: MIT
"""What a test model is: how it is made, saved, read back by openretina itself, and asked.

A case knows how to write its files into a folder and how openretina loads them again. Only what was
read back answers, and every answer comes from a fresh copy, because some of openretina's modules
change their weights when they run (weights constrained to unit norm are divided by their norm plus
a little each time).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

import peer_tools

# Inserted in this order, concatenated as a_late, b_early.
TWO_SESSIONS = {"b_early": 2, "a_late": 3}


@dataclass
class Subject:
    """A model as openretina loaded it; respond(model, x, session) gives r [B,T',n]."""

    model: torch.nn.Module
    sessions: dict[str, int]  # names and numbers of neurons, sorted by name
    respond: Callable[[torch.nn.Module, torch.Tensor, str], torch.Tensor]

    def all_responses(self, x: torch.Tensor) -> torch.Tensor:
        """r [B,T',N]: sessions one after the other in sorted order."""
        return torch.cat([self.respond(self.model, x, name) for name in self.sessions], dim=-1)


@dataclass
class Case:
    """One model of the matrix, in the row of its core and the column of its readout."""

    why: str
    row: str = field(default="", kw_only=True)
    column: str = field(default="", kw_only=True)
    container: str = field(default="lightning", kw_only=True)
    fails: str | None = field(default=None, kw_only=True)  # part of openretina's own error
    patched: str | None = field(default=None, kw_only=True)  # what of openretina was repaired
    in_shape: tuple[int, int, int, int] = field(default=(2, 18, 8, 7), kw_only=True)
    n_frames: int | None = field(default=None, kw_only=True)  # of the stimulus; else in_shape's
    batch: int = field(default=2, kw_only=True)  # stimuli

    def write(self, folder: Path, generator: torch.Generator) -> dict[str, Any]:
        """Writes the model's files; returns the `model` section of a job, files relative."""
        raise NotImplementedError

    def load(self, folder: Path) -> Subject:
        """A fresh model, by openretina's own loader."""
        raise NotImplementedError

    def stimulus(self, seed: int) -> np.ndarray:
        shape = list(self.in_shape)
        shape[1] = self.n_frames or shape[1]
        return np.random.default_rng(seed).normal(size=(self.batch, *shape))


def concatenated(model: torch.nn.Module, x: torch.Tensor, session: str) -> torch.Tensor:
    """How models with a readout for each session answer."""
    return model(x, data_key=session)


# ------------------------------------------------- weights


def normal(
    tensor: torch.Tensor, mean: float, sd: float, generator: torch.Generator
) -> torch.Tensor:
    return mean + sd * torch.randn(tensor.shape, generator=generator)


def uniform(
    tensor: torch.Tensor, low: float, high: float, generator: torch.Generator
) -> torch.Tensor:
    return low + (high - low) * torch.rand(tensor.shape, generator=generator)


def randomise(
    model: torch.nn.Module,
    generator: torch.Generator,
    readout: dict[str, Any],
    log_speed: float = 0.0,
) -> None:
    """Give every weight and statistic a value that matters and keep signals of order 1.

    `readout` holds the settings of the readout; biases and scales that it does not train keep the
    values of openretina's constructor.
    """
    mean_scale = readout.get("gaussian_mean_scale", 6.0)
    var_scale = readout.get("gaussian_var_scale", 4.0)
    for name, value in model.state_dict().items():
        leaf = name.rsplit(".", 1)[-1]
        if leaf in ("sin_weights", "cos_weights"):
            new = normal(value, 0.0, 1.0 / value.shape[2], generator)
        elif leaf == "weight_spatial":
            new = normal(value, 0.0, float(np.prod(value.shape[1:])) ** -0.5, generator)
        elif leaf == "running_mean":
            new = normal(value, 0.0, 0.3, generator)
        elif leaf == "running_var":
            new = uniform(value, 0.3, 2.0, generator)
        elif ".norm." in name and leaf == "weight":
            new = uniform(value, 0.5, 1.5, generator) * torch.sign(
                normal(value, 1.0, 0.8, generator)
            )
        elif ".norm." in name and leaf == "bias":
            new = normal(value, 0.0, 0.5, generator)
        elif ".nonlin." in name:
            new = uniform(value, 0.1, 0.4, generator)
        elif name.startswith("core") and leaf == "bias":
            new = normal(value, 0.0, 0.3, generator)
        elif leaf == "_log_speed_default":
            new = torch.full(value.shape, log_speed)
        elif leaf.startswith("log_speed_"):
            # each session its own; the copies in the layers are the same tensor
            new = torch.full(value.shape, 0.3 - 0.1 * (zlib.crc32(leaf.encode()) % 7))
        elif leaf == "mask_mean":
            new = uniform(value, -0.7, 0.7, generator) / mean_scale
        elif leaf == "mask_log_var":
            new = uniform(value, -3.0, 0.5, generator) / var_scale
        elif leaf in ("features", "_features"):
            new = normal(value, 0.3, 0.5, generator)
        elif leaf in ("mask_weights", "feature_weights", "masks"):
            new = normal(value, 0.0, 0.3, generator)
        elif leaf == "_mu":
            new = uniform(value, -1.2, 1.2, generator)  # beyond 1, where the peer clamps
        elif leaf == "weight":
            new = normal(value, 0.0, float(np.prod(value.shape[1:])) ** -0.5, generator)
        elif leaf == "scale_param" and readout.get("scale", True):
            new = uniform(value, 0.5, 1.5, generator)
        elif leaf in ("scale", "scales", "alpha"):
            new = uniform(value, 0.5, 1.5, generator)
        elif leaf in ("bias", "beta") and readout.get("bias", True):
            new = normal(value, 0.2, 0.3, generator)
        elif leaf in ("w", "nl_a", "nl_b"):
            new = uniform(value, 0.5, 1.5, generator)
        elif leaf == "nl_c":
            new = normal(value, 0.0, 0.5, generator)
        else:
            continue  # buffers which are not the model, and biases which are not trained
        value.copy_(new)


# ------------------------------------------------- arrays


def in_double(function: Callable[[], torch.Tensor]) -> torch.Tensor:
    """Runs with float64 as the type of new tensors: the recurrent core starts from such a one."""
    torch.set_default_dtype(torch.float64)
    try:
        return function()
    finally:
        torch.set_default_dtype(torch.float32)


def gradient(subject: Subject, x: torch.Tensor, dr: torch.Tensor) -> torch.Tensor:
    """dx [B,C,T,H,W] of the sum of r * dr."""
    x = x.clone().requires_grad_(True)
    (subject.all_responses(x) * dr).sum().backward()
    return x.grad


def gradients_of_means(subject: Subject, x: torch.Tensor) -> torch.Tensor:
    """dx [N,C,T,H,W] of each neuron's mean response over frames to one stimulus x [1,C,T,H,W]."""
    x = x.clone().requires_grad_(True)
    means = subject.all_responses(x).mean(dim=(0, 1))
    return torch.cat([torch.autograd.grad(mean, x, retain_graph=True)[0] for mean in means])


def load_double(case: Case, folder: Path) -> Subject:
    """In float64; made and read in float32 whatever the default is, as users do."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        subject = case.load(folder)
        subject.model.double()
        return subject
    finally:
        torch.set_default_dtype(default)


def check_lively(name: str, r: torch.Tensor) -> None:
    """Constant responses, or infinite ones, would test nothing; single neurons may be silent."""
    alive = (r.std(dim=(0, 1)) > 1e-4).float().mean()
    if not torch.isfinite(r).all() or alive < 0.5:
        raise RuntimeError(f"{name}: responses are not a useful test: {r}")


def write_case(
    folder: Path, name: str, case: Case, per_session: bool, double: bool
) -> dict[str, Any]:
    """Model, stimulus, responses and the gradient of a random dr; returns their description."""
    folder.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32(name.encode())  # of the name, so that adding one leaves the others alone
    torch.manual_seed(seed)
    model = case.write(folder, torch.Generator().manual_seed(seed))
    peer_tools.save_array(folder / "stimulus.npy", case.stimulus(seed))
    x = peer_tools.load_tensor(folder / "stimulus.npy")
    subject = case.load(folder)
    with torch.no_grad():
        r = subject.all_responses(x)
    check_lively(name, r)
    peer_tools.save_array(folder / "responses_all.npy", r)
    dr = np.random.default_rng(seed + 1).normal(size=r.shape) / math.prod(r.shape[1:]) ** 0.5
    peer_tools.save_array(folder / "dr.npy", dr)
    dr = peer_tools.load_tensor(folder / "dr.npy")
    peer_tools.save_array(folder / "gradient.npy", gradient(case.load(folder), x, dr))
    if per_session:
        means = gradients_of_means(case.load(folder), x[:1])
        peer_tools.save_array(folder / "gradients_of_means.npy", means)
        for session in subject.sessions:
            fresh = case.load(folder)
            with torch.no_grad():
                one = fresh.respond(fresh.model, x, session)
            peer_tools.save_array(folder / f"responses_{session}.npy", one)
    if double:
        with torch.no_grad():
            r64 = in_double(lambda: load_double(case, folder).all_responses(x.double()))
        dx64 = in_double(lambda: gradient(load_double(case, folder), x.double(), dr.double()))
        peer_tools.save_array(folder / "responses_f64.npy", r64, "<f8")
        peer_tools.save_array(folder / "gradient_f64.npy", dx64, "<f8")
    return {
        "name": name,
        "why": case.why,
        "row": case.row,
        "column": case.column,
        "container": case.container,
        "patched": case.patched,
        "model": model,
        "stimulus_shape": list(x.shape),
        "responses_shape": list(r.shape),
        "sessions_sorted": list(subject.sessions),
        "n_neurons": list(subject.sessions.values()),
    }
