#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small untrained files of every class of model that openretina writes, for tests of reading.

Weights are as the constructors leave them but for what the tests ask about; no responses are
computed here. Lightning writes the checkpoints. The readout that clones another one cannot be
constructed by openretina 1.1.1 (ClonedReadout.initialize takes no positional argument), and the
filters of spatial contrast models come from recordings: both are patched, as said where it is done.
Writes tests/golden/kinds/<name>/.
"""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from omegaconf import OmegaConf

import openretina.models.spatial_contrast as spatial_contrast
import peer_tools
from openretina.legacy.models import SFB3d_core_SxF3d_readout
from openretina.models.core_readout import UnifiedCoreReadout
from openretina.models.linear_nonlinear import SingleCellSeparatedLNP
from openretina.modules.readout.base import ClonedReadout

OUT = peer_tools.GOLDEN / "kinds"
MODULES = "openretina.modules."
TWO_SESSIONS = {"b_early": 2, "a_late": 3}
SAME_NEURONS = {"b_early": 3, "a_late": 3}

SIMPLE = {
    "_target_": MODULES + "core.base_core.SimpleCoreWrapper",
    "_convert_": "object",
    "temporal_kernel_sizes": [6],
    "spatial_kernel_sizes": [3],
    "gamma_input": 0.0,
    "gamma_in_sparse": 0.0,
    "gamma_hidden": 0.0,
    "gamma_temporal": 0.0,
    "input_padding": 0,
    "cut_first_n_frames": 0,
}
GRU = {
    "_target_": MODULES + "core.gru_core.ConvGRUCore",
    "_convert_": "object",
    "temporal_kernel_sizes": 6,
    "spatial_kernel_sizes": 3,
}
DUMMY = {"_target_": MODULES + "core.base_core.DummyCore", "_convert_": "object"}

MASKS = {
    "_target_": MODULES + "readout.multi_readout.MultiGaussianMaskReadout",
    "_convert_": "object",
    "scale": True,
    "bias": True,
    "gaussian_mean_scale": 6.0,
    "gaussian_var_scale": 4.0,
    "positive": True,
}
POINT = {
    "_target_": MODULES + "readout.multi_readout.MultiSampledGaussianReadout",
    "_convert_": "object",
    "bias": True,
    "init_mu_range": 0.9,
    "init_sigma_range": 0.1,
}
BASE = {"_target_": MODULES + "readout.multi_readout.MultiReadoutBase", "_convert_": "object"}
LNP = {"_target_": MODULES + "readout.multi_readout.MultipleLNPReadout", "_convert_": "object"}


def base_readout(path: str) -> dict[str, str]:
    """A class by its path, as hydra's configurations name it."""
    return {"_target_": "hydra.utils.get_class", "path": MODULES + "readout." + path}


