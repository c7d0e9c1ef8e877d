"""Compares the fits of tuning curves and receptive fields with scipy.optimize.curve_fit.

    DIR/bin/python tests/peer/tuning_fits.py PROGRAM

PROGRAM is built from tuning_curves.c. Noisy curves of known neurons are fitted by both, scipy from
several starts. Ours must be at least as good; where scipy found the same minimum, so must be what is
read from it.
"""

import subprocess
import sys
import warnings

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit

CURVES = 60  # of each kind
NOISE = 0.04  # of the height of a curve
SAME_FIT = 1e-7  # difference of r2 below which two fits are the same minimum
AGREE = 5e-4  # relative; a sum of squares right to 1e-10 fixes parameters to its root, times their spread

rng = np.random.default_rng(11)


def naka_rushton(c, r_max, c50, n, b):
    return b + r_max * c**n / (c**n + c50**n)


def log_gaussian(x, a, octave, s, b):
    return b + a * np.exp(-((np.log2(x) - octave) ** 2) / (2 * s**2))


def discs(d, k, center, ratio, strength, b):
    return b + k * (1 - np.exp(-(d**2) / (8 * center**2)) - strength * (1 - np.exp(-(d**2) / (8 * (center * ratio) ** 2))))


def gaussian_2d(xy, a, x0, y0, s1, s2, angle, b):
    x, y = xy[0] - x0, xy[1] - y0
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return b + a * np.exp(-(u**2 / s1**2 + v**2 / s2**2) / 2)


def explained(y, fit):
    return 1 - np.sum((y - fit) ** 2) / np.sum((y - y.mean()) ** 2)


def best_of(f, x, y, starts, bounds):
    """r2 and parameters of scipy's best fit."""
    best = (-np.inf, None)
    for start in starts:
        try:
            p, _ = curve_fit(f, x, y, start, bounds=bounds, xtol=1e-12, ftol=1e-12, gtol=1e-12, max_nfev=5000)
        except RuntimeError:
            continue
        best = max(best, (explained(y, f(x, *p)), p), key=lambda pair: pair[0])
    return best


def contrast_case():
    x = np.geomspace(0.02, 1, 10)
    truth = [rng.uniform(5, 30), rng.uniform(0.08, 0.4), rng.uniform(1, 3), rng.uniform(0, 5)]
    y = naka_rushton(x, *truth) + NOISE * truth[0] * rng.standard_normal(10)
    span = np.ptp(y)
    low = [-10 * span, 0.02 / 8, 0.2, y.min() - span]
    high = [10 * span, 8, 10, y.max() + span]
    starts = [[span, c, n, y.min()] for c in (0.05, 0.15, 0.4) for n in (1.5, 4)]
    r2, p = best_of(naka_rushton, x, y, starts, (low, high))
    return "contrast", x, y, "contrast_fit_r2", r2, {
        "contrast_r_max": p[0], "contrast_c50": p[1], "contrast_exponent": p[2], "contrast_baseline": p[3]}


def frequency_case():
    x = np.geomspace(0.1, 10, 12)
    truth = [rng.uniform(5, 30), np.log2(rng.uniform(0.4, 3)), rng.uniform(0.6, 1.6), rng.uniform(0, 5)]
    y = log_gaussian(x, *truth) + NOISE * truth[0] * rng.standard_normal(12)
    span, octaves = np.ptp(y), np.log2(100)
    base = min(y.min(), 0) - span / 4
    low = [0, np.log2(0.1) - octaves / 2 - 1, octaves / 55, base]
    high = [3 * (y.max() - base), np.log2(10) + octaves / 2 + 1, 2 * octaves + 1, y.min() + span / 2]
    starts = [[span, np.log2(x[y.argmax()]), s, y.min()] for s in (0.7, 1.5, 3)]
    r2, p = best_of(log_gaussian, x, y, starts, (low, high))
    return "spatial_frequency", x, y, "spatial_frequency_fit_r2", r2, {
        "preferred_spatial_frequency_cpmm": 2 ** p[1],
        "spatial_frequency_bandwidth_octaves": 2 * p[2] * np.sqrt(2 * np.log(2))}


