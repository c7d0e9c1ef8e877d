#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a whole run of a job costs beside computing, and what a second rank gains.

    overhead  seconds of one rank: computing, writing rows with their checksums, sums over seeds, and
              all the rest of the run phase (dealing, messages, journal); medians over the repeats
    scaling   one rank and two, in turns: seconds of the run phase (the journal's) and of the whole
              process, and their ratios; the results files are compared byte by byte

The job is jobs/demo.yaml; key=value arguments override its keys. Wants a quiet machine. Run by
run.sh.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[2]


def environment() -> dict[str, str]:
    """Ranks have a core each: they need not give it away, and may be root's in a container."""
    return os.environ | {
        "OMPI_MCA_mpi_yield_when_idle": "0",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }


def call(command: list[Any]) -> str:
    done = subprocess.run(
        [str(word) for word in command], env=environment(), capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"bench_run.py: {command[0]} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def overhead(args: argparse.Namespace) -> dict[str, Any]:
    runs = []
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        for _ in range(args.repeats):
            command = [args.program, args.job, Path(folder, "r.h5"), *args.overrides]
            runs.append(json.loads(call(command).splitlines()[-1]))
    result = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    return result | {
        "tasks": runs[0]["tasks"],
        "repeats": args.repeats,
        "most_percent": max(run["percent"] for run in runs),
    }


def show_overhead(r: dict[str, Any]) -> None:
    print(f"{r['tasks']} tasks on one rank, medians of {r['repeats']} runs")
    print(f"  computing                 {r['compute_s']:9.3f} s")
    write_us = 1e6 * r["write_s"] / r["tasks"]
    print(f"  rows and checksums        {r['write_s']:9.3f} s ({write_us:.0f} us a task)")
    print(f"  dealing, journal, rest    {r['rest_s']:9.3f} s")
    print(f"  sums over seeds           {r['finish_s']:9.3f} s")
    print(
        f"  overhead                  {r['percent']:9.3f} % of computing (all but computing and sums;"
        f" the worst run: {r['most_percent']:.3f} %)"
    )


def timed_run(args: argparse.Namespace, n_ranks: int, output: Path) -> tuple[float, float]:
    """Seconds of the run phase and of the process."""
    program = [args.insilico, "run", "--quiet", "--fresh", args.job, f"output={output}"]
    launch = ["mpirun", "-n", n_ranks] if n_ranks > 1 else []
    start = time.perf_counter()
    call([*launch, *program, *args.overrides])
    seconds = time.perf_counter() - start
    journal = output.with_suffix(".journal.jsonl").read_text().splitlines()
    return json.loads(journal[-1])["seconds"], seconds


def scaling(args: argparse.Namespace) -> dict[str, Any]:
    one, two = [], []
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        single, double = Path(folder, "one.h5"), Path(folder, "two.h5")
        for _ in range(args.repeats):
            one.append(timed_run(args, 1, single))
            two.append(timed_run(args, 2, double))
        if not filecmp.cmp(single, double, shallow=False):
            sys.exit("bench_run.py: one rank and two left different results")
    run_1, process_1 = (statistics.median(times) for times in zip(*one))
    run_2, process_2 = (statistics.median(times) for times in zip(*two))
    return {
        "repeats": args.repeats,
        "run_s": [run_1, run_2],
        "process_s": [process_1, process_2],
        "run_ratio": run_1 / run_2,
        "process_ratio": process_1 / process_2,
        "all_run_s": [[t[0] for t in one], [t[0] for t in two]],
    }


def show_scaling(r: dict[str, Any]) -> None:
    print(f"medians of {r['repeats']} runs each, in turns; same bytes")
    for what, key in ("run phase", "run"), ("whole process", "process"):
        one, two = r[f"{key}_s"]
        print(
            f"  {what:<14} 1 rank {one:8.3f} s   2 ranks {two:8.3f} s   {r[f'{key}_ratio']:.3f} times"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("overhead", "scaling"))
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="keys of the job")
    parser.add_argument("--program", required=True, help="the built bench_overhead")
    parser.add_argument("--insilico", required=True, help="the built insilico")
    parser.add_argument("--job", type=Path, default=SOURCE / "jobs" / "demo.yaml")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", help="for results files (default: the system's for such)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    args = parser.parse_intermixed_args()
    measure, show = (overhead, show_overhead) if args.what == "overhead" else (scaling, show_scaling)
    result = measure(args)
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        show(result)


if __name__ == "__main__":
    main()
