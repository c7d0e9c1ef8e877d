#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Train openretina's model on a simulated retina and keep its Lightning checkpoint.

Follows openretina's own training script step by step (data set objects, data_info, loaders,
UnifiedCoreReadout(**cfg.model), fit, test, save), with one difference: the recordings come from
retina_simulation.py instead of being downloaded. Writes tests/golden/trained/model.ckpt.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import hydra.utils
import lightning.pytorch
import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from torch.utils.data import DataLoader

import peer_tools
import retina_simulation as sim
from openretina.data_io.base import (
    MoviesTrainTestSplit,
    ResponsesTrainTestSplit,
    compute_data_info,
    normalize_train_test_movies,
)
from openretina.data_io.base_dataloader import multiple_movies_dataloaders
from openretina.data_io.cyclers import LongCycler, ShortCycler
from openretina.models.core_readout import UnifiedCoreReadout, load_core_readout_model

# The order in which the sessions are inserted is not their sorted order, on purpose: a reader
# which forgets that concatenated responses follow the sorted order fails on this file.
SESSIONS = {"2_dorsal1_20200306": 22, "1_ventral1_20200226": 18}

TRAIN_SCENES, TEST_SCENES, TEST_REPEATS = 60, 5, 4

# The same tree as openretina's configuration of the low-resolution mouse model with Gaussian
# masks. It is kept whole, not only its `model` part, because OmegaConf nodes know their parents:
# real checkpoints carry the entire configuration along. The scheduler is spelled out because the
# default of this release watches a metric (val_correlation) which it does not log.
CONFIG = """
exp_name: simulated_retina_core_readout_low_res
seed: 42
check_stimuli_responses_match: true
dataloader:
  _target_: openretina.data_io.base_dataloader.multiple_movies_dataloaders
  _convert_: object
  batch_size: 16
  train_chunk_size: 50
  clip_length: 150
  num_val_clips: 8
  allow_over_boundaries: true
model:
  in_shape: [2, 150, 18, 16]
  hidden_channels: [16, 16]
  n_neurons_dict: ???
  core:
    _target_: openretina.modules.core.base_core.SimpleCoreWrapper
    _convert_: object
    temporal_kernel_sizes: [21, 11]
    spatial_kernel_sizes: [11, 5]
    gamma_input: 0.0
    gamma_in_sparse: 0.0
    gamma_hidden: 0.0
    gamma_temporal: 40.0
    input_padding: 0
    hidden_padding: [0, 2, 2]
    maxpool_every_n_layers: null
    downsample_input_kernel_size: null
    convolution_type: custom_separable
    dropout_rate: 0.0
    cut_first_n_frames: 0
    channels: ???
  readout:
    _target_: openretina.modules.readout.multi_readout.MultiGaussianMaskReadout
    _convert_: object
    scale: true
    bias: true
    gaussian_mean_scale: 6.0
    gaussian_var_scale: 4.0
    positive: true
    mask_l1_reg: 0.4
    feature_weights_l1_reg: 0.4
    readout_reg_avg: false
  learning_rate: 0.01
  optimizer: ${optimizer}
  lr_scheduler: ${lr_scheduler}
optimizer:
  _target_: torch.optim.AdamW
  lr: ${model.learning_rate}
  betas: [0.9, 0.999]
  eps: 1.0e-8
  weight_decay: 0.01
  amsgrad: false
lr_scheduler:
  _target_: torch.optim.lr_scheduler.ReduceLROnPlateau
  mode: max
  factor: 0.3
  patience: 5
  threshold: 0.0005
  threshold_mode: abs
  cooldown: 0
  eps: 1.0e-8
  monitor: val_evaluation_loss
  interval: epoch
  frequency: 1
training_callbacks:
  early_stopping:
    _target_: lightning.pytorch.callbacks.EarlyStopping
    monitor: val_evaluation_loss
    mode: max
    patience: 12
  model_checkpoint:
    _target_: lightning.pytorch.callbacks.ModelCheckpoint
    dirpath: ${paths.output_dir}/checkpoints
    filename: best
    monitor: val_evaluation_loss
    mode: max
    save_top_k: 1
paths:
  output_dir: ???
data_io:
  data_info:
    animal_species: mouse
    stimulus_class: simulated natural movie
    stimulus_rate_hz: 30.0
    response_rate_hz: 30.0
    retina_pixel_size_um: 50
trainer:
  _target_: lightning.Trainer
  accelerator: cpu
  deterministic: warn
  precision: 32-true
  max_epochs: 40
  gradient_clip_val: 1
  accumulate_grad_batches: 1
  logger: false
  enable_progress_bar: false
  enable_model_summary: false
"""


