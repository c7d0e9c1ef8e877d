# SPDX-License-Identifier: MIT
"""A small simulated retina and the movies it sees: the data behind the trained test checkpoint.

Everything is a pure function of its arguments and of a seed. Axis letters: C channel, T time,
H row, W column, N neuron. The movies have the size of the low-resolution mouse stimuli
(2 channels green and UV, 18 x 16 pixels of 50 um, 30 frames a second).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, signal

FRAME_RATE_HZ = 30.0
HEIGHT, WIDTH = 18, 16
SCENE_FRAMES = 150  # every scene (clip) lasts 5 s, then the window jumps elsewhere


# ---------------------------------------------------------------- movies


def _texture(rng: np.random.Generator, size: int) -> np.ndarray:
    """A periodic random image [size,size] with amplitude 1/f, mean 0 and SD 1."""
    f = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    f[0, 0] = np.inf  # no mean
    spectrum = rng.normal(size=f.shape) + 1j * rng.normal(size=f.shape)
    image = np.fft.irfft2(spectrum / f, s=(size, size))
    return (image - image.mean()) / image.std()


def _gaze(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Window positions [T,2] of one scene: constant drift, smooth jitter and a saccade."""
    drift = rng.normal(scale=0.25, size=2) * np.arange(frames)[:, None]
    jitter = ndimage.gaussian_filter1d(rng.normal(size=(frames, 2)), 2.0, axis=0) * 1.2
    saccade = rng.normal(scale=4.0, size=2) * (np.arange(frames) > rng.integers(40, 110))[:, None]
    return rng.uniform(0, 256, size=2) + drift + jitter + saccade


def natural_movie(seed: int, n_scenes: int) -> np.ndarray:
    """A movie [C=2,T,H,W] float32 in display intensities (0..255), scene after scene.

    The two channels share most of their structure, as green and UV do outdoors, and intensities
    are skewed as in nature: many dark pixels, few bright ones.
    """
    rng = np.random.default_rng(seed)
    rows, cols = np.meshgrid(np.arange(HEIGHT), np.arange(WIDTH), indexing="ij")
    scenes = []
    for _ in range(n_scenes):
        shared, only_uv = _texture(rng, 256), _texture(rng, 256)
        mixture = rng.uniform(0.3, 0.9)
        channels = [shared, mixture * shared + np.sqrt(1 - mixture**2) * only_uv]
        path = _gaze(rng, SCENE_FRAMES)
        at = [
            path[:, 0, None, None] + rows[None],
            path[:, 1, None, None] + cols[None],
        ]
        contrast = [
            ndimage.map_coordinates(c, at, order=1, mode="grid-wrap") for c in channels
        ]
        scenes.append(np.stack(contrast))
    contrast = np.concatenate(scenes, axis=1)
    intensity = 30.0 * np.exp(0.75 * contrast)
    return np.clip(intensity, 0.0, 255.0).astype(np.float32)


# ---------------------------------------------------------------- neurons


@dataclass(frozen=True)
class CellType:
    """What the cells of one type share."""

    group: int  # number in the classification of mouse ganglion cells (1..46)
    sign: float  # +1 ON, -1 OFF, 0 both
    transient: bool
    green: float  # weights of the two channels in the centre
    uv: float
    centre_sd: float  # pixels
    surround: float  # weight of the surround, 0..1
    opponent: bool = False  # the surround takes the other channel
    direction_deg: float | None = None  # preferred direction of motion


CELL_TYPES = [
    CellType(group=5, sign=-1, transient=False, green=0.7, uv=0.7, centre_sd=1.3, surround=0.6),
    CellType(group=8, sign=-1, transient=True, green=0.6, uv=0.8, centre_sd=1.5, surround=0.7),
    CellType(group=7, sign=-1, transient=False, green=0.2, uv=1.0, centre_sd=1.0, surround=0.5),
    CellType(group=10, sign=0, transient=True, green=0.7, uv=0.7, centre_sd=1.1, surround=0.8),
    CellType(
        group=12, sign=+1, transient=True, green=0.8, uv=0.6, centre_sd=1.0, surround=0.3,
        direction_deg=0.0,
    ),
    CellType(
        group=13, sign=+1, transient=True, green=0.8, uv=0.6, centre_sd=1.0, surround=0.3,
        direction_deg=90.0,
    ),
    CellType(group=18, sign=+1, transient=True, green=0.7, uv=0.7, centre_sd=1.2, surround=0.6),
    CellType(group=22, sign=+1, transient=False, green=0.9, uv=0.4, centre_sd=1.2, surround=0.5),
    CellType(group=24, sign=+1, transient=False, green=0.6, uv=0.8, centre_sd=1.6, surround=0.6),
    CellType(
        group=28, sign=+1, transient=False, green=1.0, uv=0.0, centre_sd=1.4, surround=0.9,
        opponent=True,
    ),
]  # fmt: skip


