#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Golden responses and gradients of openretina's readouts by themselves, option by option.

Every readout gets a small random feature map in place of a core's output, so a model of the core
`dummy` must answer the same. Writes tests/golden/readouts/: readouts.json with the architecture of
every case in the words of docs/model-file.md, and for each case NAME.h5 with

    stimulus [C,T,H,W], responses [T',N], dr [T',N], gradient [C,T,H,W] of sum(dr * responses),
    parameters/...

Parameters are what was stored before the first forward pass, of which the responses are: openretina
changes constrained weights when it uses them. Three modules cannot be made or run as they are;
they are repaired here, and their cases say so under `patched`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Callable

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import openretina.models.spatial_contrast as spatial_contrast
import peer_tools
from openretina.legacy.models import SpatialXFeature3d
from openretina.models.linear_nonlinear import SingleCellSeparatedLNP
from openretina.modules.readout.base import ClonedReadout
from openretina.modules.readout.factorized_gaussian import GaussianMaskReadout
from openretina.modules.readout.gaussian import PointGaussianReadout
from openretina.modules.readout.multi_readout import (
    MultiFactorizedReadout,
    MultipleLNPReadout,
    MultiReadoutBase,
    MultiSampledGaussianReadout,
)
from openretina.modules.readout.spatial_contrast_model_readout import MultiSpatialContrastReadout

FOLDER = peer_tools.GOLDEN / "readouts"
SHAPE = (3, 7, 6, 5)  # of feature maps [C,T,H,W]
GREY = (1, 12, 6, 5)
TWO = {"b": 2, "a": 3}  # inserted in this order, concatenated as a, b

Forward = Callable[[torch.Tensor], torch.Tensor]


@dataclass
class Case:
    """A module, how it answers to x [1,C,T,H,W], and what insilico must be told of it."""

    module: nn.Module
    forward: Forward
    readout: dict[str, Any]
    sessions: dict[str, int] = field(default_factory=lambda: {"a": 3})
    clones: dict[str, str] = field(default_factory=dict)
    prefix: str = "readout."  # of the module's names
    shape: tuple[int, int, int, int] = SHAPE
    patched: str | None = None
    contrast: float = 1.0  # of the feature map


def together(module: nn.Module) -> Forward:
    """Responses of all sessions in sorted order."""
    return lambda x: module(x, data_key=None)


# ------------------------------------------------- masks and features


def factorized(mask: str | None, weights: str | None, bias: bool) -> Case:
    module = MultiFactorizedReadout(
        SHAPE, TWO, 0.1, 0.1, 0.1,
        readout_bias=bias, weights_constraint=weights, mask_constraint=mask,
        init_scales=[(0.0, 0.3), (0.2, 0.5)],
    )  # fmt: skip
    settings = {
        "kind": "factorized", "mask_constraint": mask, "weights_constraint": weights, "bias": bias,
    }  # fmt: skip
    return Case(module, together(module), settings, dict(TWO))


def point(function: str = "softplus", align: bool = True, **kwargs: Any) -> Case:
    """PointGaussianReadout of one or two sessions in its wrapper."""
    shared = "shared_features" in kwargs or "shared_grid" in kwargs
    sessions = {"a": 5} if shared else dict(TWO)
    module = MultiSampledGaussianReadout(
        SHAPE, sessions, bias=True, init_mu_range=0.9, init_sigma_range=0.2, align_corners=align,
        nonlinearity_function=getattr(F, function), **kwargs,
    )  # fmt: skip
    settings = {
        "kind": "point_gaussian", "bias": True, "align_corners": align, "gauss_type": "full",
        "nonlinearity": function,
    }  # fmt: skip
    return Case(module, together(module), settings, sessions)


