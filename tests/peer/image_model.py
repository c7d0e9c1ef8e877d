#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The program against models of images: neuralpredictors' Stacked2dCore with FullGaussian2d.

    image_model.py PROGRAM [--file v1_color_1.tar] [--neuralpredictors FOLDER]
    image_model.py --golden      writes tests/golden/image instead

The truth is the network written out below in plain torch, in float64; where neuralpredictors can be
imported (from FOLDER, an unpacked wheel of 0.3.0, or installed), its own classes must agree with
that. Small models with random weights come first, in many settings. Then the published two-colour
model of mouse V1 (Franke et al. 2022), all neurons: --file, or torch/v1_color_1.tar in the folder
that INSILICO_SHARED_DATA names or in ../shared/data beside the sources; skipped where it is not
there. The status says whether all responses and gradients are within 1e-5 of the largest number of
their model.
"""

from __future__ import annotations

import argparse
import collections
import collections.abc
import os
import sys
import tempfile
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from agreement import STEP, TOLERANCE, deviation, run

State = dict[str, torch.Tensor]

# What the published file does not hold. The first four of the core are those of
# nndichromacy/models/trained_models/v1_color.py; final_tanh is neuralpredictors' default.
PUBLISHED: dict[str, Any] = {
    "in_shape": [2, 1, 36, 64],
    "core": {
        "input_padding": False, "stack": -1, "hidden_padding": None,
        "final_nonlinearity": True, "nonlinearity": "ELU",
    },
    "readout": {
        "align_corners": True, "nonlinearity": "elu1",
        "grid_mean_predictor": {"final_tanh": False},
    },
}  # fmt: skip


# ------------------------------------------------- the network, written out


def convolve(state: State, name: str, x: torch.Tensor, **kwargs: Any) -> torch.Tensor:
    return F.conv2d(x, state[f"{name}.weight"], state.get(f"{name}.bias"), **kwargs)


def layer(state: State, core: dict[str, Any], i: int, n: int, x: torch.Tensor) -> torch.Tensor:
    name = f"core.features.layer{i}"
    if i == 0:
        half = state[f"{name}.conv.weight"].shape[-1] // 2
        x = convolve(state, f"{name}.conv", x, padding=half if core["input_padding"] else 0)
    else:
        separable = f"{name}.ds_conv.spatial_conv.weight" in state
        spatial = f"{name}.ds_conv.spatial_conv" if separable else f"{name}.conv"
        pad = core["hidden_padding"]
        if pad is None:
            first = "ds_conv.spatial_conv" if separable else "conv"
            pad = state[f"core.features.layer1.{first}.weight"].shape[-1] // 2
        if separable:
            x = convolve(state, f"{name}.ds_conv.in_depth_conv", x)
            x = convolve(state, spatial, x, padding=pad, groups=x.shape[1])
            x = convolve(state, f"{name}.ds_conv.out_depth_conv", x)
        else:
            x = convolve(state, spatial, x, padding=pad)
    if f"{name}.norm.running_mean" in state:
        norm = [state.get(f"{name}.norm.{k}") for k in ("running_mean", "running_var", "weight", "bias")]
        x = F.batch_norm(x, *norm)
    x = x + state.get(f"{name}.bias.bias", 0)
    x = x * state.get(f"{name}.scale.scale", 1)
    last = i == n - 1 and not core["final_nonlinearity"]
    return x if last or core["nonlinearity"] == "Identity" else F.elu(x)


def features(state: State, core: dict[str, Any], x: torch.Tensor) -> torch.Tensor:
    n = 1 + max(int(k.split(".")[2][5:]) for k in state if k.startswith("core.features.layer"))
    outputs = []
    for i in range(n):
        x = layer(state, core, i, n, x)
        outputs.append(x)
    stack = core["stack"]
    layers = list(range(n)) if stack is None else stack if isinstance(stack, list) else range(n)[stack:]
    return torch.cat([outputs[i] for i in layers], dim=1)


def points(state: State, name: str, tanh: bool) -> torch.Tensor:
    """x and y of every neuron, [N,2] from -1 to 1."""
    if f"{name}.source_grid" not in state:
        mu = state[f"{name}._mu"].reshape(-1, 2)
    else:
        mu, i = state[f"{name}.source_grid"], 0
        while f"{name}.mu_transform.{i}.weight" in state:
            mu = F.elu(mu) if i else mu
            mu = F.linear(mu, *(state[f"{name}.mu_transform.{i}.{k}"] for k in ("weight", "bias")))
            i += 2
        mu = torch.tanh(mu) if tanh else mu
    return mu.clamp(-1, 1)


def readout(state: State, settings: dict[str, Any], session: str, z: torch.Tensor) -> torch.Tensor:
    """r [B,N] of the neurons of one session."""
    name = f"readout.{session}"
    tanh = settings.get("grid_mean_predictor", {}).get("final_tanh", False)
    mu = points(state, name, tanh)[None, :, None].expand(len(z), -1, -1, -1)
    y = F.grid_sample(z, mu, align_corners=settings["align_corners"])[..., 0]
    y = (y * state[f"{name}._features"][:, :, 0]).sum(1) + state.get(f"{name}.bias", 0)
    return F.elu(y) + 1


def sessions_of(state: State) -> list[str]:
    return sorted({k.split(".")[1] for k in state if k.startswith("readout.")})


def network(state: State, settings: dict[str, Any], x: torch.Tensor) -> torch.Tensor:
    """Responses [B,N] to images [B,C,H,W], sessions in sorted order."""
    z = features(state, settings["core"], x)
    return torch.cat([readout(state, settings["readout"], s, z) for s in sessions_of(state)], dim=1)


def in_precision(state: State, dtype: torch.dtype) -> State:
    return {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()}


def gradients(state: State, settings: dict[str, Any], x: torch.Tensor, neurons: list[int]) -> np.ndarray:
    """dr[n]/dx [n,C,H,W] of single images' responses."""
    x = x.clone().requires_grad_()
    r = network(state, settings, x)[0]
    return torch.stack([torch.autograd.grad(r[n], x, retain_graph=True)[0][0] for n in neurons]).numpy()


