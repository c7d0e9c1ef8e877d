#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tuning statistics against public implementations, on random curves.

    tuning_statistics.py TUNING_VALUES

Vector sums, preferred angles and circular widths against astropy.stats and scipy.stats, false-discovery
rates against statsmodels, singular vectors and harmonics against numpy. The index of the singular
vector follows the text of Baden et al. (2016) here, written once more with numpy's full SVD.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
from astropy.stats import circmean, circmoment
from scipy.stats import circmean as scipy_circmean
from scipy.stats import circstd
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import fdrcorrection

TOLERANCE = 1e-9
worst: dict[str, float] = {}


def ask(program: str, *arguments: Any, rows: np.ndarray) -> list[str]:
    text = "\n".join(" ".join(repr(float(v)) for v in row) for row in rows)
    command = [program, *map(str, arguments)]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def numbers(lines: list[str]) -> np.ndarray:
    return np.array([[float(v) for v in line.split()] for line in lines])


def compare(name: str, ours: np.ndarray, theirs: np.ndarray, period: float | None = None) -> None:
    difference = np.asarray(ours) - np.asarray(theirs)
    if period:
        difference = np.mod(difference + period / 2, period) - period / 2
    deviation = float(np.max(np.abs(difference))) if np.isfinite(difference).all() else np.inf
    worst[name] = max(worst.get(name, 0.0), deviation)


def selectivity(profile: np.ndarray, radians: np.ndarray, fold: int, n_different: int) -> float:
    v = (profile - profile.min()) / (profile.max() - profile.min())
    d = 2 * np.pi / n_different  # of bins on the circle, doubled for axes
    return float(d / 2 / np.sin(d / 2) * np.abs(np.sum(v * np.exp(1j * fold * radians))) / v.sum())


def directions(program: str, generator: np.random.Generator) -> None:
    for n in (5, 8, 12, 16):
        n_cells, n_frames = 50, 30
        degrees = generator.uniform(0, 360) + np.arange(n) * 360 / n
        order = generator.permutation(n)
        radians = np.deg2rad(degrees[order])
        y = generator.gamma(2, 3, (n_cells, n))
        y *= 1 + 0.8 * np.cos(radians - generator.uniform(0, 2 * np.pi, (n_cells, 1)))
        course = generator.gamma(2, 1, (n_cells, 1, n_frames))
        traces = y[:, :, None] * course + generator.normal(0, 0.3, (n_cells, n, n_frames))
        rows = np.concatenate(
            [np.tile(degrees[order], (n_cells, 1)), y, traces.reshape(n_cells, -1)], axis=1
        )
        lines = ask(program, "direction", n, n_frames, rows=rows)
        ours = dict(zip(lines[0].split(), numbers(lines[1:]).T))
        for k in range(n_cells):
            w = y[k]
            one, two = (circmoment(radians, p=p, weights=w) for p in (1, 2))
            compare("dsi_vector_sum, astropy", ours["dsi_vector_sum"][k], one[1])
            compare("osi_vector_sum, astropy", ours["osi_vector_sum"][k], two[1])
            compare(
                "preferred_direction_deg, astropy",
                ours["preferred_direction_deg"][k],
                np.rad2deg(circmean(radians, weights=w)),
                360,
            )
            compare(
                "preferred_orientation_deg, astropy",
                ours["preferred_orientation_deg"][k],
                np.rad2deg(two[0]) / 2,
                180,
            )
            vt = np.linalg.svd(traces[k].T, full_matrices=False)[2][0]
            vt = vt if np.sum(vt * (w - w.mean())) >= 0 else -vt
            axes = n if n % 2 else n // 2
            compare("dsi, numpy's SVD", ours["dsi"][k], selectivity(vt, radians, 1, n))
            compare("osi, numpy's SVD", ours["osi"][k], selectivity(vt, radians, 2, axes))
        # scipy counts samples: whole responses are samples at their directions.
        counts = generator.poisson(6, (n_cells, n)) + 1.0
        rows = np.concatenate([rows[:, :n], counts, traces.reshape(n_cells, -1)], axis=1)
        lines = ask(program, "direction", n, n_frames, rows=rows)
        ours = dict(zip(lines[0].split(), numbers(lines[1:]).T))
        for k in range(n_cells):
            samples = np.repeat(radians, counts[k].astype(int))
            compare(
                "preferred_direction_deg, scipy",
                ours["preferred_direction_deg"][k],
                np.rad2deg(scipy_circmean(samples)),
                360,
            )
            compare(
                "direction_tuning_width_deg, scipy",
                ours["direction_tuning_width_deg"][k],
                np.rad2deg(circstd(samples)),
            )


def false_discoveries(program: str, generator: np.random.Generator) -> None:
    for n in (1, 7, 400):
        p = generator.uniform(0, 1, (20, n)) ** generator.integers(1, 5, (20, 1))
        p[:, : n // 3] = np.round(p[:, : n // 3], 1)  # ties
        ours = numbers(ask(program, "fdr", n, rows=p))
        for mine, row in zip(ours, p):
            compare("q, statsmodels", mine, fdrcorrection(row)[1])
            compare("q, scipy", mine, false_discovery_control(row))


def harmonics(program: str, generator: np.random.Generator) -> None:
    n, rate = 120, 30.0
    for cycles in (1, 5, 13):
        trace = generator.normal(3, 1, (10, n))
        ours = numbers(ask(program, "harmonics", n, rate, cycles * rate / n, rows=trace))
        spectrum = np.abs(np.fft.rfft(trace)) / n
        compare("F0, numpy", ours[:, 0], trace.mean(axis=1))
        compare("F1, numpy", ours[:, 1], 2 * spectrum[:, cycles])
        compare("F2, numpy", ours[:, 2], 2 * spectrum[:, 2 * cycles])


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    generator = np.random.default_rng(20)
    directions(sys.argv[1], generator)
    false_discoveries(sys.argv[1], generator)
    harmonics(sys.argv[1], generator)
    for name, deviation in worst.items():
        print(f"{name:40s} {deviation:.1e}")
    return int(max(worst.values()) > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
