#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small untrained checkpoints which cover what openretina's default model family can vary.

Every variant has random weights, batch-norm statistics and masks, so that each term of the
model shows in the responses. Checkpoints are written by Lightning, read back by openretina's own
loader, and only the model which was read back computes the golden arrays. Writes

    tests/golden/variants/<name>/     default family: must be supported
    tests/golden/unsupported/<name>/  other cores and readouts, for error messages at first

each with model.ckpt (or model.pth), stimulus.npy [B,C,T,H,W], responses_all.npy [B,T',N] and
gradient.npy [B,C,T,H,W], the gradient of each sample's mean response over frames and neurons.
"""

from __future__ import annotations

import argparse
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf

import peer_tools
from openretina.models.core_readout import (
    BaseCoreReadout,
    ExampleCoreReadout,
    UnifiedCoreReadout,
    load_core_readout_model,
)

BATCH = 2
# Inserted in this order, concatenated as a_late, b_early.
TWO_SESSIONS = {"b_early": 2, "a_late": 3}

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

LNP = {
    "_target_": "openretina.modules.readout.multi_readout.MultipleLNPReadout",
    "_convert_": "object",
    "nonlinearity": "softplus",
    "bias": True,
}


@dataclass
class Variant:
    """One checkpoint: what differs from the defaults above, and why it is here."""

    why: str
    core: dict[str, Any] = field(default_factory=dict)
    readout: dict[str, Any] = field(default_factory=dict)
    base_core: dict[str, Any] = field(default_factory=lambda: CORE)
    base_readout: dict[str, Any] = field(default_factory=lambda: MASKS)
    in_shape: tuple[int, int, int, int] = (2, 18, 8, 7)
    hidden_channels: tuple[int, ...] | None = (4, 5)
    sessions: dict[str, int] = field(default_factory=lambda: {"only": 3})
    mean_activity: bool = False  # hand the readout mean activities, as trained models have
    # lightning: DictConfig hyper-parameters; plain: dicts; example: the older class with keyword
    # arguments; bare: a state dict beside a YAML file
    container: str = "lightning"
    dtype: torch.dtype = torch.float32
    extreme_masks: bool = False
    log_speed: float = 0.0


VARIANTS = {
    "one_layer": Variant(
        "a single layer; readout with neither scale, bias nor positivity, mask scales 1",
        core={"temporal_kernel_sizes": [8], "spatial_kernel_sizes": [3]},
        readout={
            "scale": False, "bias": False, "positive": False,
            "gaussian_mean_scale": 1.0, "gaussian_var_scale": 1.0,
        },
        hidden_channels=(4,),
    ),
    "three_layers": Variant(
        "three layers of different widths and kernels; two sessions, inserted out of order",
        core={"temporal_kernel_sizes": [9, 7, 6], "spatial_kernel_sizes": [5, 3, 3]},
        hidden_channels=(4, 6, 3),
        sessions=TWO_SESSIONS,
    ),
    "even_kernels_same": Variant(
        "even kernels with 'same' padding, which puts the extra zero on the right",
        core={
            "temporal_kernel_sizes": [8, 6], "spatial_kernel_sizes": [4, 2],
            "input_padding": True, "hidden_padding": "same",
        },
    ),
    "int_padding": Variant(
        "padding given as one number for time and space alike: the clip grows in time too",
        core={"input_padding": 1, "hidden_padding": 2},
    ),
    "triple_padding": Variant(
        "padding given as (time, height, width)",
        core={"input_padding": [1, 2, 0], "hidden_padding": [2, 0, 1]},
        sessions=TWO_SESSIONS,
    ),
    "cut_first_frames": Variant(
        "'same' padding everywhere and the first frames of the core's output dropped",
        core={"input_padding": True, "hidden_padding": True, "cut_first_n_frames": 4},
    ),
    "one_channel": Variant(
        "grey stimuli; no padding anywhere",
        core={"hidden_padding": False},
        in_shape=(1, 18, 8, 7),
        sessions=TWO_SESSIONS,
    ),
    "mask_limits": Variant(
        "very narrow, very wide and outlying masks: both limits of the log variance, the floor of "
        "the Gaussian; negative features, which `positive` sets to 0",
        extreme_masks=True,
        sessions={"only": 6},
    ),
    "fixed_bias": Variant(
        "scale and bias not trained: buffers, of which the bias still holds the mean activity",
        readout={"scale": False, "bias": False},
        mean_activity=True,
        sessions=TWO_SESSIONS,
    ),
    "pooling": Variant(
        "average pooling of the input in time and space, maximum pooling after layers 0 and 2; "
        "odd sizes, so that rows and columns are left over",
        core={
            "temporal_kernel_sizes": [6, 6, 3], "spatial_kernel_sizes": [3, 3, 3],
            "maxpool_every_n_layers": 2, "downsample_input_kernel_size": [2, 2, 1],
        },
        in_shape=(2, 23, 19, 10),
        hidden_channels=(3, 4, 3),
    ),
    "colour_squash": Variant(
        "two channels squashed to grey by fixed weights; channels given by the core itself",
        core={"color_squashing_weights": [0.3, 0.7], "channels": [1, 4, 3]},
        hidden_channels=None,
    ),
    "dropout": Variant(
        "dropout, which is the identity in evaluation",
        core={"dropout_rate": 0.3},
    ),
    "plain_dict": Variant(
        "hyper-parameters as plain dictionaries instead of OmegaConf",
        core={"channels": [2, 4, 5]},
        hidden_channels=None,
        container="plain",
    ),
    "example_core_readout": Variant(
        "the older ExampleCoreReadout: keyword arguments instead of core and readout, and "
        "readout biases called bias_param",
        container="example",
        sessions=TWO_SESSIONS,
    ),
    "bare_state_dict": Variant(
        "a bare torch state dict (model.pth) with its architecture in architecture.yaml",
        container="bare",
        sessions=TWO_SESSIONS,
    ),
    "float64_weights": Variant(
        "state dict in float64; openretina reads it into a float32 model",
        dtype=torch.float64,
    ),
    "float16_weights": Variant(
        "state dict in float16; openretina reads it into a float32 model",
        dtype=torch.float16,
    ),
}  # fmt: skip

UNSUPPORTED = {
    "full_convolution": Variant("plain 3-D convolutions", core={"convolution_type": "full"}),
    "separable_convolution": Variant(
        "convolution in space, then in time across channels",
        core={"convolution_type": "separable", "gamma_temporal": 0.0, "hidden_padding": [0, 1, 1]},
    ),
    "time_independent": Variant(
        "convolutions in space only",
        core={"convolution_type": "time_independent", "hidden_padding": [0, 1, 1]},
    ),
    "gru_core": Variant(
        "ConvGRUCore with projection and recurrence", base_core=GRU_CORE, hidden_channels=(4, 5)
    ),
    "factorized_readout": Variant(
        "free masks with constraints", base_readout=FACTORIZED, sessions=TWO_SESSIONS
    ),
    "point_gaussian_readout": Variant(
        "one sampling point a neuron", base_readout=POINT, sessions=TWO_SESSIONS
    ),
    "lnp": Variant(
        "no core; one spatial kernel a neuron",
        base_core=DUMMY_CORE,
        base_readout=LNP,
        hidden_channels=None,
        sessions=TWO_SESSIONS,
    ),
    "nonzero_log_speed": Variant(
        "a stored default log speed which is not 0 (none is known in the wild): openretina "
        "honours it, so ignoring it silently would be wrong",
        log_speed=0.2,
    ),
}


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
    }
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
            cut_first_n_frames_in_core=0,
            core_hidden_padding=(0, 1, 1),
            data_info=data_info(variant),
        )
    arguments = architecture(variant)
    if variant.container != "plain":
        arguments = dict(OmegaConf.create(arguments))
    return UnifiedCoreReadout(data_info=data_info(variant), **arguments)


def randomise(model: BaseCoreReadout, variant: Variant, generator: torch.Generator) -> None:
    """Give every weight and statistic a value that matters and keep signals of order 1."""

    def normal(tensor: torch.Tensor, mean: float, sd: float) -> torch.Tensor:
        return mean + sd * torch.randn(tensor.shape, generator=generator)

    def uniform(tensor: torch.Tensor, low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(tensor.shape, generator=generator)

    mean_scale = variant.readout.get("gaussian_mean_scale", MASKS["gaussian_mean_scale"])
    var_scale = variant.readout.get("gaussian_var_scale", MASKS["gaussian_var_scale"])
    state = model.state_dict()
    for name, value in state.items():
        leaf = name.rsplit(".", 1)[1]
        if leaf in ("sin_weights", "cos_weights"):
            new = normal(value, 0.0, 1.0 / value.shape[2])
        elif leaf == "weight_spatial":
            new = normal(value, 0.0, float(np.prod(value.shape[1:])) ** -0.5)
        elif leaf == "running_mean":
            new = normal(value, 0.0, 0.3)
        elif leaf == "running_var":
            new = uniform(value, 0.3, 2.0)
        elif ".norm." in name and leaf == "weight":
            new = uniform(value, 0.5, 1.5) * torch.sign(normal(value, 1.0, 0.8))
        elif ".norm." in name and leaf == "bias":
            new = normal(value, 0.0, 0.5)
        elif name.startswith("core") and leaf == "bias":
            new = normal(value, 0.0, 0.3)
        elif leaf == "_log_speed_default":
            new = torch.full(value.shape, variant.log_speed)
        elif leaf == "mask_mean":
            new = uniform(value, -0.7, 0.7) / mean_scale
        elif leaf == "mask_log_var":
            new = uniform(value, -3.0, 0.5) / var_scale
        elif leaf in ("features", "_features"):
            new = normal(value, 0.3, 0.5)
        elif leaf in ("mask_weights", "feature_weights"):
            new = normal(value, 0.0, 0.3)
        elif leaf == "_mu":
            new = uniform(value, -1.2, 1.2)  # beyond 1, where the peer clamps
        elif leaf == "weight":
            new = normal(value, 0.0, float(np.prod(value.shape[1:])) ** -0.5)
        elif leaf == "scale_param" and variant.readout.get("scale", True):
            new = uniform(value, 0.5, 1.5)
        elif leaf == "bias" and variant.readout.get("bias", True):
            new = normal(value, 0.2, 0.3)
        else:
            continue  # buffers which are not the model, and biases which are not trained
        value.copy_(new)
    if variant.extreme_masks:
        log_var = torch.tensor([-30.0, -4.5, 0.0, 2.0, 30.0, -2.0]) / var_scale
        mean = torch.tensor(
            [[0.01, 0.02], [0.9, -0.7], [0.0, 0.0], [3.0, -2.0], [0.0, 0.0], [1.6, 0.3]]
        )
        state["readout.only.mask_log_var"].copy_(log_var)
        state["readout.only.mask_mean"].copy_(mean / mean_scale)


# ------------------------------------------------- writing


def use_old_names(path: Path) -> None:
    """Call the readout biases as files of older releases do; the peer renames them back."""
    checkpoint = torch.load(path, weights_only=False)
    checkpoint["state_dict"] = {
        name + "_param" if name.startswith("readout.") and name.endswith(".bias") else name: value
        for name, value in checkpoint["state_dict"].items()
    }
    torch.save(checkpoint, path)


def write_model(directory: Path, variant: Variant, model: BaseCoreReadout) -> BaseCoreReadout:
    """Write the checkpoint and read it back as a user would."""
    if variant.container == "bare":
        torch.save(model.state_dict(), directory / "model.pth")
        description = OmegaConf.create(architecture(variant))
        OmegaConf.save(description, directory / "architecture.yaml")
        fresh = UnifiedCoreReadout(**OmegaConf.load(directory / "architecture.yaml"))
        fresh.load_state_dict(torch.load(directory / "model.pth"))
        return fresh.eval()
    peer_tools.save_checkpoint(model.to(variant.dtype), directory / "model.ckpt")
    if variant.container == "example":
        use_old_names(directory / "model.ckpt")
    return load_core_readout_model(str(directory / "model.ckpt"), "cpu").eval()


def write_variant(directory: Path, name: str, variant: Variant) -> dict[str, Any]:
    """Everything of one variant; returns its description."""
    directory.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32(name.encode())  # of the name, so that adding one leaves the others alone
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = build(variant)
    randomise(model, variant, generator)
    model = write_model(directory, variant, model)

    noise = np.random.default_rng(seed).normal(size=(BATCH, *variant.in_shape))
    peer_tools.save_array(directory / "stimulus.npy", noise)
    x = peer_tools.load_tensor(directory / "stimulus.npy")
    r = peer_tools.responses(model, x)
    peer_tools.save_array(directory / "responses_all.npy", r)
    peer_tools.save_array(
        directory / "gradient.npy", peer_tools.mean_response_gradient(model, x)
    )
    if not torch.isfinite(r).all() or r.std(dim=1).min() < 1e-4:
        raise RuntimeError(f"{name}: responses are not a useful test: {r}")
    print(f"{name}: {list(x.shape)} -> {list(r.shape)}, mean {r.mean():.3f}, SD {r.std():.3f}")
    file = "model.pth" if variant.container == "bare" else "model.ckpt"
    return {
        "name": name,
        "why": variant.why,
        "model": f"{name}/{file}",
        "architecture": f"{name}/architecture.yaml" if variant.container == "bare" else None,
        "container": variant.container,
        "dtype": str(variant.dtype).removeprefix("torch."),
        "stimulus_shape": list(x.shape),
        "responses_shape": list(r.shape),
        "sessions_sorted": sorted(variant.sessions),
        "n_neurons": [variant.sessions[s] for s in sorted(variant.sessions)],
        "core": variant.base_core | variant.core if variant.container != "example" else None,
        "readout": variant.base_readout | variant.readout
        if variant.container != "example"
        else None,
        "hidden_channels": variant.hidden_channels,
    }


def write_all(directory: Path, variants: dict[str, Variant], index: str) -> None:
    entries = [write_variant(directory / name, name, v) for name, v in variants.items()]
    peer_tools.save_json(
        directory / index, {"versions": peer_tools.versions(), "variants": entries}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--golden", type=Path, default=peer_tools.GOLDEN)
    args = parser.parse_args()
    peer_tools.be_reproducible()
    write_all(args.golden / "variants", VARIANTS, "variants.json")
    write_all(args.golden / "unsupported", UNSUPPORTED, "unsupported.json")


if __name__ == "__main__":
    main()
