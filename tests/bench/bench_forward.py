#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Responses of all neurons of a model to a set of stimuli, insilico's plan against openretina.

    trained      the trained test checkpoint: 18 x 16 pixels, 40 neurons
    large        openretina's default family with random weights: 72 x 64 pixels, 20 neurons
    population   the built-in retina in openretina's own classes: 36 x 32 pixels, 1,000 neurons

openretina runs as its users would run it for responses: loaded, eval(), no_grad(), one thread, in
batches; the batch size that is fastest for the model is used. Both answer the same stimuli in turns;
what is compared are medians over the turns. Run by run.sh.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "peer"))

import peer_tools  # noqa: E402
from bench_step import make_model  # noqa: E402
from compare_live import CHECKPOINT, peer_of_ground_truth, relative_error  # noqa: E402
from openretina.models.core_readout import load_core_readout_model  # noqa: E402

FRAMES, BATCHES, TOLERANCE = 60, (1, 4, 16, 64), 1e-5
Respond = Callable[[torch.Tensor], torch.Tensor]


@dataclass
class Subject:
    """A model in a file and in openretina, the size of its stimuli, and how many of them."""

    file: Path
    respond: Respond
    height: int
    width: int
    n_stimuli: int = 64


def trained(directory: Path, insilico: str) -> Subject:
    return Subject(CHECKPOINT, load_core_readout_model(str(CHECKPOINT), "cpu").eval(), 18, 16)


def large(directory: Path, insilico: str) -> Subject:
    model = make_model(directory, 72, 64)
    return Subject(directory / "model.ckpt", model, 72, 64, n_stimuli=16)


def population(directory: Path, insilico: str) -> Subject:
    core, readout = peer_of_ground_truth(insilico, directory, "builtin:ground_truth?neurons=1000")
    return Subject(
        directory / "model.h5", lambda x: readout(core(x), data_key="ground_truth"), 36, 32
    )


MODELS = {"trained": trained, "large": large, "population": population}


def peer_pass(respond: Respond, x: torch.Tensor, batch: int) -> tuple[float, torch.Tensor]:
    """Milliseconds for all stimuli, and their responses."""
    start = time.perf_counter()
    with torch.no_grad():
        responses = torch.cat([respond(part) for part in x.split(batch)])
    return 1e3 * (time.perf_counter() - start), responses


def fastest_batch(respond: Respond, x: torch.Tensor) -> int:
    """After a pass that warms up, the best of two each."""
    peer_pass(respond, x[:1], 1)
    sizes = [b for b in BATCHES if b <= len(x)]
    return min(sizes, key=lambda b: min(peer_pass(respond, x, b)[0] for _ in range(2)))


def our_pass(program: str, subject: Subject, directory: Path) -> dict[str, Any]:
    command = [program, subject.file, directory / "x.npy", directory / "r.npy", "3"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def compare(name: str, program: str, insilico: str, repeats: int) -> dict[str, Any]:
    """Takes turns; returns medians."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        subject = MODELS[name](directory, insilico)
        shape = (subject.n_stimuli, 2, FRAMES, subject.height, subject.width)
        x = torch.from_numpy(np.random.default_rng(7).normal(size=shape).astype(np.float32))
        peer_tools.save_array(directory / "x.npy", x)
        batch = fastest_batch(subject.respond, x)
        ours, peer = [], []
        for _ in range(repeats):
            ours.append(our_pass(program, subject, directory))
            ms, theirs = peer_pass(subject.respond, x, batch)
            peer.append(ms)
        error = relative_error(np.load(directory / "r.npy"), theirs.numpy())
    if not error < TOLERANCE:
        raise SystemExit(f"bench_forward.py: {name}: responses differ by {error:.2g}")
    ms, peer_ms = statistics.median(o["ms"] for o in ours), statistics.median(peer)
    return {
        "model": name,
        "stimuli": f"{subject.n_stimuli}x2x{FRAMES}x{subject.height}x{subject.width}",
        "neurons": theirs.shape[-1],
        "kernels": ours[0]["kernels"],
        "repeats": repeats,
        "insilico_ms": round(ms, 2),
        "insilico_least_ms": round(min(o["least_ms"] for o in ours), 2),
        "insilico_one_neuron_ms": round(statistics.median(o["one_neuron_ms"] for o in ours), 2),
        "peer_ms": round(peer_ms, 1),
        "peer_least_ms": round(min(peer), 1),
        "peer_batch": batch,
        "ratio": round(peer_ms / ms, 1),
        "relative_error": float(f"{error:.2g}"),
    }


def show(r: dict[str, Any]) -> None:
    print(f"{r['model']}: {r['neurons']} neurons, stimuli {r['stimuli']}, {r['kernels']}")
    print(
        f"  insilico               {r['insilico_ms']:10.1f} ms for all stimuli"
        f" ({r['insilico_one_neuron_ms']} ms for one neuron); medians of {r['repeats']} turns"
    )
    print(f"  openretina, batch {r['peer_batch']:<4} {r['peer_ms']:10.1f} ms   ({r['ratio']} x)")
    print(f"  responses agree to {r['relative_error']:.1e} of the largest")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--program", required=True, help="the built bench_forward")
    parser.add_argument("--insilico", required=True, help="the built insilico")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    args = parser.parse_args()
    peer_tools.be_reproducible()
    torch.use_deterministic_algorithms(False)
    results = [compare(name, args.program, args.insilico, args.repeats) for name in args.models]
    if args.json:
        print(json.dumps({"versions": peer_tools.versions(), "results": results}, indent=2))
    else:
        for result in results:
            show(result)


if __name__ == "__main__":
    main()
