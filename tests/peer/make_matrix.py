#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small models of every core and readout that openretina's configurations can express.

    make_matrix.py FOLDER [NAME ...]     all, or those whose name contains one of the words

Each model goes to FOLDER/<name>/ as make_variants.py writes its, with the responses of every
session by itself, the gradient of each neuron's mean response to the first stimulus, and, for a
better truth, responses and gradient again in float64. FOLDER/matrix.json lists the models, and
what openretina itself cannot run, with its own error.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import torch

import peer_tools
from core_readouts import (
    CLONED_MASKS,
    CONDITIONED_CORE,
    CORE,
    DUMMY_CORE,
    FACTORIZED,
    GRU_CORE,
    LNP,
    MASKS,
    POINT,
    Variant,
)
from make_variants import VARIANTS
from model_case import TWO_SESSIONS, Case, write_case
from other_models import Ensemble, Legacy, SingleContrast, SingleLNP, SpatialContrast

CONVOLUTIONS = ("custom_separable", "separable", "full", "time_independent")
CLONE_ERROR = "takes 1 positional argument but 2 were given"
GRADIENT_PATCH = "the gradient that torch's batch normalisation gives for a map of one pixel"
CLONE_PATCH = "ClonedReadout.initialize does not take the argument it is given"


def gru(rec_channels: int = 4, **settings: Any) -> dict[str, Any]:
    """Settings of the recurrence."""
    default = {"input_kern": 3, "rec_kern": 3, "groups": 1, "gamma_rec": 1, "pad_input": True}
    return {"rec_channels": rec_channels, **default, **settings}


# ------------------------------------------------- every core with every readout


def pairs() -> dict[str, Case]:
    cores: dict[str, dict[str, Any]] = {"dummy": {"base_core": DUMMY_CORE, "hidden_channels": None}}
    for convolution in CONVOLUTIONS:
        core = {"convolution_type": convolution, "hidden_padding": [0, 1, 1]}
        cores[f"simple_{convolution}"] = {"core": core}
    for convolution in CONVOLUTIONS:
        core = {"convolution_type": convolution}
        cores[f"gru_{convolution}"] = {"base_core": GRU_CORE, "core": core}
    cores["conditioned"] = {"base_core": CONDITIONED_CORE}
    readouts: dict[str, dict[str, Any]] = {
        "masks": {"base_readout": MASKS},
        "factorized": {"base_readout": FACTORIZED},
        "point": {"base_readout": POINT},
        "lnp": {"base_readout": LNP},
        "clone": {
            "base_readout": CLONED_MASKS, "sessions": {"b_early": 3, "a_late": 3},
            "patched": CLONE_PATCH,
        },
    }  # fmt: skip
    return {
        f"{core}-{readout}": Variant(
            "every core with every readout; a clip longer than those it was trained on",
            n_frames=23,
            **({"sessions": dict(TWO_SESSIONS)} | cores[core] | readouts[readout]),
        )
        for core, readout in product(cores, readouts)
    }


# ------------------------------------------------- SimpleCoreWrapper


