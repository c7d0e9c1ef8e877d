# SPDX-License-Identifier: MIT
"""Models of openretina's UnifiedCoreReadout, from what its configuration files can say.

The configurations of openretina's repository are not part of its package; what they can express is
what the constructors of its cores and readouts accept.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf

import peer_tools
from model_case import Case, Subject, concatenated, randomise
from openretina.models.core_readout import (
    BaseCoreReadout,
    ExampleCoreReadout,
    UnifiedCoreReadout,
    load_core_readout_model,
)
from openretina.modules.readout.base import ClonedReadout

# Temporal kernels of 6 frames and more: with fewer there is one sine only, which is 0 everywhere.
CORE = {
    "_target_": "openretina.modules.core.base_core.SimpleCoreWrapper",
    "_convert_": "object",
    "temporal_kernel_sizes": [9, 7],
    "spatial_kernel_sizes": [3, 3],
    "gamma_input": 0.0,
    "gamma_in_sparse": 0.0,
    "gamma_hidden": 0.0,
    "gamma_temporal": 40.0,
    "input_padding": 0,
    "hidden_padding": True,
    "maxpool_every_n_layers": None,
    "downsample_input_kernel_size": None,
    "convolution_type": "custom_separable",
    "dropout_rate": 0.0,
    "cut_first_n_frames": 0,
}

GRU_CORE = {
    "_target_": "openretina.modules.core.gru_core.ConvGRUCore",
    "_convert_": "object",
    "temporal_kernel_sizes": [7, 6],
    "spatial_kernel_sizes": [3, 3],
    "use_gru": True,
    "use_projections": True,
    "gru_kwargs": {
        "rec_channels": 4, "input_kern": 3, "rec_kern": 3, "groups": 1, "gamma_rec": 1,
        "pad_input": True,
    },
}  # fmt: skip

MASKS = {
    "_target_": "openretina.modules.readout.multi_readout.MultiGaussianMaskReadout",
    "_convert_": "object",
    "scale": True,
    "bias": True,
    "gaussian_mean_scale": 6.0,
    "gaussian_var_scale": 4.0,
    "positive": True,
    "mask_l1_reg": 0.4,
    "feature_weights_l1_reg": 0.4,
}

FACTORIZED = {
    "_target_": "openretina.modules.readout.multi_readout.MultiFactorizedReadout",
    "_convert_": "object",
    "mask_l1_reg": 0.1,
    "weights_l1_reg": 0.1,
    "laplace_mask_reg": 0.1,
    "readout_bias": True,
    "weights_constraint": "absnorm",
    "mask_constraint": "abs",
    "init_scales": [[0.0, 0.1], [0.0, 0.1]],
}

POINT = {
    "_target_": "openretina.modules.readout.multi_readout.MultiSampledGaussianReadout",
    "_convert_": "object",
    "bias": True,
    "init_mu_range": 0.9,
    "init_sigma_range": 0.1,
    "gauss_type": "full",
}

DUMMY_CORE = {
    "_target_": "openretina.modules.core.base_core.DummyCore",
    "_convert_": "object",
    "cut_first_n_frames": 3,
}

CONDITIONED_CORE = GRU_CORE | {
    "_target_": "openretina.modules.core.gru_core.ConditionedGRUCore",
    "cond_dim": 3,
}

LNP = {
    "_target_": "openretina.modules.readout.multi_readout.MultipleLNPReadout",
    "_convert_": "object",
    "nonlinearity": "softplus",
    "bias": True,
}

# The general class of readouts with a base class by name; the only way to a cloned readout but LNP.
CLONED_MASKS = {
    "_target_": "openretina.modules.readout.multi_readout.MultiReadoutBase",
    "_convert_": "object",
    "base_readout": {
        "_target_": "hydra.utils.get_class",
        "path": "openretina.modules.readout.factorized_gaussian.GaussianMaskReadout",
    },
    "clone_readout": True,
    "scale": True,
    "bias": True,
    "gaussian_mean_scale": 6.0,
    "gaussian_var_scale": 4.0,
    "positive": True,
}


@dataclass
class Variant(Case):
    """A model of UnifiedCoreReadout: what differs from the settings above, and why it is here."""

    core: dict[str, Any] = field(default_factory=dict)
    readout: dict[str, Any] = field(default_factory=dict)
    base_core: dict[str, Any] = field(default_factory=lambda: CORE)
    base_readout: dict[str, Any] = field(default_factory=lambda: MASKS)
    hidden_channels: tuple[int, ...] | None = (4, 5)
    sessions: dict[str, int] = field(default_factory=lambda: {"only": 3})
    mean_activity: bool = False  # hand the readout mean activities, as trained models have
    # container is lightning: DictConfig hyper-parameters; plain: dicts; example: the older class
    # with keyword arguments; bare: a state dict, the architecture in a YAML file
    dtype: torch.dtype = torch.float32
    extreme_masks: bool = False
    log_speed: float = 0.0
    extra: dict[str, Any] = field(default_factory=dict)  # further arguments of the model
    plain_gradients: bool = False  # the core gets gradients in the plain order of memory

    def __post_init__(self) -> None:
        core, readout = self.base_core | self.core, self.base_readout | self.readout
        kind = core["_target_"].rsplit(".", 1)[1]
        convolution = core.get("convolution_type", "custom_separable")
        self.row = self.row or (kind if kind == "DummyCore" else f"{kind}, {convolution}")
        self.column = self.column or readout["_target_"].rsplit(".", 1)[1]
        if readout.get("clone_readout"):
            self.column = "cloned readout"

    def write(self, folder: Path, generator: torch.Generator) -> dict[str, Any]:
        with repaired_clones(self.patched is not None):
            model = build(self)
        randomise(model, generator, self.readout, self.log_speed)
        if self.extreme_masks:
            make_masks_extreme(model, self)
        if self.container == "bare":
            torch.save(model.state_dict(), folder / "model.pth")
            description = OmegaConf.create(architecture(self))
            OmegaConf.save(description, folder / "architecture.yaml")
            return {"file": "model.pth", "architecture": OmegaConf.to_container(description)}
        peer_tools.save_checkpoint(model.to(self.dtype), folder / "model.ckpt")
        if self.container == "example":
            use_old_names(folder / "model.ckpt")
        return {"file": "model.ckpt"}

    def load(self, folder: Path) -> Subject:
        with repaired_clones(self.patched is not None):
            if self.container == "bare":
                model = UnifiedCoreReadout(**OmegaConf.load(folder / "architecture.yaml"))
                model.load_state_dict(torch.load(folder / "model.pth"))
            else:
                model = load_core_readout_model(str(folder / "model.ckpt"), "cpu")
        if self.plain_gradients:
            model.core.register_forward_hook(order_gradients)
        sessions = {name: self.sessions[name] for name in model.readout.sessions}
        return Subject(model.eval(), sessions, concatenated)


def order_gradients(module: torch.nn.Module, inputs: Any, output: torch.Tensor) -> None:
    """torch 2.13's backward pass of batch normalisation is wrong for some orders in memory."""
    if output.requires_grad:
        output.register_hook(lambda g: torch.empty(g.shape, dtype=g.dtype).copy_(g))


