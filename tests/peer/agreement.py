#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The program against openretina on every model of make_matrix.py.

    agreement.py PROGRAM [--matrix FOLDER] [--document docs/agreement.md]

Each model answers by the experiment `response`, and gives the gradient of every neuron's mean
response by one step of a stimulus optimization: with a step of L, the stimulus moves by L times the
gradient. Prints tables of the worst deviations, relative to the largest number of a model's answer,
and puts them between the markers of the document. The status says whether all are below 1e-5.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

TOLERANCE = 1e-5
STEP = 1e6  # so large that the stimulus it starts from is lost in rounding
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass
class Result:
    """How one model came out: two deviations, or why it was refused."""

    entry: dict[str, Any]
    response: float = float("nan")
    gradient: float = float("nan")
    peer: float = float("nan")  # openretina's float32 against its float64, the worse of both
    refused: str | None = None

    @property
    def good(self) -> bool:
        return self.response < TOLERANCE and self.gradient < TOLERANCE  # not of NaN


def deviation(ours: np.ndarray, theirs: np.ndarray) -> float:
    if ours.shape != theirs.shape or not np.isfinite(ours).all():
        return float("inf")
    return float(np.abs(ours.astype(float) - theirs).max() / np.abs(theirs).max())


# ------------------------------------------------- asking the program


def without_paths(message: str) -> str:
    """What the program says, less its name and the places of files that exist only here."""
    message = message.removeprefix("insilico: error: ")
    return " ".join(w for w in message.split(" ") if not w.startswith("/") and w != "model:")


def model_section(entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    section = dict(entry["model"])
    if "file" in section:
        section["file"] = str(folder / section["file"])
    if "files" in section:
        section["files"] = [str(folder / file) for file in section["files"]]
    return section


def run(program: str, job: dict[str, Any], folder: Path, name: str) -> Path:
    """Results of a job; JSON is YAML. Raises RuntimeError with the program's own words."""
    job = job | {"output": str(folder / f"{name}.h5")}
    (folder / f"{name}.yaml").write_text(json.dumps(job))
    command = [program, "run", "--quiet", "--fresh", str(folder / f"{name}.yaml")]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("insilico: error:")]
        raise RuntimeError(without_paths(said[-1]) if said else f"status {done.returncode}")
    return Path(job["output"])


def ask(program: str, entry: dict[str, Any], folder: Path, scratch: Path) -> Result:
    name, model = entry["name"], model_section(entry, folder)
    x = np.load(folder / "stimulus.npy")
    start = scratch / f"{name}-start.npy"
    np.save(start, x[0])
    try:
        job: dict[str, Any] = {"experiment": "response", "model": model}
        with h5py.File(
            run(program, job | {"stimulus": str(folder / "stimulus.npy")}, scratch, name)
        ) as file:
            r = file["response"][:]
        step = {
            "experiment": "stimulus_optimization", "model": model, "seeds": 0,
            "stimulus": {"frames": x.shape[2], "init": {"file": str(start)}},
            "objective": {"kind": "increase", "reduce": {"kind": "mean"}},
            "optimizer": {"kind": "sgd", "lr": STEP}, "stop": {"max_iterations": 1},
        }  # fmt: skip
        with h5py.File(run(program, step, scratch, f"{name}-step")) as file:
            dx = (file["last_stimulus"][:, 0] - x[0].astype(float)) / STEP
    except RuntimeError as error:
        return Result(entry, refused=str(error))
    r32, r64 = np.load(folder / "responses_all.npy"), np.load(folder / "responses_f64.npy")
    g32, g64 = np.load(folder / "gradient.npy"), np.load(folder / "gradient_f64.npy")
    return Result(
        entry,
        response=deviation(r, r32),
        gradient=deviation(dx, np.load(folder / "gradients_of_means.npy")),
        peer=max(deviation(r32, r64), deviation(g32, g64)),
    )


# ------------------------------------------------- telling


def number(x: float) -> str:
    return f"{x:.0e}".replace("e-0", "e-")


def cell(results: list[Result]) -> str:
    """Worst of responses and gradients, and of how many models."""
    ran = [r for r in results if r.refused is None]
    if not ran:
        return "refused" if results else ""
    response, gradient = max(r.response for r in ran), max(r.gradient for r in ran)
    refused = f", {len(results) - len(ran)} refused" if len(ran) < len(results) else ""
    return f"{number(response)}, {number(gradient)} ({len(ran)}{refused})"


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def in_order(words: list[str]) -> list[str]:
    return list(dict.fromkeys(words))