def simple_cores() -> dict[str, Case]:
    cases: dict[str, Case] = {}
    for convolution in CONVOLUTIONS[1:]:
        kind = {"convolution_type": convolution, "gamma_temporal": 0.0}
        same = {"input_padding": True, "hidden_padding": "same"}
        more: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
            "same": (kind | same, {}),
            "even_same": (
                kind | same | {"temporal_kernel_sizes": [4, 6], "spatial_kernel_sizes": [4, 2]},
                {},
            ),
            "int": (kind | {"input_padding": 1, "hidden_padding": 2}, {}),
            "triple": (kind | {"input_padding": [1, 2, 0], "hidden_padding": [2, 0, 1]}, {}),
            "grows": (kind | {"spatial_kernel_sizes": [3, 5], "hidden_padding": [0, 2, 2]}, {}),
            "unpadded": (kind | {"hidden_padding": False}, {}),
            "cut": (kind | same | {"cut_first_n_frames": 5}, {}),
            "dropout": (kind | same | {"dropout_rate": 0.2}, {}),
            "squash": (
                kind | {"color_squashing_weights": [0.3, 0.7], "channels": [1, 4, 3]},
                {"hidden_channels": None},
            ),
            "pooling": (
                kind | {"maxpool_every_n_layers": 2, "downsample_input_kernel_size": [2, 2, 1],
                        "temporal_kernel_sizes": [3, 3, 2], "spatial_kernel_sizes": [3, 3, 3]},
                {"in_shape": (2, 23, 19, 10), "hidden_channels": (3, 4, 3)},
            ),
            "maxpool_all": (
                kind | same | {"maxpool_every_n_layers": 1},
                {"in_shape": (2, 12, 13, 12)},
            ),
        }  # fmt: skip
        for name, (core, rest) in more.items():
            cases[f"simple_{convolution}-{name}"] = Variant(name, core=core, **rest)
    cases["simple_separable-speed"] = Variant(
        "a stored speed", core={"convolution_type": "separable"}, log_speed=0.4
    )
    cases["simple_custom-speed_down"] = Variant("a stored speed", log_speed=-0.25)
    cases["simple_custom-kernel_3"] = Variant(
        "the shortest temporal kernels", core={"temporal_kernel_sizes": [3, 4]}
    )
    cases["simple_custom-long_kernels"] = Variant(
        "kernels as long as in the mouse models",
        core={"temporal_kernel_sizes": [21, 11], "hidden_padding": [0, 2, 2],
              "spatial_kernel_sizes": [5, 5]},
        in_shape=(2, 40, 8, 7),
    )  # fmt: skip
    cases["simple_full-kernel_1"] = Variant(
        "convolutions of one frame",
        core={"convolution_type": "full", "temporal_kernel_sizes": [1, 2]},
    )
    cases["simple_custom-kernel_2"] = Variant(
        "temporal kernels below 3 frames", core={"temporal_kernel_sizes": [2, 2]},
        fails="Length cannot be smaller",
    )
    cases["simple_full-squash_grey"] = Variant(
        "a squash of stimuli that are grey already",
        core={"convolution_type": "full", "color_squashing_weights": [0.5], "channels": [1, 3, 3]},
        hidden_channels=None, in_shape=(1, 18, 8, 7),
    )  # fmt: skip
    cases["simple_custom-loss_and_optimizer"] = Variant(
        "losses, optimiser and scheduler named in the configuration",
        extra={
            "loss": {"_target_": "openretina.modules.losses.PoissonLoss3d"},
            "evaluation_loss": {
                "_target_": "openretina.modules.losses.CorrelationLoss3d", "avg": True,
            },
            "optimizer": {"_target_": "torch.optim.AdamW", "lr": 0.01},
            "lr_scheduler": None,
        },
    )  # fmt: skip
    for convolution in CONVOLUTIONS[1:]:
        cases[f"example-{convolution}"] = Variant(
            "the older class", container="example", extra={"convolution_type": convolution}
        )
    images: dict[str, dict[str, Any]] = {
        "full": {"convolution_type": "full", "temporal_kernel_sizes": [1, 1]},
        "time_independent": {"convolution_type": "time_independent"},
        "custom_separable": {"input_padding": True, "hidden_padding": True},
        "separable": {"convolution_type": "separable", "temporal_kernel_sizes": [1, 1]},
    }
    for name, core in images.items():
        cases[f"image-{name}"] = Variant("an image model", core=core, in_shape=(2, 1, 8, 7))
    cases["image-lnp"] = Variant(
        "an image model without core", base_core=DUMMY_CORE, core={"cut_first_n_frames": 0},
        base_readout=LNP, hidden_channels=None, in_shape=(1, 1, 8, 7),
    )  # fmt: skip
    cases["dummy-no_cut"] = Variant(
        "cut_first_n_frames: null", base_core=DUMMY_CORE, core={"cut_first_n_frames": None},
        base_readout=POINT, hidden_channels=None,
    )  # fmt: skip
    return cases