def point_predicted(tanh: bool) -> Case:
    """The wrapper does not hand source_grid on, so the readout stands by itself."""
    module = nn.ModuleDict()
    module["a"] = PointGaussianReadout(
        SHAPE, 4, False, gauss_type="isotropic",
        grid_mean_predictor={"hidden_layers": 2, "hidden_features": 6, "final_tanh": tanh},
        source_grid=np.random.default_rng(3).normal(size=(4, 3)),
    )  # fmt: skip
    settings = {
        "kind": "point_gaussian", "bias": False, "align_corners": True, "gauss_type": "isotropic",
        "nonlinearity": "softplus", "grid_mean_predictor": {"final_tanh": tanh},
    }  # fmt: skip

    def forward(x: torch.Tensor) -> torch.Tensor:
        return F.softplus(module["a"](x[0].transpose(0, 1)))[None]

    return Case(module, forward, settings, {"a": 4})


def spatial_x_feature(**kwargs: bool) -> Case:
    module = nn.ModuleDict({"a": SpatialXFeature3d(
        SHAPE, 3, gaussian_mean_scale=6.0, gaussian_var_scale=4.0, **kwargs,
    )})  # fmt: skip
    settings = {"kind": "spatial_x_feature", "gaussian_mean_scale": 6.0, "gaussian_var_scale": 4.0}
    patched = None
    if not kwargs["gaussian_masks"]:
        patched = "free masks: openretina assigns a tensor to a parameter, which torch refuses"
        masks = 50 * module["a"].masks.data  # of order 1
        del module["a"].masks
        module["a"].register_buffer("masks", masks)
    return Case(module, module["a"], settings | kwargs, {"a": 3}, patched=patched)


# ------------------------------------------------- clones


def repaired_clones() -> None:
    """MultiReadoutBase hands initialize() the mean activity by place; a clone takes none."""
    original = ClonedReadout.initialize
    ClonedReadout.initialize = lambda self, *args, **kwargs: original(self)


CLONES_PATCHED = "ClonedReadout.initialize() accepts the argument it is called with"


def cloned_gaussian() -> Case:
    repaired_clones()
    # the first inserted is the original
    module = MultiReadoutBase(
        SHAPE, {"b": 3, "a": 3}, GaussianMaskReadout, clone_readout=True,
        gaussian_mean_scale=6.0, gaussian_var_scale=4.0, positive=True, scale=True, bias=True,
    )  # fmt: skip
    settings = {
        "kind": "gaussian_mask", "gaussian_mean_scale": 6.0, "gaussian_var_scale": 4.0,
        "positive": True, "scale": True, "bias": True,
    }  # fmt: skip
    return Case(module, together(module), settings, {"b": 3, "a": 3}, {"a": "b"},
                patched=CLONES_PATCHED)  # fmt: skip


def cloned_point() -> Case:
    case = point()
    case.module["c"] = ClonedReadout(case.module["a"])
    case.sessions["c"] = case.sessions["a"]
    case.clones = {"c": "a"}
    case.patched = "the wrapper cannot clone: the clone is put into it afterwards"
    return case


# ------------------------------------------------- linear, and spatial contrast


def lnp(function: str, bias: bool) -> Case:
    module = MultipleLNPReadout(SHAPE, TWO, nonlinearity=function, bias=bias)
    settings = {"kind": "lnp", "nonlinearity": function, "bias": bias}
    return Case(module, together(module), settings, dict(TWO))


def single_lnp(function: str, rank: int, normalize: bool, crop: list[int] | None) -> Case:
    size = (3, 4) if crop else SHAPE[2:]
    module = SingleCellSeparatedLNP(
        (SHAPE[0], 4, *size), spat_kernel_size=size, rank=rank, nonlinearity=function,
        normalize_weights=normalize,
    )  # fmt: skip
    settings = {
        "kind": "single_lnp", "nonlinearity": function, "normalize_weights": normalize,
        "crop": crop,
    }  # fmt: skip
    top, left = crop or (0, 0)

    def forward(x: torch.Tensor) -> torch.Tensor:
        return module(x[..., top : top + size[0], left : left + size[1]])

    return Case(module, forward, settings, {"cell": 1}, prefix="")