# name: (core, readout, other arguments of UnifiedCoreReadout, plain dictionaries)
UNIFIED: dict[str, tuple[dict, dict, dict, bool]] = {
    # one number for all kernel sizes, speeds of sessions, a scale instead of a bias, no GRU; the
    # scale of hidden layers lacks an axis, so that there must be as many channels as frames
    "gru_scalar_kernels": (
        GRU | {"batch_adaptation": True, "bias": False, "convolution_type": "separable",
               "nonlinearity": "Softplus", "final_nonlinearity": False},
        MASKS, {"n_neurons_dict": TWO_SESSIONS, "hidden_channels": [4, 8]}, False,
    ),
    "gru_groups": (
        GRU | {"batch_norm_scale": False, "use_gru": True, "input_padding": True,
               "gru_kwargs": {"rec_channels": 6, "input_kern": 2, "rec_kern": 3, "groups": 2,
                              "gamma_rec": 0, "pad_input": False}},
        MASKS, {"hidden_channels": [4]}, False,
    ),
    "cloned_readout": (
        SIMPLE, BASE | {"base_readout": base_readout("factorized_gaussian.GaussianMaskReadout"),
                        "clone_readout": True},
        {"n_neurons_dict": SAME_NEURONS}, False,
    ),
    "base_readout_klindt": (
        SIMPLE, BASE | {"base_readout": base_readout("factorized.KlindtReadoutWrapper3D"),
                        "mask_l1_reg": 0.1, "weights_l1_reg": 0.1, "laplace_mask_reg": 0.1,
                        "mask_size": [6, 5], "weights_constraint": "norm",
                        "init_scales": [[0.0, 0.1], [0.0, 0.1]]},
        {}, False,
    ),
    "point_partial": (
        SIMPLE, POINT | {"bias": False, "gauss_type": "isotropic", "align_corners": False,
                         "nonlinearity_function": {"_target_": "torch.nn.functional.relu",
                                                   "_partial_": True}},
        {}, False,
    ),
    "point_shared": (
        SIMPLE, POINT | {"shared_features": {"match_ids": [7, 2, 7]},
                         "shared_grid": {"match_ids": [1, 1, 0]}},
        {}, False,
    ),
    # functions as pickle writes them: of Python, a builtin of torch.nn, a builtin of torch
    "point_function": (SIMPLE, POINT | {"nonlinearity_function": torch.nn.functional.elu}, {}, True),
    "point_builtin": (
        SIMPLE, POINT | {"nonlinearity_function": torch.nn.functional.softplus}, {}, True,
    ),
    "point_torch_exp": (SIMPLE, POINT | {"nonlinearity_function": torch.exp}, {}, True),
    "lnp_defaults": (
        DUMMY, LNP | {"smooth_weight": 0.1, "smooth_regularizer": "GaussianLaplaceL2"},
        {"n_neurons_dict": TWO_SESSIONS, "hidden_channels": None}, False,
    ),
    # images: one frame, convolutions in space only
    "image": (
        SIMPLE | {"convolution_type": "time_independent", "temporal_kernel_sizes": [1]},
        {"_target_": MODULES + "readout.multi_readout.MultiFactorizedReadout",
         "_convert_": "object", "mask_l1_reg": 0.1, "weights_l1_reg": 0.1,
         "laplace_mask_reg": 0.1, "init_scales": [[0.0, 0.1], [0.0, 0.1]]},
        {"in_shape": [1, 1, 8, 7]}, False,
    ),
}  # fmt: skip


def save(name: str, model: torch.nn.Module) -> None:
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    peer_tools.save_checkpoint(model, folder / "model.ckpt")


def make_unified() -> None:
    for name, (core, readout, more, plain) in UNIFIED.items():
        torch.manual_seed(1)
        arguments: dict[str, Any] = {
            "in_shape": [2, 18, 8, 7],
            "n_neurons_dict": {"only": 3},
            "hidden_channels": [4],
            "core": core,
            "readout": readout,
        } | more
        if arguments["hidden_channels"] is None:
            del arguments["hidden_channels"]
        if plain:
            arguments["core"] = core | {"channels": [2, *arguments.pop("hidden_channels")]}
        else:
            arguments = dict(OmegaConf.create(arguments))
        model = UnifiedCoreReadout(data_info={"input_shape": [2, 8, 7]}, **arguments)
        save(name, model)


# ------------------------------------------------- cells by their averages


def made_up_filters(sta_dir: str, file_name: str, target_spatial_shape: tuple[int, int],
                    **kwargs: Any) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:  # fmt: skip
    """In place of load_sta_and_extract_filters, which reads a recorded spike-triggered average."""
    rng = np.random.default_rng(len(file_name))
    spatial = rng.uniform(0.0, 1.0, target_spatial_shape).astype(np.float32)
    temporal = rng.normal(0.0, 1.0, 5).astype(np.float32)
    return spatial, temporal, {"center_y": 3.0, "center_x": 2.0}