# ------------------------------------------------- ConvGRUCore

NONLINEARITIES = ("ReLU", "LeakyReLU", "GELU", "SiLU", "Tanh", "Sigmoid", "Softplus", "Identity",
                  "SELU", "CELU", "Mish", "Softsign", "PReLU", "RReLU", "ReLU6", "Hardtanh", "Hardsigmoid",
                  "Hardswish", "Hardshrink", "Softshrink", "Tanhshrink", "LogSigmoid")  # fmt: skip


def gru_cores() -> dict[str, Case]:
    settings: dict[str, dict[str, Any]] = {
        "no_gru": {"use_gru": False},
        "plain": {"use_gru": False, "use_projections": False},
        "no_projections": {"use_projections": False},
        "groups": {"gru_kwargs": gru(4, groups=2)},
        "unpadded": {"gru_kwargs": gru(5, pad_input=False)},
        "unpadded_even": {"gru_kwargs": gru(4, pad_input=False, input_kern=2)},
        "wide_recurrence": {"gru_kwargs": gru(3, input_kern=1, rec_kern=5)},
        "one_by_one": {"gru_kwargs": gru(6, input_kern=1, rec_kern=1)},
        "no_batch_norm": {"batch_norm": False},
        "no_batch_norm_scale": {"batch_norm_scale": False},
        "no_bias": {"bias": False, "batch_norm_scale": False},
        "no_final_nonlinearity": {"final_nonlinearity": False},
        "input_padding": {"input_padding": True},
        "no_hidden_padding": {"hidden_padding": False},
        "speeds": {"batch_adaptation": True},
    }
    cases: dict[str, Case] = {
        f"gru-{name}": Variant(
            name.replace("_", " "), base_core=GRU_CORE, core=core, sessions=dict(TWO_SESSIONS),
            hidden_channels=(4, 6) if name == "groups" else (4, 5),
        )
        for name, core in settings.items()
    }  # fmt: skip
    for name in NONLINEARITIES:
        cases[f"gru-{name}"] = Variant(name, base_core=GRU_CORE, core={"nonlinearity": name})
    for convolution in CONVOLUTIONS:
        cases[f"gru_{convolution}-three_layers"] = Variant(
            "three layers: hidden padding is that of the layer before, and none for layer 1",
            base_core=GRU_CORE,
            core={
                "convolution_type": convolution, "temporal_kernel_sizes": [6, 4, 3],
                "spatial_kernel_sizes": [2, 3, 4], "input_padding": True,
            },
            hidden_channels=(3, 4, 5), log_speed=0.15, in_shape=(2, 16, 9, 8),
        )  # fmt: skip
    cases["gru-scale_layer"] = Variant(
        "one layer whose batch norm is followed by a trained scale", base_core=GRU_CORE,
        core={"bias": False, "temporal_kernel_sizes": [7], "spatial_kernel_sizes": [3]},
        hidden_channels=(4,),
    )  # fmt: skip
    cases["gru-one_kernel_size"] = Variant(
        "", base_core=GRU_CORE,
        core={"temporal_kernel_sizes": 7, "spatial_kernel_sizes": 3, "use_gru": False},
    )  # fmt: skip
    scale = {"bias": False, "use_gru": False}
    cases["gru-scale_two_layers"] = Variant(
        "a trained scale without bias after a second layer", base_core=GRU_CORE, core=scale,
        fails="must match the size",
    )  # fmt: skip
    cases["gru-scale_frames"] = Variant(
        "a trained scale after a second layer, where its channels happen to be as many as the "
        "frames: it scales frames",
        base_core=GRU_CORE, core=scale, hidden_channels=(4, 7),
    )  # fmt: skip
    conditioned: dict[str, dict[str, Any]] = {
        "no_projections": {"use_projections": False},
        "no_gru": {"use_gru": False},
        "no_batch_norm": {"batch_norm": False},
        "no_final_nonlinearity": {"final_nonlinearity": False},
        "PReLU": {"nonlinearity": "PReLU"},
        "full": {"convolution_type": "full"},
        "three_layers": {
            "temporal_kernel_sizes": [6, 4, 3], "spatial_kernel_sizes": [3, 3, 3],
            "input_padding": True,
        },
    }  # fmt: skip
    for name, core in conditioned.items():
        cases[f"conditioned-{name}"] = Variant(
            name.replace("_", " "), base_core=CONDITIONED_CORE, core=core,
            hidden_channels=(3, 4, 5) if name == "three_layers" else (4, 5),
        )  # fmt: skip
    plain = {"use_gru": False, "use_projections": False, "nonlinearity": "PReLU"}
    cases["gru-PReLU_all_layers"] = Variant(
        "PReLU without batch norm or recurrence", base_core=GRU_CORE,
        core=plain | {"batch_norm": False},
    )  # fmt: skip
    cases["gru-PReLU_hidden_layer"] = Variant(
        "PReLU only after the second of three layers", base_core=GRU_CORE,
        core=plain | {
            "final_nonlinearity": False, "temporal_kernel_sizes": [6, 4, 3],
            "spatial_kernel_sizes": [3, 3, 3],
        },
        hidden_channels=(3, 4, 5),
    )  # fmt: skip
    cases["gru-even_padded"] = Variant(
        "an even recurrent input kernel with padding", base_core=GRU_CORE,
        core={"gru_kwargs": gru(4, input_kern=4)}, fails="must match the size",
    )  # fmt: skip
    cases["gru-even_recurrent"] = Variant(
        "an even recurrent kernel", base_core=GRU_CORE,
        core={"gru_kwargs": gru(4, rec_kern=4)}, fails="must match the size",
    )  # fmt: skip
    return cases