# ------------------------------------------------- neuralpredictors itself


def neuralpredictors(folder: Path | None) -> types.ModuleType | None:
    """Version 0.3.0 was written for an older Python, and imports torchvision without using it here."""
    if not hasattr(collections, "Iterable"):
        collections.Iterable = collections.abc.Iterable  # type: ignore[attr-defined]
    sys.modules.setdefault("torchvision", types.ModuleType("torchvision"))
    if folder:
        sys.path.insert(0, str(folder))
    try:
        from neuralpredictors.layers import cores, encoders, readouts
    except ImportError as error:
        print(f"neuralpredictors               not there ({error})")
        return None
    return types.SimpleNamespace(cores=cores, encoders=encoders, readouts=readouts)  # type: ignore[return-value]


def its_network(package: Any, state: State, settings: dict[str, Any], options: dict[str, Any]) -> Any:
    """The same model of neuralpredictors' classes; every weight must find its place."""
    core = settings["core"]
    first = state["core.features.layer0.conv.weight"]
    kernels = [
        state.get(f"core.features.layer{i}.{k}.weight")
        for i in range(1, 9)
        for k in ("conv", "ds_conv.spatial_conv")
    ]
    hidden = [k.shape[-1] for k in kernels if k is not None]
    module = package.cores.Stacked2dCore(
        first.shape[1], first.shape[0], first.shape[-1], hidden, layers=1 + len(hidden),
        pad_input=core["input_padding"], hidden_padding=core["hidden_padding"], stack=core["stack"],
        final_nonlinearity=core["final_nonlinearity"], linear=core["nonlinearity"] == "Identity",
        **options,
    )  # fmt: skip
    shape = [settings["in_shape"][i] for i in (0, 2, 3)]
    map_shape = tuple(module.eval()(torch.zeros(1, *shape)).shape[1:])
    parts = torch.nn.ModuleDict()
    for session in sessions_of(state):
        name = f"readout.{session}"
        grid = state.get(f"{name}.source_grid")
        mean = None
        if grid is not None:
            widths = [v.shape[0] for k, v in state.items() if k.startswith(f"{name}.mu_") and v.dim() == 2]
            mean = {"hidden_layers": len(widths) - 1, "hidden_features": widths[0]}
            mean |= settings["readout"]["grid_mean_predictor"]
        parts[session] = package.readouts.FullGaussian2d(
            map_shape, state[f"{name}._features"].shape[-1], f"{name}.bias" in state,
            align_corners=settings["readout"]["align_corners"], grid_mean_predictor=mean,
            source_grid=None if grid is None else grid.numpy().astype(float),
        )  # fmt: skip
    parts.forward = lambda z, data_key, **_: parts[data_key](z)  # type: ignore[method-assign]
    model = package.encoders.FiringRateEncoder(module, parts).double().eval()
    known = {k: v for k, v in state.items() if "regularizer" not in k}
    wrong = model.load_state_dict(known, strict=False)
    missing = [k for k in wrong.missing_keys if "regularizer" not in k]
    if missing or wrong.unexpected_keys:
        raise RuntimeError(f"neuralpredictors misses {missing}, does not know {wrong.unexpected_keys}")
    return lambda x: torch.cat([model(x, data_key=s) for s in sessions_of(state)], dim=1)