def make_spatial_contrast() -> None:
    spatial_contrast.load_sta_and_extract_filters = made_up_filters
    info = {"sessions_kwargs": {"01": {"cell_indices": [1, 2]}, "02": {"cell_indices": [5]}}}
    model = spatial_contrast.SpatialContrastCoreReadout(
        in_shape=(1, 12, 8, 7), n_neurons_dict={"01": 2, "02": 1}, sta_dir=".",
        cut_first_n_frames=2, data_info=info,
    )  # fmt: skip
    save("spatial_contrast", model)
    for name, size in (("single_contrast", None), ("single_contrast_crop", (4, 3))):
        model = spatial_contrast.SingleCellSpatialContrast(
            in_shape=(1, 12, 8, 7), sta_dir=".", sta_file_name="cell_1.npy", spat_crop_size=size,
        )  # fmt: skip
        save(name, model)


def make_single_lnp() -> None:
    for name, nonlinearity in (
        ("single_lnp", "parametrized_softplus"),
        ("single_lnp_relu", "relu"),
    ):
        torch.manual_seed(2)
        model = SingleCellSeparatedLNP(
            in_shape=(2, 6, 8, 7), spat_kernel_size=(4, 3), rank=2, nonlinearity=nonlinearity
        )
        save(name, model)


# ------------------------------------------------- legacy ensembles


def legacy_info() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    return {
        name: {
            "input_dimensions": torch.Size([16, 2, 20, 8, 7]),
            "input_channels": 2,
            "output_dimension": n,
            "img_mean": None,
            "mean_response": rng.uniform(0.0, 1.0, n).astype(np.float32),
            "roi_coords": rng.integers(0, 60, (n, 2)),
        }
        for name, n in TWO_SESSIONS.items()
    }


LEGACY = {
    "hidden_channels": (4, 3),
    "temporal_kernel_size": (6, 6),
    "spatial_kernel_size": (3, 3),
    "layers": 2,
    "gamma_input": 0.1,
    "hidden_padding": True,
    "laplace_padding": 0,
    "readout_scale": True,
    "gaussian_masks": True,
    "gaussian_mean_scale": 6.0,
    "gaussian_var_scale": 4.0,
    "readout_positive": True,
    "stack": -1,
}


def make_legacy(name: str, seeds: dict[int, dict[str, float]], repository: str) -> None:
    """One folder; for each seed the logarithms of the sessions' speeds."""
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    for seed, speeds in seeds.items():
        info = legacy_info()
        model = SFB3d_core_SxF3d_readout(None, seed=seed, data_info=info, **LEGACY)
        state = model.state_dict()
        for session, speed in speeds.items():
            state[f"core.log_speed_{session}"].fill_(speed)
        torch.save(state, folder / f"state_dict_{seed:05d}.pth.tar")
        config = {
            "model_fn": repository + ".SFB3d_core_SxF3d_readout",
            "model_config": LEGACY,
            "dataset_config": {"stim_hash": "x", "keys": ("a", "b")},
        }
        with open(folder / f"config_{seed:05d}.yaml", "w", encoding="utf-8") as file:
            yaml.dump(config, file)
        with open(folder / f"data_info_{seed:05d}.pkl", "wb") as file:
            pickle.dump(info, file)


def main() -> None:
    peer_tools.be_reproducible()
    shutil.rmtree(OUT, ignore_errors=True)
    ClonedReadout.initialize = lambda self, *args, **kwargs: (  # see above
        self.alpha.data.fill_(2.0), self.beta.data.fill_(0.5)
    )  # fmt: skip
    make_unified()
    make_spatial_contrast()
    make_single_lnp()
    speeds = {"a_late": 0.1, "b_early": -0.2}
    make_legacy("legacy_speeds", {1000: speeds, 0: speeds}, "nnfabrik_euler.models.x")
    make_legacy("legacy_one_speed", {0: {}}, "openretina.hoefling_2024.models")
    for path in sorted(Path(OUT).rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size:8d} {path.relative_to(OUT)}")


if __name__ == "__main__":
    main()
