# SPDX-License-Identifier: MIT
"""Models of openretina beside UnifiedCoreReadout: spatial contrast, single cells, ensembles."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

import peer_tools
from core_readouts import Variant
from model_case import TWO_SESSIONS, Case, Subject, concatenated, randomise
from openretina.legacy.models import SFB3d_core_SxF3d_readout, SpatialXFeature3d
from openretina.models.core_readout import load_core_readout_model
from openretina.models.linear_nonlinear import SingleCellSeparatedLNP
from openretina.models.spatial_contrast import SingleCellSpatialContrast, SpatialContrastCoreReadout
from openretina.modules.layers.ensemble import EnsembleModel
from openretina.utils.nnfabrik_model_loading import (
    Center,
    load_ensemble_retina_model_from_directory,
)

# ------------------------------------------------- spatial contrast


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """openretina stores the path of STA files as it is given; a relative one names no machine."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def synthetic_sta(rng: np.random.Generator, n_frames: int, height: int, width: int) -> np.ndarray:
    """A biphasic time course times a Gaussian somewhere, with a little noise."""
    y, x = np.mgrid[:height, :width]
    cy, cx = rng.uniform(0.3, 0.7, 2) * (height, width)
    space = np.exp(-0.5 * (((y - cy) / 1.3) ** 2 + ((x - cx) / 1.6) ** 2))
    t = np.linspace(-1, 0, n_frames)
    time = np.exp(-0.5 * ((t + 0.25) / 0.15) ** 2) - 0.6 * np.exp(-0.5 * ((t + 0.6) / 0.2) ** 2)
    sta = time[:, None, None] * space * rng.choice([-1, 1])
    return (sta + rng.normal(0, 0.01, sta.shape)).astype(np.float32)


@dataclass
class SpatialContrast(Case):
    """SpatialContrastCoreReadout: no core, filters from STA files, four numbers a neuron."""

    settings: dict[str, Any] = field(default_factory=dict)
    sessions: dict[str, int] = field(default_factory=lambda: dict(TWO_SESSIONS))
    sta_shape: tuple[int, int, int] = (9, 8, 7)
    broken_sta: bool = False  # one file holds NaN: openretina gives that neuron empty filters
    row: str = field(default="DummyCore", kw_only=True)
    column: str = field(default="MultiSpatialContrastReadout", kw_only=True)
    in_shape: tuple[int, int, int, int] = field(default=(1, 18, 8, 7), kw_only=True)

    def write(self, folder: Path, generator: torch.Generator) -> dict[str, Any]:
        rng = np.random.default_rng(int(generator.initial_seed()))
        (folder / "stas").mkdir(exist_ok=True)
        for session, n in self.sessions.items():
            for cell in range(n):
                sta = synthetic_sta(rng, *self.sta_shape)
                if self.broken_sta and cell == 1:
                    sta[0, 0, 0] = np.nan
                np.save(folder / "stas" / f"cell_data_{session}_WN_stas_cell_{cell}.npy", sta)
        info = {
            "n_neurons_dict": dict(self.sessions),
            "input_shape": (1, *self.in_shape[2:]),
            "sessions_kwargs": {
                name: {"cell_indices": list(range(n))} for name, n in self.sessions.items()
            },
            "stim_mean": 0.0,
            "stim_std": 1.0,
        }
        with inside(folder):
            model = SpatialContrastCoreReadout(
                in_shape=self.in_shape, n_neurons_dict=dict(self.sessions), sta_dir="stas",
                data_info=info, **self.settings,
            )  # fmt: skip
        randomise(model, generator, {})
        peer_tools.save_checkpoint(model, folder / "model.ckpt")
        return {"file": "model.ckpt"}

    def load(self, folder: Path) -> Subject:
        with inside(folder):
            model = SpatialContrastCoreReadout.load_from_checkpoint(
                "model.ckpt", map_location="cpu", weights_only=False
            )
        sessions = {name: self.sessions[name] for name in sorted(self.sessions)}
        return Subject(model.eval(), sessions, concatenated)


# ------------------------------------------------- single cells