# ------------------------------------------------- readouts


def function(path: str) -> dict[str, str]:
    """A function by name, as a configuration hands it on."""
    return {"_target_": "hydra.utils.get_method", "path": path}


def readouts() -> dict[str, Case]:
    cases: dict[str, Case] = {}
    constraints = (None, "abs", "norm", "absnorm")
    for weights, mask, bias in product(constraints, (None, "abs"), (True, False)):
        cases[f"factorized-{weights}-{mask}-{'bias' if bias else 'no_bias'}"] = Variant(
            f"constraints of weights {weights}, of masks {mask}", base_readout=FACTORIZED,
            readout={
                "weights_constraint": weights, "mask_constraint": mask, "readout_bias": bias,
            },
            mean_activity=not bias,
        )  # fmt: skip
    four = {"match_ids": [3, 1, 1, 2]}
    points: dict[str, dict[str, Any]] = {
        "isotropic": {"gauss_type": "isotropic"},
        "uncorrelated": {"gauss_type": "uncorrelated", "bias": False},
        "full": {"gauss_type": "full", "batch_sample": False},
        "corners": {"align_corners": False},
        "shared_features": {"shared_features": four},
        "shared_grid": {"shared_grid": four},
        "shared_both": {"shared_grid": {"match_ids": [0, 0, 1, 1]}, "shared_features": four},
        "relu": {"nonlinearity_function": function("torch.nn.functional.relu")},
        "elu": {"nonlinearity_function": function("torch.nn.functional.elu")},
        "exp": {"nonlinearity_function": function("torch.exp")},
        "sigmoid": {"nonlinearity_function": function("torch.sigmoid")},
        "mish": {"nonlinearity_function": function("torch.nn.functional.mish")},
        "hardswish": {"nonlinearity_function": function("torch.nn.functional.hardswish")},
    }
    for name, settings in points.items():
        cases[f"point-{name}"] = Variant(
            name.replace("_", " "), base_readout=POINT, readout=settings, sessions={"only": 4}
        )
    cases["point-predicted"] = Variant(
        "a predicted grid (grid_mean_predictor)", base_readout=POINT,
        readout={"grid_mean_predictor": {"hidden_layers": 1}},
        fails="'NoneType' object has no attribute 'shape'",
    )  # fmt: skip
    cases["point-iso"] = Variant(
        "gauss_type 'iso', which its signature names", base_readout=POINT,
        readout={"gauss_type": "iso"}, fails='gauss_type "iso" not known',
    )  # fmt: skip
    lnp: dict[str, dict[str, Any]] = {
        "exp": {"nonlinearity": "exp", "bias": False},
        "exp_bias": {"nonlinearity": "exp"},
        "softplus": {"bias": False},
        "relu": {"nonlinearity": "relu"},
        "elu": {"nonlinearity": "elu"},
        "sigmoid": {"nonlinearity": "sigmoid"},
        "celu": {"nonlinearity": "celu"},
        "rrelu": {"nonlinearity": "rrelu"},
        "logsigmoid": {"nonlinearity": "logsigmoid"},
        "softsign": {"nonlinearity": "softsign"},
        "regularized": {
            "smooth_weight": 0.1, "sparse_weight": 0.1, "smooth_regularizer": "GaussianLaplaceL2",
        },
        "mean_activity": {},
    }  # fmt: skip
    for name, settings in lnp.items():
        cases[f"lnp-{name}"] = Variant(
            name, base_core=DUMMY_CORE, base_readout=LNP, readout=settings, hidden_channels=None,
            sessions=dict(TWO_SESSIONS), mean_activity=name == "mean_activity",
        )  # fmt: skip
    clones = {"base_readout": LNP, "readout": {"clone_readout": True},
              "sessions": {"b_early": 3, "c_third": 3, "a_late": 3}}  # fmt: skip
    cases["clone-unpatched"] = Variant("clone_readout: true", fails=CLONE_ERROR, **clones)
    cases["clone-lnp"] = Variant("two clones of an LNP readout", patched=CLONE_PATCH, **clones)
    return cases