# ------------------------------------------------- random models


def random_state(settings: dict[str, Any], options: dict[str, Any], channels: list[int],
                 kernels: list[int], predicted: int | None, package_like: dict[str, Any]) -> State:  # fmt: skip
    g = torch.Generator().manual_seed(sum(channels) + sum(kernels))

    def draw(*shape: int, mean: float = 0.0, spread: float = 1.0) -> torch.Tensor:
        return mean + spread * torch.randn(shape, generator=g)

    state: State = {"core._input_weights_regularizer.laplace.filter": draw(1, 1, 3, 3)}
    for i, k in enumerate(kernels):
        name, c_in, c = f"core.features.layer{i}", channels[i], channels[i + 1]
        weights = {"conv": (c, c_in, k)}
        if i and options.get("depth_separable"):
            weights = {"ds_conv.in_depth_conv": (c, c_in, 1), "ds_conv.spatial_conv": (c, 1, k),
                       "ds_conv.out_depth_conv": (c, c, 1)}  # fmt: skip
        for part, (o, inputs, size) in weights.items():
            state[f"{name}.{part}.weight"] = draw(o, inputs, size, size, spread=(inputs * size * size) ** -0.5)
            if package_like["convolution_bias"] and (i or not options["batch_norm"]):
                state[f"{name}.{part}.bias"] = draw(o, spread=0.3)
        if options["batch_norm"]:
            state[f"{name}.norm.running_mean"] = draw(c, spread=0.3)
            state[f"{name}.norm.running_var"] = draw(c, spread=0.1).abs() + 0.8
            state[f"{name}.norm.num_batches_tracked"] = torch.tensor(7)
            if package_like["norm"] == "affine":
                state[f"{name}.norm.weight"] = draw(c, mean=1, spread=0.2)
                state[f"{name}.norm.bias"] = draw(c, spread=0.2)
            if package_like["norm"] == "bias":
                state[f"{name}.bias.bias"] = draw(1, c, 1, 1, spread=0.2)
            if package_like["norm"] == "scale":
                state[f"{name}.scale.scale"] = draw(1, c, 1, 1, mean=1, spread=0.2)
    stack, n = settings["core"]["stack"], len(kernels)
    layers = list(range(n)) if stack is None else stack if isinstance(stack, list) else range(n)[stack:]
    c = sum(channels[1:][i] for i in layers)
    for session, neurons in (("b", 3), ("a", 4)):
        name = f"readout.{session}"
        state[f"{name}.sigma"] = draw(1, neurons, 2, 2)
        state[f"{name}._features"] = draw(1, c, 1, neurons, spread=c**-0.5)
        state[f"{name}.bias"] = draw(neurons, spread=0.3)
        if predicted is None:
            state[f"{name}._mu"] = draw(1, neurons, 1, 2, spread=0.7)
            continue
        state[f"{name}.source_grid"] = draw(neurons, 2)
        widths = [2] + [5] * predicted + [2]
        for i in range(predicted + 1):
            state[f"{name}.mu_transform.{2 * i}.weight"] = draw(widths[i + 1], widths[i], spread=0.6)
            state[f"{name}.mu_transform.{2 * i}.bias"] = draw(widths[i + 1], spread=0.2)
    return state


