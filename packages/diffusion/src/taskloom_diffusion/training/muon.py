"""Muon for the matrices of a transformer, AdamW for the rest, in one optimizer (Jordan et al. 2024)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

# Coefficients of the quintic iteration that drives singular values to about 1 in five steps (Jordan et al. 2024).
_A, _B, _C = 3.4445, -4.7750, 2.0315


class MuonAdamW(Optimizer):
    """Groups with `muon = True` follow the orthogonalised momentum, other groups AdamW.

    Args:
        groups: Parameter groups with `params`, `muon` and `weight_decay`.
        lr: Learning rate of AdamW; Muon's updates are scaled to the same root mean square, 0.2 of an entry.
        betas: AdamW's memories; the first is Muon's momentum if it is larger than 0.95, which otherwise is.
    """

    def __init__(self, groups: list[dict[str, Any]], lr: float, betas: tuple[float, float]) -> None:
        super().__init__(groups, {"lr": lr, "betas": betas, "eps": 1e-8, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # noqa: ANN401 -- torch's own type
        """Make one step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            update = self._muon if group["muon"] else self._adamw
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    update(parameter, parameter.grad, group)
        return loss

    def _muon(self, parameter: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        momentum = max(group["betas"][0], 0.95)
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].lerp_(grad, 1 - momentum)
        direction = orthogonalise(grad.lerp(state["momentum"], momentum))
        # An orthogonal matrix has entries of root mean square 1/sqrt(larger side); AdamW's updates have about 0.2.
        scale = 0.2 * max(parameter.shape) ** 0.5
        parameter.add_(direction, alpha=-group["lr"] * scale)

    def _adamw(self, parameter: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["first"] = torch.zeros_like(parameter)
            state["second"] = torch.zeros_like(parameter)
        beta1, beta2 = group["betas"]
        state["step"] += 1
        count = float(state["step"])
        state["first"].lerp_(grad, 1 - beta1)
        state["second"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        size = (state["second"] / (1 - beta2**count)).sqrt_().add_(group["eps"])
        parameter.addcdiv_(state["first"], size, value=-group["lr"] / (1 - beta1**count))


def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """Return a matrix with the singular vectors of `matrix` and singular values near 1 (0.7 to 1.2).

    Every iterate is a polynomial of the first Gram matrix times the first iterate, and such polynomials commute; so all but
    the first and the last product are between small square matrices.
    """
    x = matrix.float()
    flipped = x.shape[0] > x.shape[1]
    if flipped:
        x = x.T
    x = x / (x.norm() + 1e-7)
    gram = x @ x.T
    identity = torch.eye(len(gram), device=gram.device)
    product = identity
    for step in range(steps):
        factor = torch.addmm(_A * identity + _B * gram, gram, gram, alpha=_C)
        product = factor if step == 0 else factor @ product
        if step < steps - 1:
            gram = factor @ gram @ factor
    result: Tensor = product @ x
    return (result.T if flipped else result).to(matrix.dtype)