def small_things() -> dict[str, Case]:
    """The least of everything: one neuron, one output frame, a map of one pixel."""
    cases: dict[str, Case] = {}
    bases = {"masks": MASKS, "factorized": FACTORIZED, "point": POINT, "lnp": LNP}
    pixel = {"hidden_padding": [0, 1, 1]}
    for name, base in bases.items():
        cases[f"small-{name}-one_neuron"] = Variant(
            "one neuron", base_readout=base, sessions={"only": 1}
        )
        cases[f"small-{name}-one_frame"] = Variant(
            "one output frame", base_readout=base, in_shape=(2, 15, 8, 7)
        )
        cases[f"small-{name}-one_pixel"] = Variant(
            "a map of one pixel", base_readout=base, core=pixel, in_shape=(2, 18, 3, 3),
            patched=GRADIENT_PATCH if name in ("factorized", "point") else None,
            plain_gradients=True,
        )  # fmt: skip
        cases[f"small-{name}-one_column"] = Variant(
            "a map of one column", base_readout=base, core=pixel, in_shape=(2, 18, 7, 3)
        )
        cases[f"small-{name}-gru"] = Variant(
            "one neuron, one frame, layers of one channel", base_readout=base, base_core=GRU_CORE,
            in_shape=(1, 12, 6, 9), sessions={"only": 1}, hidden_channels=(1, 1),
            core={"gru_kwargs": gru(3)},
        )  # fmt: skip
    cases["small-point-one_pixel_corners"] = Variant(
        "a map of one pixel, corners not aligned", base_readout=POINT, core=pixel,
        readout={"align_corners": False}, in_shape=(2, 18, 3, 3),
        patched=GRADIENT_PATCH, plain_gradients=True,
    )  # fmt: skip
    return cases


# ------------------------------------------------- the others


