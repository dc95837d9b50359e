"""The handle over torch modules: forward hooks, early stop, no Lightning; only imported when a torch model is used."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from taskloom.errors import ConfigError

from taskloom_anomaly.backends.fingerprint import parameters_fingerprint, sources
from taskloom_anomaly.backends.handle import Forward, LayerInfo, Loss
from taskloom_anomaly.backends.layers import check_layers, top_level

# Modules that leave the layout as it is; what came before them says where the channels are.
_TRANSPARENT = (
    "ReLU", "GELU", "SiLU", "Tanh", "Sigmoid", "ELU", "LeakyReLU", "Dropout", "Identity", "Softplus", "Hardswish",
)  # fmt: skip


class _AllSeenError(Exception):
    """Raised inside a forward pass to end it: every wanted activation is known."""


def _channels_first(module: torch.nn.Module) -> bool:
    """Return whether the module's output is `(n, channels, positions...)`, judged by the last module that fixes a layout."""
    for part in reversed(list(module.modules())):
        name = type(part).__name__
        if not list(part.children()) and not name.startswith(_TRANSPARENT):
            return name.endswith(("1d", "2d", "3d"))
    return False


def _features_last(value: torch.Tensor, channels_first: bool) -> torch.Tensor:
    # Four axes are an image in torch unless the module says otherwise; three are a sequence unless it is a 1-D convolution.
    if channels_first and value.ndim >= 3:
        return value.movedim(1, -1)
    return value


