#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Matrices of a population's size: all ranks against one call of OpenBLAS on the same numbers.

In turns: OpenBLAS on one rank, ScaLAPACK on one rank and on two. Medians over the turns, ratios of
these medians; and the memory of all ranks together at its highest. Wants a quiet machine. Run by
run.sh.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys

WHAT = {
    "gram32": "N x N products, float32",
    "gram64": "N x N products, float64",
    "eigen": "eigenvectors, float64",
}


def measure(args: argparse.Namespace, how: str, ranks: int) -> dict[str, float]:
    environment = os.environ | {
        "OMPI_MCA_mpi_yield_when_idle": "0",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }
    sizes = [args.neurons, args.stimuli, args.block, 1]
    command = ["mpirun", "-n", ranks, args.program, how, *sizes, *args.what]
    done = subprocess.run(
        [str(word) for word in command], env=environment, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"bench_population.py: {args.program} ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", default=[], help="gram32, gram64, eigen (default: all)")
    parser.add_argument("--program", required=True, help="the built bench_population")
    parser.add_argument("--neurons", type=int, default=20000)
    parser.add_argument("--stimuli", type=int, default=5000)
    parser.add_argument("--block", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    args = parser.parse_args()
    args.what = args.what or list(WHAT)
    ways = {"OpenBLAS": ("blas", 1), "1 rank": ("grid", 1), "2 ranks": ("grid", 2)}
    turns = [{name: measure(args, *way) for name, way in ways.items()} for _ in range(args.repeats)]
    result = {
        name: {key: statistics.median(turn[name][key] for turn in turns) for key in turns[0][name]}
        for name in ways
    }
    if args.json:
        print(json.dumps(result))
        return
    print(
        f"{args.neurons} neurons x {args.stimuli} stimuli, blocks of {args.block}, medians of"
        f" {args.repeats} turns; one thread a rank"
    )
    for key in args.what:
        blas, one, two = (result[name][key] for name in ways)
        print(
            f"  {WHAT[key]:<26} OpenBLAS {blas:7.2f} s   1 rank {one:7.2f} s   2 ranks {two:7.2f} s"
            f"   {one / two:.2f} times one rank, {blas / two:.2f} times OpenBLAS"
        )
    for name in ways:
        print(f"  memory at most, {name:<10} {result[name]['peak_bytes'] / 2**30:6.2f} GiB in all")


main()