def filters(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Spatial filters that are 0 in places, as those cut at a contour, and temporal ones."""
    rows, columns = np.mgrid[: GREY[2], : GREY[3]]
    centre = rng.uniform(1, 3.5, (2, n, 1, 1))
    distance = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2
    space = np.exp(-distance / rng.uniform(1, 4, (n, 1, 1)))
    space[distance > 9] = 0
    time = np.sin(np.arange(5) * rng.uniform(0.6, 1.4, (n, 1))) + 0.2
    return space.astype(np.float32), time.astype(np.float32)


def contrast_many(contrast: float) -> Case:
    rng = np.random.default_rng(7)
    drawn = {name: filters(n, rng) for name, n in TWO.items()}
    module = MultiSpatialContrastReadout(
        GREY, TWO,
        {name: torch.from_numpy(space) for name, (space, _) in drawn.items()},
        {name: torch.from_numpy(time) for name, (_, time) in drawn.items()},
    )  # fmt: skip
    settings = {"kind": "spatial_contrast"}
    return Case(module, together(module), settings, dict(TWO), shape=GREY, contrast=contrast)


def contrast_single(crop_size: tuple[int, int] | None, contrast: float) -> Case:
    """Filters come from files of spike-triggered averages: they are handed in instead."""
    space, time = filters(1, np.random.default_rng(8))
    spatial_contrast.load_sta_and_extract_filters = lambda **_: (
        space[0], time[0], {"center_y": 3.0, "center_x": 1.0},
    )  # fmt: skip
    spatial_contrast.get_local_file_path = lambda path: path
    module = spatial_contrast.SingleCellSpatialContrast(
        GREY, "none", "none.npy", spat_crop_size=crop_size
    )
    bounds = module._crop_bounds
    settings = {
        "kind": "single_spatial_contrast", "crop": [bounds[0], bounds[2]] if bounds else None,
    }  # fmt: skip
    return Case(
        module, module, settings, {"cell": 1}, prefix="", shape=GREY, contrast=contrast
    )  # fmt: skip


def foreign_grid(n: int) -> dict[str, Any]:
    """Three places for five neurons, which another readout owns."""
    grid = nn.Parameter(torch.zeros(1, n, 1, 2))
    return {"match_ids": np.array([2, 0, 1, 0, 2]), "shared_grid": grid}


CASES: dict[str, Callable[[], Case]] = {
    "factorized": partial(factorized, None, None, False),
    "factorized_abs": partial(factorized, "abs", "abs", True),
    "factorized_norm": partial(factorized, None, "norm", True),
    "factorized_absnorm": partial(factorized, "abs", "absnorm", True),
    "point_gaussian": point,
    "point_gaussian_edges": partial(point, "elu", False),
    "point_gaussian_shared_features": partial(
        point, shared_features={"match_ids": np.array([1, 0, 1, 7, 0])}
    ),
    "point_gaussian_shared_grid": partial(
        point, "sigmoid", shared_grid={"match_ids": np.array([1, 0, 1, 7, 0])}
    ),
    "point_gaussian_foreign_grid": lambda: point(shared_grid=foreign_grid(3)),
    "point_gaussian_predicted": partial(point_predicted, False),
    "point_gaussian_predicted_tanh": partial(point_predicted, True),
    "spatial_x_feature": partial(
        spatial_x_feature, gaussian_masks=True, scale=True, bias=True, positive=True
    ),
    "spatial_x_feature_free": partial(
        spatial_x_feature, gaussian_masks=False, scale=False, bias=True
    ),
    "spatial_x_feature_linear": partial(
        spatial_x_feature, gaussian_masks=True, scale=False, bias=False, nonlinearity=False
    ),
    "lnp": partial(lnp, "exp", False),
    "lnp_softplus": partial(lnp, "softplus", True),
    "single_lnp": partial(single_lnp, "parametrized_softplus", 2, True, None),
    "single_lnp_crop": partial(single_lnp, "softplus", 1, False, [2, 1]),
    "spatial_contrast": partial(contrast_many, 1.0),
    "spatial_contrast_below_floor": partial(contrast_many, 1e-4),
    "single_spatial_contrast": partial(contrast_single, None, 1.0),
    "single_spatial_contrast_crop": partial(contrast_single, (4, 3), 1.0),
    "single_spatial_contrast_faint": partial(contrast_single, None, 1e-4),
    "cloned_gaussian_mask": cloned_gaussian,
    "cloned_point_gaussian": cloned_point,
}  # fmt: skip


# ------------------------------------------------- running


def randomise(module: nn.Module, generator: torch.Generator) -> None:
    """Values of order 1 for everything that is trained; filters stay."""
    for name, value in module.named_parameters():
        leaf = name.rsplit(".", 1)[-1]
        if not value.requires_grad:
            continue
        noise = torch.randn(value.shape, generator=generator)
        if leaf == "_mu":
            new = 0.8 * noise  # some beyond 1, where openretina clamps
        elif leaf == "mask_mean":
            new = 0.08 * noise
        elif leaf == "mask_log_var":
            new = -0.3 + 0.2 * noise
        elif leaf in ("scale_param", "scale", "scales", "alpha", "nl_a", "nl_b", "w", "a"):
            new = 1 + 0.3 * noise
        elif leaf in ("bias", "beta", "nl_c", "b"):
            new = 0.3 * noise
        elif value.ndim == 5:
            new = noise * float(np.prod(value.shape[1:])) ** -0.5
        else:
            new = 0.5 * noise
        value.data = new.to(value.dtype)


def parameters(case: Case) -> dict[str, np.ndarray]:
    """The state dict under insilico's names, without what is not the model."""
    out = {}
    for name, value in case.module.state_dict().items():
        leaf = name.rsplit(".", 1)[-1]
        unused = leaf in ("grid", "sigma") or "regularizer" in name or "_reg_fn" in name
        unused |= leaf == "bias" and case.readout["kind"] == "spatial_contrast"
        if unused or "._source." in name:
            continue
        out[case.prefix + name] = value.detach().clone().numpy()
    return out


def architecture(case: Case) -> dict[str, Any]:
    sessions = []
    for name in sorted(case.sessions):
        clone = {"clone_of": case.clones[name]} if name in case.clones else {}
        sessions.append({"name": name, "n_neurons": case.sessions[name]} | clone)
    return {
        "in_shape": list(case.shape),
        "core": {"kind": "dummy", "cut_first_n_frames": 0},
        "readout": case.readout,
        "sessions": sessions,
    }


def make(name: str, seed: int) -> dict[str, Any]:
    """Writes one case; returns its entry of readouts.json."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    case = CASES[name]()
    randomise(case.module, generator)
    case.module.eval()
    stored = parameters(case)
    x = case.contrast * torch.randn((1, *case.shape), generator=generator)
    x.requires_grad_(True)
    r = case.forward(x)
    dr = torch.randn(r.shape, generator=generator)
    (dr * r).sum().backward()
    arrays = {"stimulus": x[0], "responses": r[0], "dr": dr[0], "gradient": x.grad[0]}
    with h5py.File(FOLDER / f"{name}.h5", "w") as file:
        for key, value in arrays.items():
            file.create_dataset(key, data=value.detach().numpy())
        for key, value in stored.items():
            file.create_dataset(f"parameters/{key}", data=value)
    entry = {"name": name, "architecture": architecture(case), "parameters": list(stored)}
    return entry | ({"patched": case.patched} if case.patched else {})


def main() -> None:
    peer_tools.be_reproducible()
    FOLDER.mkdir(exist_ok=True)
    cases = [make(name, seed) for seed, name in enumerate(CASES, start=1)]
    peer_tools.save_json(
        Path(FOLDER / "readouts.json"), {"versions": peer_tools.versions(), "cases": cases}
    )


if __name__ == "__main__":
    main()