@contextmanager
def repaired_clones(wanted: bool):
    """openretina hands a cloned readout a positional argument that it does not take."""
    original = ClonedReadout.initialize
    if wanted:
        ClonedReadout.initialize = lambda self, *args, **kwargs: original(self)
    try:
        yield
    finally:
        ClonedReadout.initialize = original


# ------------------------------------------------- building


def data_info(variant: Variant) -> dict[str, Any]:
    """The least a model carries about its data."""
    rng = np.random.default_rng(5)
    info: dict[str, Any] = {
        "n_neurons_dict": dict(variant.sessions),
        "input_shape": (variant.in_shape[0], *variant.in_shape[2:]),
        "sessions_kwargs": {
            name: {"group_assignment": np.arange(1, n + 1)} for name, n in variant.sessions.items()
        },
        "stim_mean": 0.0,
        "stim_std": 1.0,
    }
    if variant.mean_activity:
        info["mean_activity_dict"] = {
            name: torch.from_numpy(rng.uniform(0.2, 1.0, n).astype(np.float32))
            for name, n in variant.sessions.items()
        }
    return info


def architecture(variant: Variant) -> dict[str, Any]:
    """The arguments of UnifiedCoreReadout as plain containers."""
    arguments: dict[str, Any] = {
        "in_shape": list(variant.in_shape),
        "n_neurons_dict": dict(variant.sessions),
        "core": variant.base_core | variant.core,
        "readout": variant.base_readout | variant.readout,
        "learning_rate": 0.01,
    } | variant.extra
    if variant.hidden_channels is not None:
        arguments["hidden_channels"] = list(variant.hidden_channels)
    return arguments


def build(variant: Variant) -> BaseCoreReadout:
    """A fresh model of openretina, weights still as its constructors leave them."""
    if variant.container == "example":
        return ExampleCoreReadout(
            in_shape=variant.in_shape,
            hidden_channels=variant.hidden_channels,
            temporal_kernel_sizes=variant.base_core["temporal_kernel_sizes"],
            spatial_kernel_sizes=variant.base_core["spatial_kernel_sizes"],
            n_neurons_dict=dict(variant.sessions),
            data_info=data_info(variant),
            **({"cut_first_n_frames_in_core": 0, "core_hidden_padding": (0, 1, 1)} | variant.extra),
        )
    arguments = architecture(variant)
    if variant.container != "plain":
        arguments = dict(OmegaConf.create(arguments))
    return UnifiedCoreReadout(data_info=data_info(variant), **arguments)


def make_masks_extreme(model: BaseCoreReadout, variant: Variant) -> None:
    state = model.state_dict()
    settings = variant.base_readout | variant.readout
    log_var = torch.tensor([-30.0, -4.5, 0.0, 2.0, 30.0, -2.0])
    mean = torch.tensor(
        [[0.01, 0.02], [0.9, -0.7], [0.0, 0.0], [3.0, -2.0], [0.0, 0.0], [1.6, 0.3]]
    )
    state["readout.only.mask_log_var"].copy_(log_var / settings["gaussian_var_scale"])
    state["readout.only.mask_mean"].copy_(mean / settings["gaussian_mean_scale"])


def use_old_names(path: Path) -> None:
    """Call the readout biases as files of older releases do; the peer renames them back."""
    checkpoint = torch.load(path, weights_only=False)
    checkpoint["state_dict"] = {
        name + "_param" if name.startswith("readout.") and name.endswith(".bias") else name: value
        for name, value in checkpoint["state_dict"].items()
    }
    torch.save(checkpoint, path)
