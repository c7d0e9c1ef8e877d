#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Responses of a model as openretina computes them, for `insilico verify MODEL OUT.h5`.

    python openretina_responses.py MODEL OUT.h5 [stimulus.npy] [KEY=VALUE ...]

Run it where openretina is installed. MODEL is what openretina loads: a checkpoint, a name, or a
folder (of a published ensemble, or of checkpoints to be averaged). The stimulus [C,T,H,W] is noise
unless one is given. Only checkpoints that do not hold all settings need KEY=VALUE: the arguments of
their class, for SingleCellSeparatedLNP for example in_shape=[1,30,20,20] (30: the length of its
temporal kernel) spat_kernel_size=[15,15] rank=1 nonlinearity=softplus; for SingleCellSpatialContrast
sta_dir=FOLDER of its STA.
"""

import sys
from importlib.metadata import version
from pathlib import Path

import h5py
import numpy as np
import torch
import yaml
from openretina.models.core_readout import load_core_readout_model
from openretina.models.linear_nonlinear import SingleCellSeparatedLNP
from openretina.models.spatial_contrast import SingleCellSpatialContrast, SpatialContrastCoreReadout
from openretina.modules.layers.ensemble import EnsembleModel
from openretina.utils.nnfabrik_model_loading import load_ensemble_retina_model_from_directory


def load(name: str, settings: dict) -> torch.nn.Module:
    if Path(name).is_dir():
        members = sorted(map(str, Path(name).glob("*.ckpt")))
        if members:
            return EnsembleModel(*(load(member, settings) for member in members))
        info, model = load_ensemble_retina_model_from_directory(name, "cpu")
        model.in_shape = next(iter(info.values()))["input_dimensions"][1:]
        return model
    refusals = []
    for kind in (SpatialContrastCoreReadout, SingleCellSpatialContrast, SingleCellSeparatedLNP):
        try:  # openretina's own loader knows none of these; each refuses the files of the others
            options = {"map_location": "cpu", "weights_only": False} | settings
            return kind.load_from_checkpoint(name, **options)
        except Exception as error:
            refusals.append(f"{kind.__name__}: {error}")
    try:
        return load_core_readout_model(name, "cpu")
    except Exception as error:
        raise SystemExit("\n".join(["no class of openretina takes it:", *refusals, str(error)]))


if len(sys.argv) < 3:
    sys.exit(__doc__)
name, out, *rest = sys.argv[1:]
given = next((word for word in rest if word.endswith(".npy")), None)
settings = {k: yaml.safe_load(v) for k, v in (word.split("=", 1) for word in rest if word != given)}
model = load(name, settings).eval()
first = getattr(model, "members", [model])[0]
sessions = sorted(first.readout.keys()) if hasattr(first, "readout") else ["cell"]
if given:
    stimulus = np.load(given).astype(np.float32)
else:
    shape = getattr(model, "in_shape", settings.get("in_shape")) or first.hparams["in_shape"]
    stimulus = np.random.default_rng(1).normal(size=tuple(shape)).astype(np.float32)
with h5py.File(out, "w") as file, torch.no_grad():
    file["stimulus"] = stimulus
    for session in sessions:
        r = model(torch.from_numpy(stimulus)[None], data_key=session)
        file[f"responses/{session}"] = r[0].numpy().astype(np.float32)
    file.attrs.update(
        model=name, openretina_version=version("openretina"), torch_version=version("torch")
    )
print(f"{out}: {len(sessions)} sessions, stimulus {list(stimulus.shape)}")
