#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One iteration of a stimulus optimisation, insilico's plan against openretina's own loop.

For each stimulus size a model of openretina's default family (2 -> 16 -> 16 channels, temporal kernels
21 and 11, spatial kernels 11 and 5) gets random weights and is written as a checkpoint, which
bench_step opens. Both then maximise slice_mean(10,10) of the same neuron from the same stimulus of 50
frames, one thread each, in turns; what is compared are medians over the turns.

openretina is timed as its users run it (optimize_stimulus on a loaded model, whose weights ask for
gradients) and with frozen weights. Run by run.sh.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "peer"))

import peer_tools  # noqa: E402
from openretina.insilico.stimulus_optimization.objective import (  # noqa: E402
    IncreaseObjective,
    SliceMeanReducer,
)
from openretina.insilico.stimulus_optimization.optimization_stopper import (  # noqa: E402
    OptimizationStopper,
)
from openretina.insilico.stimulus_optimization.optimizer import optimize_stimulus  # noqa: E402
from openretina.models.core_readout import (  # noqa: E402
    UnifiedCoreReadout,
    load_core_readout_model,
)

FRAMES, NEURON, N_NEURONS = 50, 7, 20
SIZES = {"18x16": (18, 16), "72x64": (72, 64)}
CORE = {
    "_target_": "openretina.modules.core.base_core.SimpleCoreWrapper",
    "_convert_": "object",
    "temporal_kernel_sizes": [21, 11],
    "spatial_kernel_sizes": [11, 5],
    "gamma_input": 0.0,
    "gamma_in_sparse": 0.0,
    "gamma_hidden": 0.0,
    "gamma_temporal": 0.0,
    "input_padding": 0,
    "hidden_padding": [0, 2, 2],
    "maxpool_every_n_layers": None,
    "downsample_input_kernel_size": None,
    "convolution_type": "custom_separable",
    "dropout_rate": 0.0,
    "cut_first_n_frames": 0,
}
READOUT = {
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


def make_model(directory: Path, height: int, width: int) -> Any:
    """A checkpoint with random weights of a size that matters, and the model read back from it."""
    torch.manual_seed(1)
    arguments = {
        "in_shape": [2, 150, height, width],
        "hidden_channels": [16, 16],
        "n_neurons_dict": {"session": N_NEURONS},
        "core": CORE,
        "readout": READOUT,
        "learning_rate": 0.01,
    }
    data_info = {"n_neurons_dict": {"session": N_NEURONS}, "input_shape": (2, height, width)}
    model = UnifiedCoreReadout(data_info=data_info, **OmegaConf.create(arguments))
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name.endswith(("sin_weights", "cos_weights")):
                value.normal_(0.0, 1.0 / value.shape[2])
            elif name.endswith("weight_spatial"):
                value.normal_(0.0, float(np.prod(value.shape[1:])) ** -0.5)
    peer_tools.save_checkpoint(model, directory / "model.ckpt")
    return load_core_readout_model(str(directory / "model.ckpt"), "cpu").eval()


def make_objective(model: Any) -> IncreaseObjective:
    return IncreaseObjective(model, [NEURON], "session", SliceMeanReducer(axis=0, start=10, length=10))


def time_peer(model: Any, x: torch.Tensor, iterations: int) -> float:
    """Milliseconds of an iteration of openretina's optimize_stimulus."""
    stimulus = x[None].clone().requires_grad_(True)
    stopper = OptimizationStopper(max_iterations=iterations)
    start = time.perf_counter()
    optimize_stimulus(stimulus, partial(torch.optim.SGD, lr=1e-3), make_objective(model), stopper)
    return 1e3 * (time.perf_counter() - start) / iterations


def time_ours(program: str, directory: Path, iterations: int) -> dict[str, Any]:
    command = [program, directory / "model.ckpt", directory / "x.npy", str(NEURON), str(iterations)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def freeze(model: Any, frozen: bool) -> None:
    for parameter in model.parameters():
        parameter.requires_grad_(not frozen)


def compare(program: str, size: str, repeats: int) -> dict[str, Any]:
    """Takes turns; returns medians."""
    height, width = SIZES[size]
    small = height * width < 1000
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        model = make_model(directory, height, width)
        x = torch.from_numpy(
            np.random.default_rng(3).normal(size=(2, FRAMES, height, width)).astype(np.float32)
        )
        peer_tools.save_array(directory / "x.npy", x)
        objective = make_objective(model).forward(x[None]).item()
        ours, users, frozen = [], [], []
        time_peer(model, x, 1)
        for _ in range(repeats):
            ours.append(time_ours(program, directory, 300 if small else 20))
            freeze(model, False)
            users.append(time_peer(model, x, 10 if small else 1))
            freeze(model, True)
            frozen.append(time_peer(model, x, 10 if small else 1))
    error = abs(ours[0]["objective"] - objective) / abs(objective)
    if not error < 1e-5:
        raise SystemExit(f"bench_step.py: objectives differ: {ours[0]['objective']} and {objective}")
    ms = statistics.median(o["ms"] for o in ours)
    gflops = statistics.median(o["gflops"] for o in ours)
    peak = max(o["peak_gflops"] for o in ours)
    peer_users, peer_frozen = statistics.median(users), statistics.median(frozen)
    return {
        "stimulus": f"2x{FRAMES}x{size}",
        "kernels": ours[0]["kernels"],
        "repeats": repeats,
        "insilico_ms": round(ms, 4),
        "insilico_least_ms": min(o["least_ms"] for o in ours),
        "peer_ms": round(peer_users, 2),
        "peer_frozen_ms": round(peer_frozen, 2),
        "ratio": round(peer_users / ms, 1),
        "ratio_frozen": round(peer_frozen / ms, 1),
        "gflops": gflops,
        "peak_gflops": peak,
        "share_of_peak": round(gflops / peak, 3),
        "objective_relative_error": float(f"{error:.2g}"),
    }


def show(result: dict[str, Any]) -> None:
    print(f"stimulus {result['stimulus']}, {result['kernels']}, medians of {result['repeats']} turns")
    print(f"  insilico                        {result['insilico_ms']:10.3f} ms an iteration")
    print(f"  openretina, as its users run it {result['peer_ms']:10.1f} ms   ({result['ratio']} x)")
    print(f"  openretina, frozen weights      {result['peer_frozen_ms']:10.1f} ms   ({result['ratio_frozen']} x)")
    print(
        f"  {result['gflops']} GFLOP/s of {result['peak_gflops']} that multiply-adds alone reach "
        f"({100 * result['share_of_peak']:.0f} %)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True, help="the built bench_step")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    args = parser.parse_args()
    peer_tools.be_reproducible()
    torch.use_deterministic_algorithms(False)
    results = [compare(args.program, size, args.repeats) for size in args.sizes]
    if args.json:
        versions = peer_tools.versions()
        print(json.dumps({"versions": versions, "results": results}, indent=2))
    else:
        for result in results:
            show(result)


if __name__ == "__main__":
    main()
