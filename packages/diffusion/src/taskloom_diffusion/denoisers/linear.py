"""A linear layer that takes the faster of two libraries for each of its three products on a CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# Inductor's own operator for eager-mode oneDNN products; `functional.linear` always asks MKL for fp32.
_AVAILABLE = hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _product(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return product


class _OneDnnLinear(torch.autograd.Function):
    """y = x W^T + b. Where MKL does not know the CPU, oneDNN's forward and input-gradient products are 15-20 % faster."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: ANN401 -- torch's own type
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        (grad,) = grad_outputs
        x, weight = ctx.saved_tensors
        flat = grad.reshape(-1, grad.shape[-1])
        to_x = _product(flat, weight.t(), None).view_as(x) if ctx.needs_input_grad[0] else None
        to_weight = flat.t() @ x.reshape(-1, x.shape[-1]) if ctx.needs_input_grad[1] else None
        to_bias = flat.sum(0) if ctx.needs_input_grad[2] else None
        return to_x, to_weight, to_bias


class Linear(nn.Linear):
    """`nn.Linear`, the same numbers to rounding."""

    def forward(self, input: Tensor) -> Tensor:
        plain = input.device.type == "cpu" and input.dtype == self.weight.dtype == torch.float32
        if not (_AVAILABLE and plain and input.numel()) or torch.is_autocast_enabled("cpu"):
            return functional.linear(input, self.weight, self.bias)
        result: Tensor = _OneDnnLinear.apply(input, self.weight, self.bias)  # type: ignore[no-untyped-call]  # torch's own
        return result