def temporal_filter(transient: bool, frames: int = 20) -> np.ndarray:
    """Impulse response [frames], most recent frame first, unit L2 norm."""
    t = np.arange(frames) / FRAME_RATE_HZ

    def lobe(tau_s: float, order: int) -> np.ndarray:
        x = (t / tau_s) ** order * np.exp(-order * (t / tau_s - 1))
        return x / x.sum()

    kernel = lobe(0.08, 4) - (0.9 if transient else 0.15) * lobe(0.19, 4)
    return kernel / np.linalg.norm(kernel)


def _gaussian(row: float, col: float, sd: float) -> np.ndarray:
    """A Gaussian [H,W] of sum 1 (before the image borders cut it)."""
    d2 = (np.arange(HEIGHT)[:, None] - row) ** 2 + (np.arange(WIDTH)[None, :] - col) ** 2
    return np.exp(-d2 / (2 * sd**2)) / (2 * np.pi * sd**2)


def receptive_field(cell: CellType, row: float, col: float) -> np.ndarray:
    """Centre-surround weights [C,H,W]; an opponent surround swaps the channels."""
    centre = _gaussian(row, col, cell.centre_sd)
    surround = cell.surround * _gaussian(row, col, 2.8 * cell.centre_sd)
    colours = [cell.green, cell.uv]
    other = colours[::-1] if cell.opponent else colours
    return np.stack([c * centre - o * surround for c, o in zip(colours, other)])


def _drive(movie: np.ndarray, field: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Linear response [T]: movie [C,T,H,W] through space [C,H,W], then causally through time."""
    return signal.lfilter(kernel, [1.0], np.einsum("cthw,chw->t", movie, field))


def rate(movie: np.ndarray, cell: CellType, row: float, col: float) -> np.ndarray:
    """Noise-free firing rate [T] of one cell, mean 1, to a normalised movie [C,T,H,W]."""
    kernel = temporal_filter(cell.transient)
    field = receptive_field(cell, row, col)
    if cell.direction_deg is not None:
        # A subunit upstream of the preferred direction, three frames late: it coincides with the
        # direct one when something moves the preferred way and cancels it the other way.
        angle = np.deg2rad(cell.direction_deg)
        row_up, col_up = row - 1.5 * np.sin(angle), col - 1.5 * np.cos(angle)
        late = np.concatenate([np.zeros(3), kernel[:-3]])
        upstream = _drive(movie, receptive_field(cell, row_up, col_up), late)
        downstream = _drive(movie, field, kernel)
        linear = np.maximum(upstream / upstream.std() + downstream / downstream.std(), 0.0)
    else:
        linear = _drive(movie, field, kernel)
    linear = linear / linear.std()
    if cell.sign == 0:
        response = np.logaddexp(0.0, 2.0 * linear - 1.5) + np.logaddexp(0.0, -2.0 * linear - 1.5)
    else:
        response = np.logaddexp(0.0, 2.0 * cell.sign * linear - 0.5)
    return response / response.mean()


@dataclass(frozen=True)
class Population:
    """The cells of one session."""

    groups: np.ndarray  # [N] int64, cell type numbers
    rows: np.ndarray  # [N] receptive field centres in pixels
    cols: np.ndarray  # [N]


def population(seed: int, n_neurons: int) -> Population:
    """Cells of all types in turn, their positions spread over the image."""
    rng = np.random.default_rng(seed)
    groups = np.array([CELL_TYPES[(seed + n) % len(CELL_TYPES)].group for n in range(n_neurons)])
    return Population(
        groups=groups.astype(np.int64),
        rows=rng.uniform(4.0, HEIGHT - 5.0, n_neurons),
        cols=rng.uniform(4.0, WIDTH - 5.0, n_neurons),
    )


def population_rates(movie: np.ndarray, cells: Population) -> np.ndarray:
    """Noise-free rates [N,T] of a session."""
    types = {cell.group: cell for cell in CELL_TYPES}
    return np.stack(
        [
            rate(movie, types[int(group)], row, col)
            for group, row, col in zip(cells.groups, cells.rows, cells.cols)
        ]
    )


def noisy(rates: np.ndarray, seed: int, counts_per_unit: float = 4.0) -> np.ndarray:
    """One trial: Poisson counts around the rates, in units of the rates, float32."""
    rng = np.random.default_rng(seed)
    return (rng.poisson(rates * counts_per_unit) / counts_per_unit).astype(np.float32)


def roi_mask(cells: Population, size: int = 32) -> np.ndarray:
    """A mask [size,size] as two-photon recordings have it: 1 is background, -i is region i."""
    mask = np.ones((size, size), dtype=np.float32)
    for n, (row, col) in enumerate(zip(cells.rows, cells.cols), start=1):
        r, c = int(row / HEIGHT * (size - 2)), int(col / WIDTH * (size - 2))
        mask[r : r + 2, c : c + 2] = -n
    return mask
