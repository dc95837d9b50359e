"""Training of torch modules."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Int, Shaped

from taskloom_anomaly.backends.handle import Loss
from taskloom_anomaly.backends.schedule import share_of_peak
from taskloom_anomaly.backends.torch_handle import TorchHandle, load_parameters


class TorchTrainer:
    """Training in progress; implements `Trainer`.

    Args:
        module: The network; this trainer owns it.
        example: One input, `(1, ...)`.
        learning_rate: Adam's step size.
        weight_decay: AdamW's decay; 0 is plain Adam.
        loss: What is minimised.
        seed: Seeds dropout, without touching the global generator.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        example: Shaped[np.ndarray, "1 ..."],
        *,
        learning_rate: float,
        weight_decay: float,
        loss: Loss,
        seed: int,
    ) -> None:
        self._module = module
        self._example = example
        self._loss: Loss = loss
        self._seed = seed
        self._optimizer = torch.optim.AdamW(
            module.parameters(), lr=learning_rate, weight_decay=weight_decay
        )
        self._epochs, self._steps, self._cycle = 0, 0, 0
        self._peak = learning_rate

    def one_cycle(self, steps: int) -> None:
        """Let the step size rise and fall once over so many steps."""
        self._cycle = steps

    def run_epoch(
        self,
        inputs: Shaped[np.ndarray, "n ..."],
        targets: Shaped[np.ndarray, "n ..."],
        batches: Int[np.ndarray, "steps batch"],
    ) -> tuple[float, float]:
        """Take one step per row of `batches`."""
        device = next(self._module.parameters()).device
        x, y = torch.as_tensor(inputs, device=device), torch.as_tensor(targets, device=device)
        totals = np.zeros(2)
        self._module.train()
        with torch.random.fork_rng():
            torch.manual_seed((self._seed + self._epochs) & 0x7FFFFFFF)
            for rows in torch.as_tensor(batches, device=device):
                totals += self._step(x[rows], y[rows])
        self._module.eval()
        self._epochs += 1
        loss, accuracy = totals / len(batches)
        return float(loss), float(accuracy)

    def _step(self, x: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
        self._optimizer.zero_grad()
        if self._cycle:
            for group in self._optimizer.param_groups:
                group["lr"] = self._peak * share_of_peak(self._steps, self._cycle)
        self._steps += 1
        logits = self._module(x)
        if self._loss == "squared":
            value = ((logits - y) ** 2).mean()
            hits = 1 - value.detach() / (y.var(dim=0, correction=0).mean() + 1e-12)
        elif self._loss == "binary":
            value = torch.nn.functional.binary_cross_entropy_with_logits(logits, y.to(logits.dtype))
            hits = (logits > 0) == (y > 0.5)
        else:
            # One answer a sample, or one a token: the axes before that of the classes are all rows.
            logits, y = logits.flatten(0, -2), y.flatten()
            value = torch.nn.functional.cross_entropy(logits, y.long())
            hits = logits.argmax(-1) == y
        value.backward()
        self._optimizer.step()
        return float(value.detach()), float(hits.float().mean())

    def state(self) -> dict[str, np.ndarray]:
        """Parameters, moments and the number of epochs done."""
        state = {
            f"module:{k}": v.detach().cpu().numpy().copy()
            for k, v in self._module.state_dict().items()
        }
        for index, moments in self._optimizer.state_dict()["state"].items():
            for name, value in moments.items():
                state[f"moment:{index}:{name}"] = value.detach().cpu().numpy().copy()
        steps = {"steps": np.asarray(self._steps)} if self._cycle else {}
        return {**state, **steps, "epochs": np.asarray(self._epochs)}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go back to a state."""
        load_parameters(
            self._module,
            {k.removeprefix("module:"): v for k, v in state.items() if k.startswith("module:")},
        )
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in state.items():
            if key.startswith("moment:"):
                _, index, name = key.split(":")
                moments.setdefault(int(index), {})[name] = torch.as_tensor(np.array(value))
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": moments, "param_groups": groups})
        self._epochs, self._steps = int(state["epochs"]), int(state.get("steps", 0))

    def model(self) -> TorchHandle:
        """The network as it is now."""
        return TorchHandle(copy.deepcopy(self._module), self._example)
