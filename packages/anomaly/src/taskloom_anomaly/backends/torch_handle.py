"""The handle over torch modules: forward hooks, early stop, no Lightning; only imported when a torch model is used."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from taskloom.errors import ConfigError

from taskloom_anomaly.backends import probe_inputs, trunk
from taskloom_anomaly.backends.axes import Axes, given
from taskloom_anomaly.backends.fingerprint import (
    digest_of,
    outputs_digest,
    parameters_fingerprint,
    sources,
)
from taskloom_anomaly.backends.handle import Forward, LayerInfo, Loss, ReadAs
from taskloom_anomaly.backends.layers import LayerTable, check_layers, no_logits, require_known
from taskloom_anomaly.backends.names import canonical, parts_of
from taskloom_anomaly.backends.told import tell_cast
from taskloom_anomaly.backends.torch_capture import evaluating, is_floating, run
from taskloom_anomaly.backends.torch_probe import TorchProbe, as_array
from taskloom_anomaly.data.named import Inputs, NamedArrays, arguments_of


class TorchHandle:
    """A torch module; implements `ModelHandle`.

    Args:
        module: The network; run in evaluation mode, and left as it was.
        samples: One input or more, `(n, ...)`; evidence about the layers is found on five.
        reading: What the user says about axes and logits.
        known: Axes that are known already: of the same network with other parameters.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        samples: Inputs,
        reading: ReadAs = ReadAs(),  # noqa: B008 -- frozen
        known: Mapping[str, Axes] | None = None,
    ) -> None:
        self._module, self._reading = module, reading
        self._samples = probe_inputs.five(samples)
        self._probe = TorchProbe(module, self._caller, self._samples, known)
        self._plans: dict[tuple[str, ...], list[tuple[str, str, Axes]]] = {}

    @property
    def _example(self) -> Inputs:
        return self._samples[:1]

    @property
    def _device(self) -> torch.device:
        first = next(iter(self._module.parameters()), None)
        return first.device if first is not None else torch.device("cpu")

    @cached_property
    def _precision(self) -> torch.dtype | None:
        """The dtype of the network's floating inputs: that of its first floating parameter."""
        floating = (p.dtype for p in self._module.parameters() if p.is_floating_point())
        return next(floating, None)

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        # A copy: the first module may write over what it is given.
        tensor = torch.tensor(np.ascontiguousarray(array), device=self._device)
        own = self._precision
        if own is None or not tensor.is_floating_point() or tensor.dtype == own:
            return tensor
        tell_cast(str(array.dtype), str(own).removeprefix("torch."))
        return tensor.to(own)

    @cached_property
    def _keywords(self) -> frozenset[str] | None:
        """Names that the network's `forward` takes; None if it takes any."""
        found = inspect.signature(self._module.forward).parameters.values()
        if any(p.kind is p.VAR_KEYWORD for p in found):
            return None
        return frozenset(p.name for p in found)

    def _caller(self, inputs: Inputs) -> Callable[[torch.nn.Module], Any]:
        if not isinstance(inputs, NamedArrays):
            tensor = self._tensor(inputs)
            return lambda module: module(tensor)
        tensors = {name: self._tensor(array) for name, array in inputs.arrays.items()}
        places, named = arguments_of(tensors, self._keywords)
        return lambda module: module(*places, **named)

    def _logits_of(self, output: Any, seen: Mapping[str, torch.Tensor]) -> torch.Tensor | None:  # noqa: ANN401 -- modules take and return anything
        """Return the class scores, (n, K), if the network gives any."""
        if self._reading.logits:
            found = seen.get(self._reading.logits)
        elif isinstance(output, Mapping) and "logits" in output:
            found = output["logits"]
        else:
            found = next((tensor for _, tensor in parts_of(output, is_floating)), None)
        return found if found is not None and found.ndim == 2 else None

    @property
    def layers(self) -> Mapping[str, LayerInfo]:
        """The outputs of all calls of modules that have an axis of samples."""
        axes = self._probe.axes
        names = [name for name in self._probe.listed if axes[name].sample is not None]
        return LayerTable(names, self.info)

    @property
    def listed_layers(self) -> tuple[str, ...]:
        """The outputs of all calls, of those that cannot be watched, too."""
        return self._probe.listed

    @property
    def flat_layers(self) -> tuple[str, ...]:
        """All activations that enter or leave a call with two axes."""
        return tuple(
            name
            for name, axes in self._probe.axes.items()
            if axes.known and len(axes.shape) == 2 and axes.groups == 1
        )

    def axes(self, name: str) -> Axes:
        """Return the axes of an activation, as the user says, else as evidence does."""
        name = canonical(name, self._probe.axes)
        letters = self._reading.axes.get(name)
        if letters:
            _ = self._probe.whole
            return given(letters, self._probe.shapes[name], name)
        return self._probe.resolve(name)

    def info(self, name: str) -> LayerInfo:
        """Return what is known of an activation."""
        axes = self.axes(name)
        shape = axes.sample_shape if axes.known else axes.shape
        kind = self._probe.whole.seen[canonical(name, self._probe.axes)].dtype
        return LayerInfo(name, shape, axes.letters, axes.evidence, str(kind).removeprefix("torch."))

    @cached_property
    def default_layers(self) -> tuple[str, ...]:
        """The trunk, what runs after it, and the logits."""
        kinds = {path: type(part).__qualname__ for path, part in self._module.named_modules()}
        kept: set[bytes] = set()

        def usable(name: str) -> bool:
            value = self._probe.digests[name]
            same = self._probe.digests.get(f"{name}@in") == value
            if same or value in kept or not self.axes(name).known or self._is_next_token(name):
                return False
            kept.add(value)
            return True

        return trunk.default_names(self._probe.listed, kinds, usable)

    def _is_next_token(self, name: str) -> bool:
        """Return whether an activation is the network's output over a vocabulary: logits of the token that comes next."""
        output = self._probe.whole.output
        last = output["logits"] if isinstance(output, Mapping) and "logits" in output else None
        if last is None or last.ndim <= 2:
            return False
        return digest_of(as_array(last.detach())) == self._probe.digests[name]

    def unusable(self, name: str) -> str:
        """Return why a layer is none that can be watched, or an empty string."""
        axes = self.axes(name)
        return axes.refusal or ("" if axes.known else "unknown features")

    @property
    def is_causal(self) -> bool:
        """True if no token changes what earlier ones gave."""
        return self._probe.is_causal

    @cached_property
    def num_outputs(self) -> int:
        """Width of the logits; 0 where the network gives no class scores."""
        whole = self._probe.whole
        found = self._logits_of(whole.output, whole.seen)
        return 0 if found is None else int(found.shape[-1])

    @cached_property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the first array that the network returns, for messages."""
        found = next((t for _, t in parts_of(self._probe.whole.output, is_floating)), None)
        return () if found is None else tuple(found.shape)

    @cached_property
    def code_fingerprint(self) -> str:
        """Hash of code and parameters: what `fingerprint` was in version 0.2."""
        code = f"{self._module!r}\n{sources(self._module.modules())}"
        return parameters_fingerprint(code, self.parameters())

    @cached_property
    def fingerprint(self) -> str:
        """Hash of code, parameters, and what the network computes on fixed inputs: of attributes, globals and hooks, too."""
        # A network over texts of any length has one name; one that takes a single length has that of its samples.
        texts = probe_inputs.with_steps(self._samples)
        found = {} if texts is None else self.fixed_outputs(texts)
        return outputs_digest(self.code_fingerprint, found or self.fixed_outputs(self._samples))

    @property
    def earlier_fingerprint(self) -> str:
        """Name of the network before texts of every length gave the same one: detectors were stored with it."""
        return outputs_digest(self.code_fingerprint, self.fixed_outputs(self._samples))

    def fixed_outputs(self, samples: Inputs) -> dict[str, np.ndarray]:
        """Return what every call gives on inputs that depend on their form and the network alone; nothing if it refuses them.

        Args:
            samples: Samples of that form.
        """
        sizes = [
            part.num_embeddings
            for part in self._module.modules()
            if isinstance(part, torch.nn.Embedding)
        ]
        inputs = probe_inputs.fixed(samples, min(sizes, default=2))
        try:
            found = run(self._module, self._caller(inputs), None)
        except Exception:
            return {}
        result = {name: as_array(tensor) for name, tensor in found.seen.items()}
        for index, (_, tensor) in enumerate(parts_of(found.output, is_floating)):
            result[f"={index}"] = as_array(tensor)
        return result

    def check_layers(self, asked: Sequence[str]) -> tuple[str, ...]:
        """Return the layers asked for, patterns expanded.

        Raises:
            UnknownNameError: There is none of that name.
            ConfigError: It has no axis of samples, or its features are not known.
        """
        names = check_layers(asked, self._probe.listed, self._probe.axes)
        is_pattern = [name for name in names if name not in asked]
        chosen = [n for n in names if n not in is_pattern or self.axes(n).known] or list(names)
        for name in chosen:
            require_known(name, self.axes(name))
        return tuple(chosen)

    def _plan(self, layers: tuple[str, ...]) -> list[tuple[str, str, Axes]]:
        """Return the layers asked for, each with the name of its activation and its axes: every batch asks for the same."""
        if layers not in self._plans:
            names = self.check_layers(layers)
            self._plans[layers] = [(x, canonical(x, self._probe.axes), self.axes(x)) for x in names]
        return self._plans[layers]

    def forward(
        self, inputs: Inputs, layers: Sequence[str] = (), *, logits: bool = True
    ) -> Forward:
        """Run the network."""
        plan, n = self._plan(tuple(layers)), len(inputs)
        nothing = np.empty((n, 0), np.float32)
        if not logits and not plan:
            return Forward(nothing, {})
        wanted = [own for _, own, _ in plan]
        also = [self._reading.logits] if logits and self._reading.logits else []
        found = run(self._module, self._caller(inputs), (*wanted, *also), stop=not logits)
        output = self._logits_of(found.output, found.seen) if logits else None
        activations = {}
        for name, own, axes in plan:
            # The next layer is copied off the device only when this one is done.
            activations[name] = axes.arrange(as_array(found.seen.pop(own)))
            if len(activations[name]) != n:
                raise ConfigError(
                    f"Layer '{name}' gave {len(activations[name])} rows for {n} samples; name its axes with --axes."
                )
        return Forward(nothing if output is None else as_array(output), activations)

    def input_gradient(
        self, inputs: Float[np.ndarray, "n ..."], labels: Int[np.ndarray, " n"]
    ) -> tuple[Float[np.ndarray, "n ..."], Float[np.ndarray, " n"]]:
        """Gradient of each sample's cross entropy, and the cross entropies."""
        batch = self._tensor(inputs).requires_grad_()
        with evaluating(self._module):
            output = self._logits_of(self._module(batch), {})
        if output is None:
            raise ConfigError(no_logits(self))  # pyright: ignore[reportArgumentType]  # a cached property is a property
        losses = torch.nn.functional.cross_entropy(
            output, self._tensor(labels).long(), reduction="none"
        )
        (gradient,) = torch.autograd.grad(losses.sum(), batch)
        return as_array(gradient), as_array(losses.detach())

    def parameters(self) -> dict[str, np.ndarray]:
        """Parameters and buffers by dotted path; half precision as float32."""
        return {k: as_array(v.detach()).copy() for k, v in self._module.state_dict().items()}

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
        with evaluating(module):
            output = self._logits_of(module(self._tensor(inputs)), {})
        if output is None:
            raise ConfigError(no_logits(self))  # pyright: ignore[reportArgumentType]  # a cached property is a property
        loss = torch.nn.functional.cross_entropy(output, self._tensor(labels).long())
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
        return TorchHandle(module, self._samples, self._reading, self._probe.resolved)

    def reading(self, reading: ReadAs) -> TorchHandle:
        """The same network, read as the user says."""
        return TorchHandle(self._module, self._samples, reading, self._probe.resolved)

    def trainer(
        self,
        *,
        learning_rate: float,
        weight_decay: float = 0.0,
        loss: Loss = "cross_entropy",
        seed: int = 0,
    ) -> Any:  # noqa: ANN401 -- a Trainer
        """Start training a copy."""
        from taskloom_anomaly.backends.torch_trainer import TorchTrainer  # torch is heavy

        return TorchTrainer(
            copy.deepcopy(self._module),
            self._example,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            loss=loss,
            seed=seed,
        )


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
    samples: Inputs,
    reading: ReadAs = ReadAs(),  # noqa: B008 -- frozen
) -> TorchHandle:
    """Return the handle of a torch module; a torch module holds its own parameters unless others are given.

    Raises:
        ConfigError: The parameters do not fit or have no values yet, or the module is compiled or scripted.
    """
    if isinstance(module, torch.jit.ScriptModule) or hasattr(module, "_orig_mod"):
        raise ConfigError(
            f"A {type(module).__name__} runs no hooks, so nothing in it can be watched: give the module that was compiled."
        )
    if parameters is not None:
        module = copy.deepcopy(module)
        load_parameters(module, {k: _plain(v) for k, v in parameters.items()})
    lazy = torch.nn.UninitializedParameter
    empty = [name for name, value in module.named_parameters() if isinstance(value, lazy)]
    if empty:
        raise ConfigError(
            f"The parameter '{empty[0]}' has no values yet, as the first pass of a lazy module gives them: call the module once,"
            " or give its parameters."
        )
    return TorchHandle(module, samples, reading)


def _plain(value: Any) -> np.ndarray:  # noqa: ANN401 -- a tensor or an array
    return as_array(value.detach()) if isinstance(value, torch.Tensor) else np.asarray(value)