@dataclass
class Case:
    name: str
    core: dict[str, Any]
    options: dict[str, Any]  # of neuralpredictors' class, beside those of the core
    norm: str = "affine"
    convolution_bias: bool = False
    predicted: int | None = None
    tanh: bool = False
    kernels: tuple[int, ...] = (5, 3, 3)
    align: bool = True


PLAIN = {"input_padding": True, "hidden_padding": None, "final_nonlinearity": True,
         "nonlinearity": "ELU", "stack": -1}  # fmt: skip
NORM = {"batch_norm": True, "bias": False}
DEEP = NORM | {"depth_separable": True}

CASES = [
    Case("plain", PLAIN, NORM),
    Case("depth_separable", PLAIN, DEEP),
    Case("as_published", PLAIN | {"input_padding": False}, DEEP, predicted=0),
    Case("tanh", PLAIN, DEEP, predicted=1, tanh=True),
    Case("deep_predictor", PLAIN, DEEP, predicted=2),
    Case("all_layers", PLAIN | {"stack": None}, DEEP),
    Case("last_two", PLAIN | {"stack": -2}, NORM),
    Case("from_the_first", PLAIN | {"stack": 1}, NORM),
    Case("listed", PLAIN | {"stack": [2, 0]}, NORM),
    Case("hidden_padding", PLAIN | {"hidden_padding": 2}, DEEP),
    Case("no_hidden_padding", PLAIN | {"hidden_padding": 0}, NORM),
    Case("even_kernels", PLAIN, NORM, kernels=(4, 2, 2)),
    Case("no_final_nonlinearity", PLAIN | {"final_nonlinearity": False}, DEEP),
    Case("linear", PLAIN | {"nonlinearity": "Identity"}, DEEP),
    Case("one_layer", PLAIN, NORM, kernels=(5,)),
    Case("no_norm", PLAIN, {"batch_norm": False, "bias": False}),
    Case("biases", PLAIN, {"batch_norm": False, "bias": True}, convolution_bias=True),
    Case("biases_and_norm", PLAIN, DEEP | {"bias": True}, convolution_bias=True),
    Case("norm_and_bias", PLAIN, NORM | {"bias": True, "batch_norm_scale": False,
         "independent_bn_bias": False}, norm="bias", convolution_bias=True),
    Case("norm_and_scale", PLAIN, NORM | {"independent_bn_bias": False}, norm="scale"),
    Case("norm_alone", PLAIN, NORM | {"batch_norm_scale": False, "independent_bn_bias": False}, norm="none"),
    Case("not_aligned", PLAIN, DEEP, align=False),
]  # fmt: skip


def settings_of(case: Case) -> dict[str, Any]:
    readout = {"align_corners": case.align, "nonlinearity": "elu1"}
    if case.predicted is not None:
        readout["grid_mean_predictor"] = {"final_tanh": case.tanh}  # type: ignore[assignment]
    return {"in_shape": [2, 1, 9, 12], "core": dict(case.core), "readout": readout}


# ------------------------------------------------- the program