def others() -> dict[str, Case]:
    contrasts: dict[str, dict[str, Any]] = {
        "all_frames": {"settings": {"temporal_crop_frames": None}},
        "cut": {"settings": {"cut_first_n_frames": 4, "temporal_crop_frames": 5}},
        "flipped": {"settings": {"flip_sta": True, "sigma_contour": 1.5}},
        "larger_sta": {"sta_shape": (9, 12, 11)},
        "chunks": {"settings": {"neuron_chunk_size": 2}},
        "broken_sta": {"broken_sta": True, "settings": {"temporal_crop_frames": 9}},
    }
    cases: dict[str, Case] = {
        f"contrast-{name}": SpatialContrast(name.replace("_", " "), **arguments)
        for name, arguments in contrasts.items()
    }
    cases["contrast-two_channels"] = SpatialContrast(
        "spatial contrast of two channels", in_shape=(2, 18, 8, 7), fails="Shape mismatch"
    )
    lnps: dict[str, dict[str, Any]] = {
        "rank_1": {},
        "rank_3": {"rank": 3},
        "not_normalized": {"normalize_weights": False},
        "parametrized": {"nonlinearity": "parametrized_softplus", "normalize_weights": False},
        "relu": {"nonlinearity": "relu", "rank": 2},
    }
    for name, settings in lnps.items():
        cases[f"single_lnp-{name}"] = SingleLNP(name.replace("_", " "), settings=settings)
    cases["single_lnp-exp"] = SingleLNP(
        "the default nonlinearity, 'exp'", settings={"nonlinearity": "exp"}, fails="'exp'"
    )
    cases["single_lnp-trained_length"] = SingleLNP(
        "as many frames as trained on: one output frame", n_frames=None
    )
    cases["single_lnp-patch"] = SingleLNP(
        "a patch of the stimulus, as in training", on_patch=False, in_shape=(2, 7, 9, 8),
        settings={"rank": 2, "spat_kernel_size": (5, 4), "rf_location": (4, 3)},
    )  # fmt: skip
    singles: dict[str, dict[str, Any]] = {
        "whole": {},
        "patch": {"settings": {"spat_crop_size": (5, 4)}},
        "patch_whole_size": {"settings": {"spat_crop_size": (8, 7)}},
        "flipped": {"settings": {"flip_sta": True, "temporal_crop_frames": 4}},
        "larger_sta": {"sta_shape": (9, 12, 11), "settings": {"spat_crop_size": (4, 5)}},
    }
    for name, arguments in singles.items():
        cases[f"single_contrast-{name}"] = SingleContrast(name.replace("_", " "), **arguments)
    return cases | ensembles()


