#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small untrained models, one for each kind of core, readout and file, as committed golden data.

Every model has random weights, batch-norm statistics and masks, so that each term of it shows in
the responses. Models are written and read back by openretina itself, and only what was read back
computes the golden arrays. Writes
tests/golden/variants/<name>/, each with the model's files, stimulus.npy [B,C,T,H,W], responses_all.npy [B,T',N], dr.npy [B,T',N]
and gradient.npy [B,C,T,H,W], the gradient of the sum of responses times dr. make_matrix.py makes
many more, which are not kept.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch

import peer_tools
from core_readouts import (
    CONDITIONED_CORE,
    CORE,
    DUMMY_CORE,
    FACTORIZED,
    GRU_CORE,
    LNP,
    POINT,
    Variant,
)
from model_case import TWO_SESSIONS, write_case
from other_models import Ensemble, Legacy, SingleContrast, SingleLNP, SpatialContrast

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
        batch=1,
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
    "full_convolution": Variant(
        "plain 3-D convolutions", core={"convolution_type": "full"}, batch=1
    ),
    "separable_convolution": Variant(
        "convolution in space, then in time across channels",
        core={"convolution_type": "separable", "gamma_temporal": 0.0, "hidden_padding": [0, 1, 1]},
        batch=1,
    ),
    "separable_grows": Variant(
        "the same padding for space and time convolution alike: a 5x5 kernel grows the image by 4; "
        "a stored default log speed scales the output",
        core={
            "convolution_type": "separable", "gamma_temporal": 0.0, "temporal_kernel_sizes": [5, 4],
            "spatial_kernel_sizes": [3, 5], "hidden_padding": [0, 2, 2],
        },
        log_speed=-0.3,
        batch=1,
    ),
    "time_independent": Variant(
        "convolutions in space only",
        core={"convolution_type": "time_independent", "hidden_padding": [0, 1, 1]},
        batch=1,
    ),
    "full_pooling": Variant(
        "plain convolutions with both kinds of pooling and a squash of colours",
        core={
            "convolution_type": "full", "temporal_kernel_sizes": [4, 3], "channels": [1, 4, 3],
            "maxpool_every_n_layers": 2, "downsample_input_kernel_size": [1, 2, 2],
            "color_squashing_weights": [0.3, 0.7], "input_padding": True,
        },
        in_shape=(2, 9, 11, 10),
        batch=1,
        hidden_channels=None,
    ),
    "image_model": Variant(
        "images: one frame in, one frame out",
        core={"convolution_type": "time_independent", "temporal_kernel_sizes": [1, 1]},
        in_shape=(2, 1, 8, 7),
    ),
    "gru_core": Variant(
        "ConvGRUCore with projection and recurrence", base_core=GRU_CORE, hidden_channels=(4, 5),
        batch=1,
    ),
    "gru_groups": Variant(
        "recurrence in two groups without input padding; layers without batch-norm scale; three "
        "layers, whose padding the core shifts by one; ReLU",
        base_core=GRU_CORE,
        core={
            "temporal_kernel_sizes": [4, 3, 3], "spatial_kernel_sizes": [3, 3, 3],
            "convolution_type": "full", "use_projections": False, "batch_norm_scale": False,
            "nonlinearity": "ReLU", "input_padding": True,
            "gru_kwargs": {
                "rec_channels": 4, "input_kern": 2, "rec_kern": 3, "groups": 2, "pad_input": False,
            },
        },
        in_shape=(2, 14, 9, 8),
        hidden_channels=(3, 4, 6),
        batch=1,
    ),
    "gru_core_speeds": Variant(
        "ConvGRUCore trained with a log speed for each session, which its forward pass never uses; "
        "no recurrence, no final nonlinearity; the factorized readout",
        base_core=GRU_CORE,
        core={
            "use_gru": False, "batch_adaptation": True, "final_nonlinearity": False,
            "batch_norm": False,
        },
        base_readout=FACTORIZED,
        sessions=TWO_SESSIONS,
        batch=1,
    ),
    "gru_core_prelu": Variant(
        "PReLU, whose slopes are trained, after the projection and all layers but the last one; no "
        "recurrence",
        base_core=GRU_CORE,
        core={
            "use_gru": False, "convolution_type": "full", "nonlinearity": "PReLU",
            "final_nonlinearity": False, "temporal_kernel_sizes": [3, 3, 2],
            "spatial_kernel_sizes": [3, 3, 3],
        },
        hidden_channels=(3, 3, 2),
        in_shape=(1, 12, 9, 8),
        batch=1,
    ),
    "conditioned_gru_core": Variant(
        "ConvGRUCore whose layers are scaled and shifted by a condition, which no forward pass of "
        "openretina's models hands on",
        base_core=CONDITIONED_CORE,
        batch=1,
    ),
    "factorized_readout": Variant(
        "free masks with constraints", base_readout=FACTORIZED, sessions=TWO_SESSIONS,
        batch=1,
    ),
    "factorized_without_bias": Variant(
        "free masks without constraints; a stored bias that is not trained and not used",
        base_readout=FACTORIZED,
        readout={"readout_bias": False, "weights_constraint": None, "mask_constraint": None},
        mean_activity=True,
        batch=1,
    ),
    "point_gaussian_readout": Variant(
        "one sampling point a neuron", base_readout=POINT, sessions=TWO_SESSIONS,
        batch=1,
    ),
    "point_shared": Variant(
        "sampling points and features shared between neurons, no bias, corners not aligned, ELU",
        base_readout=POINT,
        readout={
            "bias": False, "gauss_type": "isotropic", "align_corners": False,
            "shared_features": {"match_ids": [7, 2, 2, 5]},
            "shared_grid": {"match_ids": [1, 1, 0, 0]},
            "nonlinearity_function": {
                "_target_": "hydra.utils.get_method", "path": "torch.nn.functional.elu",
            },
        },
        sessions={"b_early": 4, "a_late": 4},
        batch=1,
    ),
    "lnp": Variant(
        "no core; one spatial kernel a neuron",
        base_core=DUMMY_CORE,
        base_readout=LNP,
        hidden_channels=None,
        sessions=TWO_SESSIONS,
        batch=1,
    ),
    "lnp_over_core": Variant(
        "one spatial kernel a neuron over feature maps, exponential, no bias",
        base_readout=LNP,
        readout={"nonlinearity": "exp", "bias": False},
        batch=1,
    ),
    "cloned_lnp": Variant(
        "the second session's readout clones the first one's, with scale and offset",
        base_core=DUMMY_CORE,
        base_readout=LNP,
        readout={"clone_readout": True},
        hidden_channels=None,
        sessions={"b_early": 3, "a_late": 3},
        patched="ClonedReadout.initialize does not take the argument it is given",
        batch=1,
    ),
    "spatial_contrast": SpatialContrast(
        "no core; spatial contrast of filters from STA files", settings={"temporal_crop_frames": 7},
        batch=1,
    ),
    "single_lnp": SingleLNP(
        "one cell, three separable filters, parametrized softplus",
        settings={"rank": 3, "nonlinearity": "parametrized_softplus"},
    ),
    "single_spatial_contrast": SingleContrast(
        "one cell, spatial contrast within a patch",
        settings={"spat_crop_size": (5, 4), "temporal_crop_frames": 6},
        batch=1,
    ),
    "nonzero_log_speed": Variant(
        "a stored default log speed which is not 0 (none is known in the wild): openretina "
        "honours it, so ignoring it silently would be wrong",
        log_speed=0.2,
        batch=1,
    ),
    "legacy_ensemble": Legacy("two members in the layout of the published ensemble", batch=1),
    "legacy_stack": Legacy(
        "one member in today's torch format: the feature maps of both layers side by side, shifted "
        "masks; plain dimensions as torch.Size",
        settings={
            "stack": None, "conv_type": "time_independent", "core_bias": True,
            "batch_norm_scale": True, "readout_scale": False, "readout_positive": False,
        },
        seeds=(3,), zipped=True, as_size=True, in_shape=(2, 6, 8, 7),
        model_fn="openretina.hoefling_2024.models.SFB3d_core_SxF3d_readout",
    ),
    "ensemble": Ensemble(
        "two Lightning checkpoints, responses averaged",
        member=Variant("a member", sessions=TWO_SESSIONS), n=2,
        row="SimpleCoreWrapper, custom_separable", column="MultiGaussianMaskReadout",
        batch=1,
    ),
}  # fmt: skip


# ------------------------------------------------- writing


def write_all(directory: Path) -> None:
    entries = []
    for name, case in VARIANTS.items():
        shutil.rmtree(directory / name, ignore_errors=True)
        entries.append(write_case(directory / name, name, case, per_session=False, double=False))
        print(name, entries[-1]["stimulus_shape"], "->", entries[-1]["responses_shape"])
    content = {"versions": peer_tools.versions(), "variants": entries}
    peer_tools.save_json(directory / "variants.json", content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--golden", type=Path, default=peer_tools.GOLDEN)
    args = parser.parse_args()
    peer_tools.be_reproducible()
    write_all(args.golden / "variants")


if __name__ == "__main__":
    main()