@dataclass
class SingleLNP(Case):
    """SingleCellSeparatedLNP. Its checkpoints hold no settings, so a job must give them.

    Its forward pass takes the patch around the cell; only its training crops. `on_patch`: the
    stimulus is that patch.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    on_patch: bool = True
    row: str = field(default="single cell", kw_only=True)
    column: str = field(default="SingleCellSeparatedLNP", kw_only=True)
    in_shape: tuple[int, int, int, int] = field(default=(2, 7, 5, 4), kw_only=True)
    n_frames: int | None = field(default=18, kw_only=True)

    def arguments(self) -> dict[str, Any]:
        whole = {"in_shape": self.in_shape, "spat_kernel_size": self.in_shape[2:]}
        return whole | {"nonlinearity": "softplus"} | self.settings

    def write(self, folder: Path, generator: torch.Generator) -> dict[str, Any]:
        model = SingleCellSeparatedLNP(**self.arguments())
        randomise(model, generator, {})
        peer_tools.save_checkpoint(model, folder / "model.ckpt")
        arguments = self.arguments()
        readout: dict[str, Any] = {
            "nonlinearity": arguments["nonlinearity"],
            "normalize_weights": arguments.get("normalize_weights", True),
        }
        if not self.on_patch:
            corners = zip(model.location, model.kernel_size, strict=True)
            readout["crop"] = [centre - size // 2 for centre, size in corners]
        architecture = {"in_shape": list(self.in_shape), "readout": readout}
        return {"file": "model.ckpt", "architecture": architecture}

    def load(self, folder: Path) -> Subject:
        model = SingleCellSeparatedLNP.load_from_checkpoint(
            folder / "model.ckpt", map_location="cpu", weights_only=False, **self.arguments()
        )

        def respond(model: torch.nn.Module, x: torch.Tensor, session: str) -> torch.Tensor:
            return model(x if self.on_patch else model.crop_input(x))

        return Subject(model.eval(), {"cell": 1}, respond)


@dataclass
class SingleContrast(Case):
    """SingleCellSpatialContrast; with a crop, its place is not in the checkpoint."""

    settings: dict[str, Any] = field(default_factory=dict)
    sta_shape: tuple[int, int, int] = (9, 8, 7)
    row: str = field(default="single cell", kw_only=True)
    column: str = field(default="SingleCellSpatialContrast", kw_only=True)
    in_shape: tuple[int, int, int, int] = field(default=(1, 18, 8, 7), kw_only=True)

    def write(self, folder: Path, generator: torch.Generator) -> dict[str, Any]:
        rng = np.random.default_rng(int(generator.initial_seed()))
        (folder / "stas").mkdir(exist_ok=True)
        sta = synthetic_sta(rng, *self.sta_shape)
        np.save(folder / "stas" / "cell_data_01_WN_stas_cell_2.npy", sta)
        with inside(folder):
            model = SingleCellSpatialContrast(
                in_shape=self.in_shape, sta_dir="stas",
                sta_file_name="cell_data_01_WN_stas_cell_2.npy", **self.settings,
            )  # fmt: skip
        randomise(model, generator, {})
        peer_tools.save_checkpoint(model, folder / "model.ckpt")
        if model._crop_bounds is None:
            return {"file": "model.ckpt"}
        top, _, left, _ = model._crop_bounds
        architecture = {"in_shape": list(self.in_shape), "readout": {"crop": [top, left]}}
        return {"file": "model.ckpt", "architecture": architecture}

    def load(self, folder: Path) -> Subject:
        with inside(folder):
            model = SingleCellSpatialContrast.load_from_checkpoint(
                "model.ckpt", map_location="cpu", weights_only=False
            )
        return Subject(model.eval(), {"cell": 1}, concatenated)


# ------------------------------------------------- ensembles


@dataclass
class Ensemble(Case):
    """EnsembleModel of several checkpoints of one kind."""

    member: Variant = field(default_factory=lambda: Variant("a member"))
    n: int = 3
    container: str = field(default="ensemble", kw_only=True)

    def write(self, folder: Path, generator: torch.Generator) -> dict[str, Any]:
        files = []
        for k in range(self.n):
            part = folder / f"member_{k}"
            part.mkdir(exist_ok=True)
            self.member.write(part, generator)
            part.joinpath("model.ckpt").rename(folder / f"member_{k}.ckpt")
            part.rmdir()
            files.append(f"member_{k}.ckpt")
        return {"files": files}

    def load(self, folder: Path) -> Subject:
        members = [
            load_core_readout_model(str(folder / f"member_{k}.ckpt"), "cpu") for k in range(self.n)
        ]
        sessions = {name: self.member.sessions[name] for name in sorted(self.member.sessions)}
        return Subject(EnsembleModel(*members).eval(), sessions, concatenated)


# As the configurations of the published ensemble, small. Tuples travel as !!python/tuple.
LEGACY = {
    "hidden_channels": (4, 5),
    "temporal_kernel_size": (9, 7),
    "spatial_kernel_size": (3, 3),
    "layers": 2,
    "gamma_hidden": 0.0,
    "gamma_input": 0.0,
    "gamma_temporal": 40.0,
    "gamma_in_sparse": 0.0,
    "final_nonlinearity": True,
    "core_bias": False,
    "momentum": 0.1,
    "input_padding": False,
    "hidden_padding": True,
    "batch_norm": True,
    "batch_norm_scale": False,
    "laplace_padding": None,
    "batch_adaptation": True,
    "readout_scale": True,
    "readout_bias": True,
    "gaussian_masks": True,
    "gamma_readout": 0.4,
    "gaussian_mean_scale": 6.0,
    "gaussian_var_scale": 4.0,
    "initialize_from_roi_masks": False,
    "readout_positive": True,
    "stack": -1,
    "readout_reg_avg": False,
    "nonlinearity": "ELU",
    "conv_type": "custom_separable",
}


@contextmanager
def runnable_free_masks(wanted: bool) -> Iterator[None]:
    """openretina assigns a plain tensor where torch insists on a parameter."""
    original = SpatialXFeature3d.get_masks
    if wanted:
        SpatialXFeature3d.get_masks = lambda self: (
            original(self) if self.gaussian_masks else torch.nn.Parameter(self.masks.data.abs())
        )
    try:
        yield
    finally:
        SpatialXFeature3d.get_masks = original


@dataclass
class Legacy(Case):
    """The folder of a published ensemble: configuration, data_info and weights of each seed."""

    settings: dict[str, Any] = field(default_factory=dict)
    sessions: dict[str, int] = field(default_factory=lambda: dict(TWO_SESSIONS))
    seeds: tuple[int, ...] = (0, 1000)
    zipped: bool = False  # the weights in the format of torch 1.6 and newer
    model_fn: str = "nnfabrik_euler.models.models.SFB3d_core_SxF3d_readout"
    center: list[float] | None = None
    as_size: bool = False  # input_dimensions as torch.Size
    row: str = field(default="legacy core", kw_only=True)
    column: str = field(default="SpatialXFeature3d", kw_only=True)
    container: str = field(default="legacy ensemble", kw_only=True)

    def data_info(self, generator: torch.Generator) -> dict[str, Any]:
        rng = np.random.default_rng(int(generator.initial_seed()))
        shape = (BATCH_OF_TRAINING, *self.in_shape)
        return {
            name: {
                "input_dimensions": torch.Size(shape) if self.as_size else shape,
                "input_channels": self.in_shape[0],
                "output_dimension": n,
                "img_mean": 0.0,
                "img_std": 1.0,
                "mean_response": rng.uniform(0.2, 1.0, n).astype(np.float32),
                "roi_coords": rng.uniform(0, 8, (n, 2)).astype(np.float32),
                "group_assignment": np.arange(1, n + 1),
            }
            for name, n in self.sessions.items()
        }

    def write(self, folder: Path, generator: torch.Generator) -> dict[str, Any]:
        info = self.data_info(generator)
        config = LEGACY | self.settings
        for seed in self.seeds:
            model = SFB3d_core_SxF3d_readout(None, seed=seed, data_info=info, **config)
            randomise(model, generator, {})
            torch.save(
                model.state_dict(), folder / f"state_dict_{seed:05d}.pth.tar",
                _use_new_zipfile_serialization=self.zipped,
            )  # fmt: skip
            (folder / f"data_info_{seed:05d}.pkl").write_bytes(pickle.dumps(info, protocol=4))
            (folder / f"config_{seed:05d}.yaml").write_text(
                yaml.dump({"model_fn": self.model_fn, "model_config": config, "seed": seed})
            )
        return {"file": "."} | ({} if self.center is None else {"center_readout": self.center})

    def load(self, folder: Path) -> Subject:
        center = None if self.center is None else Center(self.center)
        with contextlib.redirect_stdout(io.StringIO()):
            _, model = load_ensemble_retina_model_from_directory(str(folder), "cpu", center)
        sessions = {name: self.sessions[name] for name in sorted(self.sessions)}

        def respond(model: torch.nn.Module, x: torch.Tensor, session: str) -> torch.Tensor:
            with runnable_free_masks(self.patched is not None):
                return model(x, data_key=session)

        return Subject(model.eval(), sessions, respond)


BATCH_OF_TRAINING = 32