class TorchHandle:
    """A torch module; implements `ModelHandle`.

    Args:
        module: The network; used in evaluation mode, never changed.
        example: One input, `(1, ...)`.
    """

    def __init__(self, module: torch.nn.Module, example: Shaped[np.ndarray, "1 ..."]) -> None:
        self._module = module.eval()
        self._example = example
        self._names = {
            name: part for name, part in module.named_modules() if name and not _is_container(part)
        }

    @property
    def _device(self) -> torch.device:
        first = next(iter(self._module.parameters()), None)
        return first.device if first is not None else torch.device("cpu")

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(np.ascontiguousarray(array), device=self._device)

    def _run(
        self, inputs: torch.Tensor, wanted: frozenset[str] | None, stop: bool
    ) -> tuple[torch.Tensor | None, dict[str, torch.Tensor]]:
        """Run with hooks; with `stop`, end as soon as all of `wanted` are known."""
        seen: dict[str, torch.Tensor] = {}
        hooks = []

        def keep(name: str, value: Any, first: bool) -> None:  # noqa: ANN401
            tensor = value[0] if isinstance(value, tuple) and value else value
            if (wanted is None or name in wanted) and name not in seen:
                if isinstance(tensor, torch.Tensor) and tensor.ndim >= 2:
                    seen[name] = _features_last(tensor, first)
                if stop and wanted is not None and len(seen) == len(wanted):
                    raise _AllSeenError

        def before(name: str) -> Any:  # noqa: ANN401
            return lambda module, arguments: keep(
                f"{name}.input", arguments, _channels_first(module)
            )

        def after(name: str) -> Any:  # noqa: ANN401
            return lambda module, arguments, output: keep(name, output, _channels_first(module))

        for name, module in self._names.items():
            if wanted is None or f"{name}.input" in wanted:
                hooks.append(module.register_forward_pre_hook(before(name)))
            if wanted is None or name in wanted:
                hooks.append(module.register_forward_hook(after(name)))
        try:
            output = self._module(inputs)
        except _AllSeenError:
            return None, seen
        finally:
            for hook in hooks:
                hook.remove()
        return (output[0] if isinstance(output, tuple) else output), seen

    @cached_property
    def _shapes(self) -> tuple[int, dict[str, LayerInfo]]:
        with torch.no_grad():
            logits, seen = self._run(self._tensor(self._example), None, stop=False)
        if logits is None or logits.ndim != 2:
            raise ConfigError("The torch model must return logits of the shape (n, classes).")
        layers = {name: LayerInfo(name, tuple(value.shape[1:])) for name, value in seen.items()}
        return logits.shape[-1], layers

    @property
    def layers(self) -> dict[str, LayerInfo]:
        """Every module's input and output."""
        return self._shapes[1]

    @property
    def default_layers(self) -> tuple[str, ...]:
        """Outputs of the top-level modules."""
        return top_level(self.layers)

    @property
    def num_outputs(self) -> int:
        """Width of the logits."""
        return self._shapes[0]

    @cached_property
    def _fingerprint(self) -> str:
        code = f"{self._module!r}\n{sources(self._module.modules())}"
        return parameters_fingerprint(code, self.parameters())

    @property
    def fingerprint(self) -> str:
        """Hash of code and parameters."""
        return self._fingerprint

    def forward(
        self,
        inputs: Shaped[np.ndarray, "n ..."],
        layers: Sequence[str] = (),
        *,
        logits: bool = True,
    ) -> Forward:
        """Run the network."""
        names = check_layers(layers, self.layers)
        if not logits and not names:
            return Forward(np.empty((len(inputs), 0), np.float32), {})
        with torch.inference_mode():
            output, seen = self._run(self._tensor(inputs), frozenset(names), stop=not logits)
        given = (
            output.cpu().numpy() if output is not None else np.empty((len(inputs), 0), np.float32)
        )
        return Forward(given, {name: seen[name].contiguous().cpu().numpy() for name in names})

    def input_gradient(
        self, inputs: Float[np.ndarray, "n ..."], labels: Int[np.ndarray, " n"]
    ) -> tuple[Float[np.ndarray, "n ..."], Float[np.ndarray, " n"]]:
        """Gradient of each sample's cross entropy, and the cross entropies."""
        batch = self._tensor(inputs).requires_grad_()
        losses = torch.nn.functional.cross_entropy(
            self._module(batch), self._tensor(labels).long(), reduction="none"
        )
        (gradient,) = torch.autograd.grad(losses.sum(), batch)
        return gradient.cpu().numpy(), losses.detach().cpu().numpy()

    def parameters(self) -> dict[str, np.ndarray]:
        """Parameters and buffers by dotted path."""
        return {k: v.detach().cpu().numpy().copy() for k, v in self._module.state_dict().items()}

    def tree(self) -> dict[str, np.ndarray]:
        """The state dictionary, as arrays."""
        return self.parameters()

    def logits(
        self, parameters: Mapping[str, np.ndarray], inputs: Shaped[np.ndarray, "n ..."]
    ) -> Float[np.ndarray, "n classes"]:
        """Logits under other parameters."""
        return self.with_parameters(parameters).forward(inputs).logits

    def loss_gradient(
        self,
        parameters: Mapping[str, np.ndarray],
        inputs: Shaped[np.ndarray, "n ..."],
        labels: Int[np.ndarray, " n"],
    ) -> tuple[float, dict[str, np.ndarray]]:
        """Mean cross entropy under other parameters, and its gradient."""
        module = copy.deepcopy(self._module)
        load_parameters(module, parameters)
        loss = torch.nn.functional.cross_entropy(
            module(self._tensor(inputs)), self._tensor(labels).long()
        )
        named = dict(module.named_parameters())
        found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
        gradient = {
            name: value.cpu().numpy()
            for name, value in zip(named, found, strict=True)
            if value is not None
        }
        return float(loss.detach()), gradient

    def with_parameters(self, parameters: Mapping[str, np.ndarray]) -> TorchHandle:
        """The same network with other parameters."""
        module = copy.deepcopy(self._module)
        load_parameters(module, parameters)
        return TorchHandle(module, self._example)

    def trainer(
        self,
        *,
        learning_rate: float,
        weight_decay: float = 0.0,
        loss: Loss = "cross_entropy",
        seed: int = 0,
    ) -> Any:  # noqa: ANN401 -- a Trainer
        """Start training a copy."""
        from taskloom_anomaly.backends.torch_trainer import TorchTrainer

        return TorchTrainer(
            copy.deepcopy(self._module),
            self._example,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            loss=loss,
            seed=seed,
        )


def _is_container(module: torch.nn.Module) -> bool:
    """Return whether the module is a list or dictionary of modules, which never runs itself."""
    return isinstance(module, (torch.nn.ModuleList, torch.nn.ModuleDict))


def load_parameters(module: torch.nn.Module, parameters: Mapping[str, np.ndarray]) -> None:
    """Put arrays into a module.

    Raises:
        ConfigError: A name is missing or unknown, or a shape differs.
    """
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    state = {k: torch.as_tensor(np.array(v), device=device) for k, v in parameters.items()}
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"The stored parameters do not fit the network: {reason}") from None


def torch_handle(
    module: torch.nn.Module,
    parameters: Mapping[str, Any] | None,
    example: Shaped[np.ndarray, "1 ..."],
) -> TorchHandle:
    """Return the handle of a torch module; a torch module holds its own parameters unless others are given."""
    if parameters is not None:
        module = copy.deepcopy(module)
        load_parameters(module, {k: np.asarray(v) for k, v in parameters.items()})
    return TorchHandle(module, example)