def area_case():
    x = np.linspace(50, 800, 16)
    truth = [rng.uniform(10, 30), rng.uniform(45, 80), rng.uniform(2.5, 4), rng.uniform(0.3, 0.8), rng.uniform(0, 3)]
    y = discs(x, *truth) + NOISE / 2 * truth[0] * rng.standard_normal(16)
    span = np.ptp(y)
    base = min(y.min(), 0) - span / 4
    low = [0, 5, 1.1, 0, base]
    high = [20 * (y.max() - base), 800, 20, 3, y.max()]
    starts = [[k * span, c, r, s, max(y[0], base)] for k, s in ((1, 0.2), (2, 0.7)) for c in (40, 80) for r in (1.6, 3)]
    starts = [np.clip(s, np.array(low) + 1e-9, np.array(high) - 1e-9) for s in starts]
    r2, p = best_of(discs, x, y, starts, (low, high))
    return "area", x, y, "area_fit_r2", r2, {
        "area_center_sigma_um": p[1], "area_surround_sigma_um": p[1] * p[2], "area_surround_strength": p[3]}


def image_case():
    height, width = 16, 18
    grid = np.indices((height, width))[::-1].reshape(2, -1).astype(float)
    truth = [rng.choice([-1, 1]), rng.uniform(5, 12), rng.uniform(5, 10), rng.uniform(2, 3), rng.uniform(1, 1.6),
             rng.uniform(0, np.pi), rng.uniform(-0.3, 0.3)]
    z = gaussian_2d(grid, *truth) + NOISE * rng.standard_normal(height * width)
    p, _ = curve_fit(gaussian_2d, grid, z, truth, xtol=1e-12, ftol=1e-12)
    s1, s2, angle = abs(p[3]), abs(p[4]), p[5]
    if s1 < s2:
        s1, s2, angle = s2, s1, angle + np.pi / 2
    return height, width, z, explained(z, gaussian_2d(grid, *p)), {
        "amplitude": p[0], "x": p[1], "y": p[2], "sigma_major": s1, "sigma_minor": s2, "angle": angle % np.pi,
        "offset": p[6]}


def ask(program, lines):
    done = subprocess.run([program], input="\n".join(lines), capture_output=True, text=True, check=True)
    return [{k: float(v) for k, v in (word.split("=") for word in line.split())} for line in done.stdout.splitlines()]


def numbers(values):
    return " ".join(repr(float(v)) for v in values)


def apart(name, a, b):
    if name == "angle":
        return abs((a - b + np.pi / 2) % np.pi - np.pi / 2)
    return abs(a - b) / max(abs(b), 0.1)


def main(program):
    warnings.simplefilter("ignore", OptimizeWarning)
    lines, peers, kinds = [], [], []
    for case in (contrast_case, frequency_case, area_case):
        for _ in range(CURVES):
            kind, x, y, r2_name, r2, values = case()
            lines.append(f"{kind} {len(x)} {numbers(x)} {numbers(y)}")
            peers.append((r2_name, r2, values))
            kinds.append(kind)
    for _ in range(CURVES):
        height, width, z, r2, values = image_case()
        lines.append(f"gaussian_2d 2 {height} {width} {numbers(z)}")
        peers.append(("r2", r2, values))
        kinds.append("gaussian_2d")
    answers = ask(program, lines)
    assert len(answers) == len(lines)
    failures = 0
    for kind in dict.fromkeys(kinds):
        same = worst = better = compared = 0
        for ours, (r2_name, r2, values), k in zip(answers, peers, kinds):
            if k != kind:
                continue
            if not ours[r2_name] > r2 - SAME_FIT:
                failures += 1
                print(f"{kind}: r2 {ours[r2_name]:.9f}, scipy {r2:.9f}")
                continue
            if ours[r2_name] > r2 + SAME_FIT:
                better += 1
                continue
            same += 1
            for name, theirs in values.items():
                if np.isnan(ours[name]):  # outside of what was tested
                    continue
                compared += 1
                distance = apart(name, ours[name], theirs)
                worst = max(worst, distance)
                if distance > AGREE:
                    failures += 1
                    print(f"{kind}: {name} {ours[name]:.9g}, scipy {theirs:.9g}")
        print(f"{kind}: {same} the same minimum, {better} better than scipy's; {compared} values, worst {worst:.1e}")
        if same < CURVES * 0.8:
            failures += 1
            print(f"{kind}: too few fits to compare")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
