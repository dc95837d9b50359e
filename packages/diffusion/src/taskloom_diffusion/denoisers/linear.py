"""A linear layer that takes the faster of two libraries on a CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# Inductor's own operator for eager-mode oneDNN products; `functional.linear` always asks MKL for fp32.
_AVAILABLE = hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _product(rows: Tensor, weight: Tensor, bias: Tensor | None, then: str = "none") -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, then, [], "none")
    return product


def _outer(left: Tensor, right: Tensor) -> Tensor:
    """Return left^T right (M, K) of tall matrices (N, M) and (N, K): oneDNN is ahead where the second one is wider."""
    if left.shape[1] == right.shape[1]:
        return left.t() @ right
    if left.shape[1] > right.shape[1]:
        return _product(right.t(), left.t(), None).t()
    return _product(left.t(), right.t(), None)


class _OneDnnLinear(torch.autograd.Function):
    """y = x W^T + b. Where MKL does not know the CPU, oneDNN's products are 5-20 % faster."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: ANN401 -- torch's own type
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 -- torch's own type
        (grad,) = grad_outputs
        x, weight = ctx.saved_tensors
        flat = grad.reshape(-1, grad.shape[-1])
        to_x = _product(flat, weight.t(), None).view_as(x) if ctx.needs_input_grad[0] else None
        to_weight = _outer(flat, x.reshape(-1, x.shape[-1])) if ctx.needs_input_grad[1] else None
        to_bias = flat.sum(0) if ctx.needs_input_grad[2] else None
        return to_x, to_weight, to_bias


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return x W^T + b by the faster library, the same numbers to rounding."""
    if not _is_ours(x, weight):
        return functional.linear(x, weight, bias)
    result: Tensor = _OneDnnLinear.apply(x, weight, bias)  # type: ignore[no-untyped-call]  # torch's own
    return result


def _is_ours(x: Tensor, weight: Tensor) -> bool:
    plain = x.device.type == "cpu" and x.dtype == weight.dtype == torch.float32
    return _AVAILABLE and plain and x.numel() > 0 and not torch.is_autocast_enabled("cpu")


class LinearLayer(nn.Linear):
    """`nn.Linear`, by the faster library."""

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias)


class LinearGelu(nn.Linear):
    """GELU(x W^T + b); without gradients it is one pass, for the product need not be kept."""

    def forward(self, input: Tensor) -> Tensor:
        if torch.is_grad_enabled() or not _is_ours(input, self.weight):
            return functional.gelu(linear(input, self.weight, self.bias))
        return _product(input, self.weight, self.bias, "gelu")
