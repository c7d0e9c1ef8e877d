"""Known answers of PyTorch's optimisers: tests/golden/optimizers.txt.

Each case minimises f(x) = sum(a * (x - b)^2 / 2) over three numbers from x = (1, -2, 0.5) for eight steps.
A line: settings as YAML, then ';', then the three numbers after the last step.

    python tests/peer/make_optimizers.py
"""

from pathlib import Path

import torch

CASES = {
    "{kind: sgd, lr: 0.1}": lambda p: torch.optim.SGD(p, lr=0.1),
    "{kind: sgd, lr: 0.1, momentum: 0.9}": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "{kind: sgd, lr: 0.1, momentum: 0.9, dampening: 0.3}": lambda p: torch.optim.SGD(
        p, lr=0.1, momentum=0.9, dampening=0.3
    ),
    "{kind: sgd, lr: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.05}": lambda p: torch.optim.SGD(
        p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.05
    ),
    "{kind: adam, lr: 0.05}": lambda p: torch.optim.Adam(p, lr=0.05),
    "{kind: adam, lr: 0.05, beta1: 0.8, beta2: 0.9, eps: 1.0e-3, weight_decay: 0.1}": lambda p: torch.optim.Adam(
        p, lr=0.05, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.1
    ),
    "{kind: adam, lr: 0.5, beta2: 0.5, amsgrad: true}": lambda p: torch.optim.Adam(
        p, lr=0.5, betas=(0.9, 0.5), amsgrad=True
    ),
    "{kind: adamw, lr: 0.05}": lambda p: torch.optim.AdamW(p, lr=0.05),
    "{kind: adamw, lr: 0.05, weight_decay: 0.3, amsgrad: true}": lambda p: torch.optim.AdamW(
        p, lr=0.05, weight_decay=0.3, amsgrad=True
    ),
}


def run(make) -> torch.Tensor:
    """The numbers after eight steps of the optimiser that `make` makes."""
    x = torch.tensor([1.0, -2.0, 0.5], requires_grad=True)
    a = torch.tensor([1.0, 0.3, 4.0])
    b = torch.tensor([0.2, 0.1, -0.4])
    optimizer = make([x])
    for _ in range(8):
        optimizer.zero_grad()
        (a * (x - b) ** 2 / 2).sum().backward()
        optimizer.step()
    return x.detach()


if __name__ == "__main__":
    path = Path(__file__).parent.parent / "golden" / "optimizers.txt"
    with path.open("w") as out:
        for settings, make in CASES.items():
            out.write(f"{settings}; {' '.join(f'{v:.9g}' for v in run(make).tolist())}\n")