def ask(program: str, file: Path, settings: dict[str, Any], x: np.ndarray, scratch: Path,
        neurons: str | list[int]) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Responses [B,N], and the gradients of `neurons` at the first image, by the program."""
    model = {"file": str(file), "architecture": settings}
    np.save(scratch / "x.npy", x[:, :, None])
    np.save(scratch / "start.npy", x[0][:, None])
    job = {"experiment": "response", "model": model, "stimulus": str(scratch / "x.npy")}
    with h5py.File(run(program, job, scratch, "response")) as results:
        r = results["response"][:, 0]
    step = {
        "experiment": "stimulus_optimization", "model": model, "seeds": 0, "neurons": neurons,
        "stimulus": {"frames": 1, "init": {"file": str(scratch / "start.npy")}},
        "objective": {"kind": "increase", "reduce": {"kind": "mean"}},
        "optimizer": {"kind": "sgd", "lr": STEP}, "stop": {"max_iterations": 1},
    }  # fmt: skip
    with h5py.File(run(program, step, scratch, "step")) as results:
        dx = (results["last_stimulus"][:, 0, :, 0] - x[0].astype(float)) / STEP
    return r, dx


def compare(program: str, name: str, file: Path, settings: dict[str, Any], package: Any,
            options: dict[str, Any], scratch: Path, n_images: int) -> bool:  # fmt: skip
    state = in_precision(torch.load(file, map_location="cpu"), torch.float64)
    single = in_precision(state, torch.float32)
    c, _, h, w = settings["in_shape"]
    x = np.random.default_rng(11).normal(0, 1, (n_images, c, h, w)).astype(np.float32)
    tensor = torch.from_numpy(x)
    with torch.no_grad():
        truth = network(state, settings, tensor.double())
        r32 = deviation(network(single, settings, tensor).numpy(), truth.numpy())
        its = its_network(package, state, settings, options)(tensor.double()) if package else None
    n = truth.shape[1]
    some = list(range(0, n, 1 + n // 100))
    dx = gradients(state, settings, tensor[:1].double(), list(range(n)))
    dx32 = deviation(gradients(single, settings, tensor[:1], some), dx[some])
    r, ours = ask(program, file, settings, x, scratch, "all")
    found = deviation(r, truth.numpy()), deviation(ours, dx)
    told = "" if its is None else f"; neuralpredictors {deviation(its.numpy(), truth.numpy()):.0e}"
    print(
        f"{name:24} {n:5} neurons: responses {found[0]:.0e}, gradients {found[1]:.0e}; "
        f"torch's float32 {r32:.0e}, {dx32:.0e}{told}",
        flush=True,
    )
    agreed = its is None or deviation(its.numpy(), truth.numpy()) < 1e-12
    return agreed and max(found) < TOLERANCE


def write_golden(folder: Path) -> None:
    """One random model with all that is rare, and its answers in float64, for the tests in C."""
    case = Case("golden", PLAIN | {"hidden_padding": 2, "input_padding": False}, DEEP, predicted=1, tanh=True)
    like = {"norm": case.norm, "convolution_bias": True}
    settings = settings_of(case)
    folder.mkdir(parents=True, exist_ok=True)
    state = random_state(settings, case.options, [2, 6, 6, 6], list(case.kernels), case.predicted, like)
    torch.save(collections.OrderedDict(state), folder / "model.pth")
    x = torch.from_numpy(np.random.default_rng(12).normal(0, 1, (2, 2, 9, 12)).astype(np.float32))
    double = x.double().requires_grad_()
    r = network(in_precision(state, torch.float64), settings, double)
    (dx,) = torch.autograd.grad(r.sum(), double)
    for name, values in (("stimulus", x[:, :, None]), ("responses", r[:, None]), ("gradient", dx[:, :, None])):
        np.save(folder / f"{name}.npy", values.detach().numpy().astype("<f4"))


def published_file(given: Path | None) -> Path | None:
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("INSILICO_SHARED_DATA", beside))
    file = given or folder / "torch" / "v1_color_1.tar"
    return file if file.is_file() else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", nargs="?")
    parser.add_argument("--golden", action="store_true")
    parser.add_argument("--file", type=Path)
    parser.add_argument("--neuralpredictors", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.golden:
        write_golden(Path(__file__).resolve().parent.parent / "golden" / "image")
        return 0
    if not arguments.program:
        parser.error("which program?")
    package = neuralpredictors(arguments.neuralpredictors)
    good = True
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        for case in CASES:
            settings = settings_of(case)
            channels = [2] + [6] * len(case.kernels)
            like = {"norm": case.norm, "convolution_bias": case.convolution_bias}
            torch.save(
                random_state(settings, case.options, channels, list(case.kernels), case.predicted, like),
                scratch / f"{case.name}.pth",
            )
            good &= compare(arguments.program, case.name, scratch / f"{case.name}.pth", settings,
                            package, case.options, scratch, 3)  # fmt: skip
        file = published_file(arguments.file)
        if file:
            good &= compare(arguments.program, file.name, file, PUBLISHED, package,
                            DEEP, scratch, 20)  # fmt: skip
        else:
            print("v1_color_1.tar           skipped: the file is not there (--file, INSILICO_SHARED_DATA)")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
