#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A whole population job on one rank and on two, from the file of responses to the file of results.

The responses are those of the built-in retina to white noise. What each analysis took is in the
journal of the run. Wants a quiet machine. Run by run.sh.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

FRAMES = 500  # of one stimulus; the model answers to each
RATE = 30.0

ANALYSES = """analyses:
  - {kind: signal_correlation}
  - {kind: components, components: 50}
  - {kind: clusters, k: "2:16", components: 20}
"""


def write_jobs(folder: pathlib.Path, neurons: int, stimuli: int) -> None:
    names = [f"noise_{i}" for i in range(stimuli // FRAMES)]
    lines = [f"model: builtin:ground_truth?neurons={neurons}", "locate: false", "stimuli:"]
    lines += [
        f"  - {{kind: white_noise, name: {name}, seed: {seed}, before_s: 0, after_s: 0,"
        f" duration_s: {(FRAMES - 0.02) / RATE}}}"
        for seed, name in enumerate(names)
    ]
    responses = ["experiment: tuning", *lines, "output: responses.h5", ""]
    (folder / "responses.yaml").write_text("\n".join(responses))
    variables = ", ".join(f"{name}/response" for name in names)
    (folder / "population.yaml").write_text(
        "experiment: population\n"
        f"data: [{{kind: results, file: responses.h5, variables: [{variables}]}}]\n"
        f"{ANALYSES}output: population.h5\n"
    )


def run(args: argparse.Namespace, folder: pathlib.Path, ranks: int, job: str, output: str):
    """Seconds that the whole run takes, and the memory of its largest process in GiB."""
    environment = os.environ | {
        "OMPI_MCA_mpi_yield_when_idle": "0",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }
    command = ["mpirun", "-n", str(ranks), args.program, "run", "--quiet", job, f"output={output}"]
    start = time.monotonic()
    with open(folder / "messages", "w+") as messages:
        process = subprocess.Popen(command, cwd=folder, env=environment, stderr=messages)
        _, status, used = os.wait4(process.pid, 0)
        messages.seek(0)
        if status:
            sys.exit(f"bench_population_job.py: {job} ended with {status}: {messages.read()}")
    return time.monotonic() - start, used.ru_maxrss / 2**20


def seconds_of(journal: pathlib.Path) -> dict[str, float]:
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    return {event["stage"]: event["seconds"] for event in events if event["event"] == "batch"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--program", required=True, help="the built insilico")
    parser.add_argument("--neurons", type=int, default=20000)
    parser.add_argument("--stimuli", type=int, default=5000, help=f"a multiple of {FRAMES}")
    parser.add_argument("--folder", help="for the files, of some GB (default: that of the system)")
    args = parser.parse_args()
    args.program = str(pathlib.Path(args.program).resolve())
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = pathlib.Path(name)
        write_jobs(folder, args.neurons, args.stimuli)
        run(args, folder, 2, "responses.yaml", "responses.h5")
        took, whole, peak = {}, {}, {}
        for ranks in (1, 2):
            whole[ranks], peak[ranks] = run(args, folder, ranks, "population.yaml", f"{ranks}.h5")
            took[ranks] = seconds_of(folder / f"{ranks}.journal.jsonl")
    print(f"{args.neurons} neurons x {args.stimuli} stimuli, one thread a rank")
    rows = [(stage, took[1][stage], took[2][stage]) for stage in took[1]]
    for stage, one, two in [*rows, ("the whole run", whole[1], whole[2])]:
        print(f"  {stage:20} 1 rank {one:7.1f} s   2 ranks {two:7.1f} s   {one / two:.2f} times")
    memory = f"1 rank {peak[1]:7.2f} GiB 2 ranks {peak[2]:7.2f} GiB each"
    print(f"  {'memory at most':20} {memory}")


if __name__ == "__main__":
    main()
