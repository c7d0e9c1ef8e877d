# SPDX-License-Identifier: MIT
"""What the scripts of this directory share: arrays on disk, checkpoints, responses, gradients."""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch

GOLDEN = Path(__file__).resolve().parent.parent / "golden"


def be_reproducible() -> None:
    """One thread and deterministic algorithms: sums are added in the same order every time."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True, warn_only=True)
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)


def save_array(path: Path, array: np.ndarray | torch.Tensor, dtype: str = "<f4") -> None:
    """Write a C-ordered little-endian .npy file (format version 1.0)."""
    if isinstance(array, torch.Tensor):
        array = array.detach().cpu().numpy()
    np.save(path, np.ascontiguousarray(array, dtype=dtype), allow_pickle=False)


def load_tensor(path: Path, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Read a .npy file as a tensor."""
    return torch.from_numpy(np.load(path)).to(dtype)


def save_json(path: Path, content: Any) -> None:
    """Write readable JSON with a final newline."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def sha256(path: Path) -> str:
    """Checksum of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def versions() -> dict[str, str]:
    """What the arrays were made with."""
    return {name: version(name) for name in ("openretina", "torch", "lightning", "numpy")}


def save_checkpoint(model: lightning.LightningModule, path: Path) -> None:
    """Let Lightning write the checkpoint of a model that was never fitted (weights only)."""
    trainer = lightning.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False
    )
    trainer.strategy.connect(model)
    trainer.save_checkpoint(path, weights_only=True)


def responses(
    model: torch.nn.Module, stimulus: torch.Tensor, session: str | None = None
) -> torch.Tensor:
    """r[B,T',N] to x[B,C,T,H,W]; without a session the sessions follow in sorted order."""
    with torch.no_grad():
        return model(stimulus, data_key=session)


def mean_response_gradient(model: torch.nn.Module, stimulus: torch.Tensor) -> torch.Tensor:
    """Gradient [B,C,T,H,W] of the sum over samples of the mean over frames and neurons."""
    x = stimulus.clone().requires_grad_(True)
    model(x).mean(dim=(1, 2)).sum().backward()
    return x.grad