def session_responses(
    name: str, seed: int, n_neurons: int, train: np.ndarray, test: np.ndarray
) -> ResponsesTrainTestSplit:
    """One simulated session: a trial of the training movie, repeats of the test movie."""
    cells = sim.population(seed, n_neurons)
    test_rates = sim.population_rates(test, cells)
    by_trial = np.stack([sim.noisy(test_rates, 100 * seed + k) for k in range(TEST_REPEATS)])
    return ResponsesTrainTestSplit(
        train=sim.noisy(sim.population_rates(train, cells), 100 * seed + 99),
        test=by_trial.mean(axis=0),
        test_by_trial=by_trial,
        stim_id="natural",
        session_kwargs={
            "eye": "right" if "ventral" in name else "left",
            "scan_sequence_idx": seed,
            "group_assignment": cells.groups,
            "roi_ids": np.arange(1, n_neurons + 1, dtype=np.int64),
            "roi_mask": sim.roi_mask(cells),
        },
    )


def simulated_recordings() -> tuple[
    dict[str, ResponsesTrainTestSplit], dict[str, MoviesTrainTestSplit]
]:
    """Responses and movies of all sessions; all sessions saw the same movies."""
    train, test, norm = normalize_train_test_movies(
        sim.natural_movie(seed=1, n_scenes=TRAIN_SCENES),
        sim.natural_movie(seed=2, n_scenes=TEST_SCENES),
    )
    movies = MoviesTrainTestSplit(train=train, test=test, stim_id="natural", **norm)
    recordings = {
        name: session_responses(name, seed, n, train, test)
        for seed, (name, n) in enumerate(SESSIONS.items(), start=1)
    }
    return recordings, {name: movies for name in recordings}


def train(cfg: DictConfig, recordings: dict, movies: dict) -> lightning.Trainer:
    """Fit and test the model as openretina's training script does; return the trainer."""
    for session, responses in recordings.items():
        responses.check_matching_stimulus(movies[session])
    dataloaders = hydra.utils.instantiate(
        cfg.dataloader, neuron_data_dictionary=recordings, movies_dictionary=movies
    )
    # Plain values, as the files users have: not nodes of the configuration.
    partial_info = OmegaConf.to_container(cfg.data_io.data_info)
    data_info = compute_data_info(recordings, movies, partial_data_info=partial_info)
    lightning.pytorch.seed_everything(cfg.seed, verbose=False)
    cfg.model.n_neurons_dict = data_info["n_neurons_dict"]
    model = UnifiedCoreReadout(data_info=data_info, **cfg.model)
    callbacks = [hydra.utils.instantiate(c) for c in cfg.training_callbacks.values()]
    trainer = hydra.utils.instantiate(cfg.trainer, callbacks=callbacks)
    trainer.fit(
        model,
        train_dataloaders=DataLoader(LongCycler(dataloaders["train"]), batch_size=None),
        val_dataloaders=ShortCycler(dataloaders["validation"]),
    )
    validation = {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("val_")}
    print(f"trained {trainer.current_epoch} epochs, last validation {validation}")
    print(f"best validation correlation {float(trainer.checkpoint_callback.best_model_score):.4f}")
    # weights_only is not in openretina's script: since torch 2.6 reading a configuration back needs
    # it. Testing stores the test correlations and the number of cut frames in data_info.
    trainer.test(
        model,
        dataloaders=[ShortCycler(dataloaders["test"])],
        ckpt_path="best",
        verbose=False,
        weights_only=False,
    )
    print({k: round(float(v), 4) for k, v in trainer.callback_metrics.items()})
    return trainer


def forget_directory(trainer: lightning.Trainer, directory: str) -> None:
    """Make the paths which callbacks remember relative: the file shall not name this machine."""
    for callback in trainer.callbacks:
        for name, value in vars(callback).items():
            setattr(callback, name, _relative(value, directory))


def _relative(value: Any, directory: str) -> Any:
    if isinstance(value, str):
        return value.replace(directory, "run")
    if isinstance(value, dict):
        return {_relative(k, directory): _relative(v, directory) for k, v in value.items()}
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=peer_tools.GOLDEN / "trained" / "model.ckpt")
    parser.add_argument("--epochs", type=int, default=None, help="fewer epochs, to try things out")
    args = parser.parse_args()
    args.output.parent.mkdir(parents=True, exist_ok=True)

    peer_tools.be_reproducible()
    cfg = OmegaConf.create(CONFIG)
    if args.epochs is not None:
        cfg.trainer.max_epochs = args.epochs
    recordings, movies = simulated_recordings()
    with tempfile.TemporaryDirectory() as directory:
        directory = str(Path(directory).resolve())
        cfg.paths.output_dir = directory
        trainer = train(cfg, recordings, movies)
        cfg.paths.output_dir = "run"
        forget_directory(trainer, directory)
        trainer.save_checkpoint(args.output)

    model = load_core_readout_model(str(args.output), "cpu")
    size = args.output.stat().st_size
    print(f"{args.output.name}: {size} bytes, sessions {model.readout.sessions}")


if __name__ == "__main__":
    main()