def place_of_core(row: str) -> tuple[int, int]:
    core, _, convolution = row.partition(", ")
    cores = ("SimpleCoreWrapper", "ConvGRUCore", "ConditionedGRUCore", "DummyCore")
    convolutions = ("", "custom_separable", "separable", "full", "time_independent")
    return cores.index(core), convolutions.index(convolution)


def pair_table(results: list[Result]) -> str:
    single = [r for r in results if not r.entry["container"].endswith("ensemble")]
    single = [r for r in single if r.entry["row"] != "single cell"]
    rows = sorted(in_order([r.entry["row"] for r in single]), key=place_of_core)
    columns = in_order([r.entry["column"] for r in single])
    body = [
        [row]
        + [
            cell([r for r in single if (r.entry["row"], r.entry["column"]) == (row, column)])
            for column in columns
        ]
        for row in rows
    ]
    return table(["core", *columns], body)


CONTAINERS = {
    "lightning": "Lightning checkpoint, settings as OmegaConf",
    "plain": "Lightning checkpoint, settings as plain dictionaries",
    "example": "Lightning checkpoint of ExampleCoreReadout",
    "bare": "state dict, architecture in the job",
    "ensemble": "several Lightning checkpoints, responses averaged",
    "legacy ensemble": "folder of a published ensemble (YAML, pickle, torch before and after 1.6)",
}


def other_tables(results: list[Result]) -> list[str]:
    singles = in_order([r.entry["column"] for r in results if r.entry["row"] == "single cell"])
    body = [[name, cell([r for r in results if r.entry["column"] == name])] for name in singles]
    containers = [
        [text, cell([r for r in results if r.entry["container"] == kind])]
        for kind, text in CONTAINERS.items()
    ]
    what = "responses, gradients (models)"
    return [
        "Models of one cell:\n\n" + table(["model", what], body),
        "By what the model came in:\n\n" + table(["file", what], containers),
    ]


def tables(matrix: dict[str, Any], results: list[Result]) -> str:
    versions = matrix["versions"]
    ran = [r for r in results if r.refused is None]

    def worst(which: str) -> str:
        return number(max((getattr(r, which) for r in ran), default=0.0))

    summary = (
        f"openretina {versions['openretina']}, torch {versions['torch']}; {len(ran)} models ran. "
        f"Worst deviation of a response {worst('response')}, of a gradient {worst('gradient')}; "
        f"openretina's own float32 is up to {worst('peer')} from its float64."
    )
    cannot = [
        [c["row"], c["column"], c["what"], "`" + c["error"].replace("`", "'") + "`"]
        for c in matrix["cannot"]
    ]
    own_errors = table(["core", "readout", "what", "its error"], cannot)
    parts = [
        summary,
        "Each cell: worst deviation of responses, of gradients (number of models).",
        pair_table(results),
        *other_tables(results),
        "What openretina cannot run itself:\n\n" + own_errors,
    ]
    repaired = [r.entry for r in results if r.entry["patched"]]
    if repaired:
        lines = in_order([f"- {entry['column']}: {entry['patched']}" for entry in repaired])
        title = "Compared with a repaired copy of openretina, because its own fails:"
        parts.append(f"{title}\n\n" + "\n".join(lines))
    refused = [r for r in results if r.refused is not None]
    if refused:
        lines = in_order([f"- {r.entry['row']}: {r.refused}" for r in refused])
        parts.append("What `insilico` refuses:\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def put_between_markers(document: Path, text: str) -> None:
    before, rest = document.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    document.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--matrix", type=Path, help="a folder that make_matrix.py has filled")
    parser.add_argument("--document", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch, folder = Path(name), args.matrix
        if folder is None:
            folder = scratch / "matrix"
            maker = Path(__file__).with_name("make_matrix.py")
            subprocess.run(
                [sys.executable, str(maker), str(folder)], check=True, stderr=subprocess.DEVNULL
            )
        matrix = json.loads((folder / "matrix.json").read_text())
        with ThreadPoolExecutor(3) as pool:  # a run mostly waits for MPI to start
            asked = [
                pool.submit(ask, args.program, entry, folder / entry["name"], scratch)
                for entry in matrix["models"]
            ]
            results = [one.result() for one in asked]
    text = tables(matrix, results)
    print(text)
    if args.document:
        put_between_markers(args.document, text)
    bad = [r for r in results if not r.good]
    for r in bad:
        said = r.refused or f"responses {r.response:.1e}, gradients {r.gradient:.1e}"
        print(f"FAILED {r.entry['name']}: {said}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