def ensembles() -> dict[str, Case]:
    row, column = "SimpleCoreWrapper, custom_separable", "MultiGaussianMaskReadout"
    two = dict(TWO_SESSIONS)
    cases: dict[str, Case] = {
        "ensemble-masks": Ensemble(
            "three checkpoints", member=Variant("", sessions=two), row=row, column=column
        ),
        "ensemble-gru": Ensemble(
            "three recurrent checkpoints",
            member=Variant("", base_core=GRU_CORE, base_readout=POINT, sessions=two),
            row="ConvGRUCore, custom_separable", column="MultiSampledGaussianReadout",
        ),
        "ensemble-one": Ensemble("a single checkpoint", n=1, row=row, column=column),
    }  # fmt: skip
    legacy: dict[str, dict[str, Any]] = {
        "three_seeds": {"seeds": (0, 1000, 2000)},
        "zipped": {"zipped": True},
        "stack_0": {"settings": {"stack": 0}},
        "stack_list": {
            "settings": {"stack": [0, 2], "conv_type": "time_independent", "layers": 3,
                         "hidden_channels": (3, 4, 2), "spatial_kernel_size": (3, 3, 5),
                         "temporal_kernel_size": (3, 3, 3)},
        },
        "one_layer": {
            "settings": {"stack": None, "layers": 1, "hidden_channels": (4,),
                         "temporal_kernel_size": (9,), "spatial_kernel_size": (3,)},
        },
        "three_layers": {
            "settings": {"layers": 3, "hidden_channels": (3, 4, 5), "input_padding": True,
                         "spatial_kernel_size": (3, 5, 3), "temporal_kernel_size": (8, 6, 4)},
        },
        "stack_all": {"settings": {"stack": None, "conv_type": "time_independent"}},
        "separable": {"settings": {"conv_type": "separable"}},
        "full": {"settings": {"conv_type": "full"}},
        "core_bias": {"settings": {"core_bias": True}},
        "affine": {"settings": {"core_bias": True, "batch_norm_scale": True}},
        "no_batch_norm": {"settings": {"batch_norm": False, "readout_bias": False}},
        "relu_linear": {"settings": {"nonlinearity": "ReLU", "final_nonlinearity": False}},
        "plain_readout": {"settings": {"readout_scale": False, "readout_positive": False}},
        "centered": {"center": [0.0, 0.0]},
        "moved": {"center": [0.05, -0.08]},
        "one_session": {"sessions": {"only": 3}},
        "PReLU": {"settings": {"nonlinearity": "PReLU"}},
    }  # fmt: skip
    for name, arguments in legacy.items():
        cases[f"legacy-{name}"] = Legacy(name.replace("_", " "), **arguments)
    cases["legacy-stack_shrinks"] = Legacy(
        "stack: null with temporal kernels that shorten the clip", settings={"stack": None},
        fails="must match except in dimension",
    )  # fmt: skip
    free = {"settings": {"gaussian_masks": False}}
    cases["legacy-free_unpatched"] = Legacy(
        "free masks (gaussian_masks: false)", fails="cannot assign 'torch.FloatTensor'", **free
    )
    cases["legacy-free"] = Legacy(
        "free masks", patched="SpatialXFeature3d assigns a tensor where a parameter stands", **free
    )
    cases["legacy-roi"] = Legacy(
        "masks from regions of interest (initialize_from_roi_masks)",
        fails="get_normal_pdf_from_roi_mask",
        settings={"gaussian_masks": False, "initialize_from_roi_masks": True},
    )  # fmt: skip
    return cases


# ------------------------------------------------- writing


def all_cases() -> dict[str, Case]:
    golden = {f"golden-{name}": case for name, case in VARIANTS.items()}
    return golden | pairs() | simple_cores() | gru_cores() | readouts() | small_things() | others()


def error_of(name: str, case: Case) -> dict[str, Any]:
    """What openretina says when it is asked for what it cannot run."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                write_case(Path(folder), name, case, per_session=False, double=False)
        except Exception as error:  # whatever it is, it is the finding
            chain: BaseException | None = error
            while chain is not None:
                said = [line for line in str(chain).splitlines() if case.fails in line]
                if said:
                    return {
                        "name": name, "row": case.row, "column": case.column, "what": case.why,
                        "error": said[-1].strip(),
                    }  # fmt: skip
                chain = chain.__cause__ or chain.__context__
            raise
    raise RuntimeError(f"{name}: expected openretina to fail with '{case.fails}'")


def make(folder: Path, words: list[str]) -> dict[str, Any]:
    """Writes the models and matrix.json; returns the latter."""
    models, cannot = [], []
    for name, case in all_cases().items():
        if words and not any(word in name for word in words):
            continue
        if case.fails is not None:
            cannot.append(error_of(name, case))
            continue
        with contextlib.redirect_stdout(io.StringIO()):
            models.append(write_case(folder / name, name, case, per_session=True, double=True))
    matrix = {"versions": peer_tools.versions(), "models": models, "cannot": cannot}
    peer_tools.save_json(folder / "matrix.json", matrix)
    return matrix


def main() -> None:
    peer_tools.be_reproducible()
    torch.set_printoptions(precision=3)
    folder = Path(sys.argv[1])
    matrix = make(folder, sys.argv[2:])
    print(f"{len(matrix['models'])} models, {len(matrix['cannot'])} that openretina cannot run")


if __name__ == "__main__":
    main()
