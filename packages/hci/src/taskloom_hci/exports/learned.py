"""Policies that Stable-Baselines3 trained, loaded from its zip files without unpickling anything.

Such a file holds `policy.pth`, the tensors of the policy, which `torch.load(..., weights_only=True)` reads safely, and
`data`, JSON with pickled objects in it (spaces, schedules, classes), which is never looked at here. What those objects
would have said is in a member of our own, `taskloom.json`: which entries of an observation the network is fed with, how
they are scaled, and its activation. `save_policy` writes that member; a file without it needs to be told.
"""

# ruff: noqa: ANN401 -- models of Stable-Baselines3 are of any type

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taskloom_hci.errors import HciError
from taskloom_hci.exports.cells import CellPolicy
from taskloom_hci.policies.network import Activation, Network, NetworkPolicy, Senses
from taskloom_hci.policies.policy import Policy
from taskloom_hci.policies.table import TablePolicy
from taskloom_hci.state.elements import Element
from taskloom_hci.task import Role

MEMBER, WEIGHTS, TABLE = "taskloom.json", "policy.pth", "table.npy"
FORMAT = "taskloom-hci-policy"
LARGEST = 256 * 1024 * 1024  # bytes of one member; a zip file may promise much more than it holds


@dataclass(frozen=True, slots=True)
class Learned:
    """A trained policy as it lies in a file.

    Attributes:
        role: Who it was trained to be.
        network: The network; None for a table.
        senses: What it is fed with.
        body: The parameters of the user or assistant whose place it took, with their `kind`; None in older files.
        features: `named` entries of what an agent sees, or `cells`; see `exports.cells`.
        table: An action for every cell and goal of a grid, (C, C), and the grid's shape; see `policies.table`.
    """

    role: Role
    network: Network | None
    senses: Senses
    body: Mapping[str, Any] | None = None
    features: str = "named"
    table: tuple[NDArray[np.int64], tuple[int, ...]] | None = None

    def policy(self, element: Element, *, deterministic: bool = True) -> Policy:
        """Return it as the policy of an agent whose actions are `element`."""
        if self.table is not None:
            return TablePolicy(*self.table, element)
        if self.network is None:
            raise HciError("This policy holds neither a network nor a table.")
        if self.features == "cells":
            return CellPolicy(self.network, element)
        return NetworkPolicy(
            self.network, self.senses, element, self.role, deterministic=deterministic
        )


def save_policy(
    model: Any,
    path: Path,
    keys: Sequence[str],
    *,
    role: Role | None = None,
    low: ArrayLike | None = None,
    span: ArrayLike | None = None,
    features: str = "named",
) -> None:
    """Save a Stable-Baselines3 model as its own zip file, with what is needed to load it safely.

    Args:
        model: A PPO, A2C or DQN model.
        path: The zip file.
        keys: Flat names of the entries that its observation is made of, in order.
        role: Who it was trained to be; by default its environment says so.
        low: What was subtracted from every number (in,); by default nothing.
        span: What it was divided by (in,); by default 1.
        features: `named` or `cells`, as the environment shows them.

    Raises:
        HciError: If the policy is of a kind that cannot be loaded again, or was trained as another role.
    """
    names = {"Tanh": "tanh", "ReLU": "relu"}
    activation = getattr(model.policy.activation_fn, "__name__", "")
    if activation not in names:
        raise HciError(
            f"The activation of a policy is Tanh or ReLU, not {activation or 'unknown'}."
        )
    network = network_of(_arrays(model.policy.state_dict()), names[activation])  # type: ignore[arg-type] # one of the two
    inputs = network.layers[0][0].shape[1]
    trained, body = _origin(model)
    if None not in {role, trained} and role != trained:
        raise HciError(f"This policy was trained as the {trained}, not as the {role}.")
    facts = {
        "format": FORMAT,
        "version": 1,
        "role": trained or role or "user",
        "body": body,
        "features": features,
        "keys": list(keys),
        "low": np.broadcast_to(0.0 if low is None else low, inputs).tolist(),
        "span": np.broadcast_to(1.0 if span is None else span, inputs).tolist(),
        "activation": names[activation],
    }
    model.save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(MEMBER, json.dumps(facts))


def save_table(table: NDArray[np.int64], shape: Sequence[int], path: Path, body: Any) -> None:
    """Save an action for every cell and goal of a grid (C, C) as the policy of a user.

    Args:
        table: Number of the action.
        shape: Cells along each axis of the grid.
        path: The zip file.
        body: The parameters of the user whose place it takes, or None.
    """
    held = io.BytesIO()
    np.save(held, table, allow_pickle=False)
    facts = {
        "format": FORMAT,
        "version": 1,
        "role": "user",
        "body": None if body is None else body.model_dump(mode="json"),
        "features": "table",
        "shape": list(shape),
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(TABLE, held.getvalue())
        archive.writestr(MEMBER, json.dumps(facts))


def _tabled(facts: Mapping[str, Any], held: bytes, path: Path) -> Learned:
    try:
        table = np.load(io.BytesIO(held), allow_pickle=False)
        shape = tuple(int(size) for size in facts["shape"])
    except (ValueError, KeyError, TypeError, EOFError):
        raise HciError(f"The {TABLE} in {path.name} is no table of a grid.") from None
    if table.ndim != 2 or table.dtype.kind not in "iu":
        raise HciError(f"The {TABLE} in {path.name} is no table of a grid.")
    senses = Senses((), np.zeros(0), np.ones(0))
    return Learned(
        "user", None, senses, facts.get("body"), "table", (table.astype(np.int64), shape)
    )


def _origin(model: Any) -> tuple[Role | None, dict[str, Any] | None]:
    """Return the role that a model was trained as and the parameters of the agent that it took the place of."""
    env = model.get_env()
    if env is None or not (env.has_attr("train") and env.has_attr("bundle")):
        return None, None
    role: Role = env.get_attr("train", 0)[0]
    body = getattr(env.get_attr("bundle", 0)[0], role).body
    return role, None if body is None else body.model_dump(mode="json")


def load_policy(
    path: Path,
    *,
    keys: Sequence[str] | None = None,
    activation: Activation = "tanh",
    role: Role = "user",
) -> Learned:
    """Return the policy in a zip file of Stable-Baselines3; nothing in it is unpickled.

    Args:
        path: The file.
        keys: What its observation is made of, for a file that `save_policy` did not write; it is then taken as it is.
        activation: Its activation, likewise.
        role: Who it was trained to be, likewise.

    Raises:
        HciError: If the file is not such a file, or holds a policy of another kind.
    """
    facts, weights = _read(path)
    if facts is not None and facts.get("features") == "table":
        return _tabled(facts, weights, path)
    # torch is for those who load a trained policy.
    import torch

    try:
        state = torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True)
    except Exception as error:
        raise HciError(
            f"The weights in {path.name} cannot be read safely ({type(error).__name__})."
        ) from None
    if not isinstance(state, Mapping):
        raise HciError(f"The weights in {path.name} are no table of tensors.")
    if facts is None:
        if keys is None:
            raise HciError(
                f"{path.name} has no {MEMBER}: write it with save_policy, or say by 'keys' what the policy sees."
            )
        network = network_of(_arrays(state), activation)
        inputs = network.layers[0][0].shape[1]
        return Learned(role, network, Senses(tuple(keys), np.zeros(inputs), np.ones(inputs)))
    try:
        senses = Senses(
            tuple(facts["keys"]), np.asarray(facts["low"], float), np.asarray(facts["span"], float)
        )
        network = network_of(_arrays(state), facts["activation"])
        return Learned(
            facts["role"], network, senses, facts.get("body"), facts.get("features", "named")
        )
    except (KeyError, TypeError) as error:
        raise HciError(f"The {MEMBER} in {path.name} is incomplete: {error}.") from None


def _read(path: Path) -> tuple[dict[str, Any] | None, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {info.filename: info.file_size for info in archive.infolist()}
            held = next((name for name in (WEIGHTS, TABLE) if name in sizes), None)
            if held is None:
                raise HciError(f"{path.name} holds no {WEIGHTS}: it is no saved policy.")
            large = [name for name in (held, MEMBER) if sizes.get(name, 0) > LARGEST]
            if large:
                raise HciError(f"{large[0]} in {path.name} is larger than {LARGEST} bytes.")
            facts = json.loads(archive.read(MEMBER)) if MEMBER in sizes else None
            weights = archive.read(held)
    except FileNotFoundError:
        raise HciError(f"There is no saved policy at '{path}'.") from None
    except (OSError, zipfile.BadZipFile):
        raise HciError(f"{path.name} is no zip file.") from None
    except json.JSONDecodeError:
        raise HciError(f"The {MEMBER} in {path.name} is no JSON.") from None
    if facts is not None and (not isinstance(facts, dict) or facts.get("format") != FORMAT):
        raise HciError(f"The {MEMBER} in {path.name} is not of the format {FORMAT}.")
    return facts, weights


def _arrays(state: Mapping[str, Any]) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    return {
        name: np.asarray(tensor.detach().cpu().numpy(), dtype=np.float32)
        for name, tensor in state.items()
        if hasattr(tensor, "detach")
    }


def network_of(
    tensors: Mapping[str, np.ndarray[Any, np.dtype[np.float32]]], activation: Activation
) -> Network:
    """Return the part of a policy that acts: that of PPO and A2C, or the Q-network of DQN.

    Args:
        tensors: By the names of Stable-Baselines3.
        activation: What lies between the layers.

    Raises:
        HciError: If there is no such part.
    """
    parts = (
        ("mlp_extractor.policy_net", "action_net"),
        ("q_net.q_net", None),
        ("mlp_extractor.scorer", None),
    )
    for prefix, head in parts:
        numbers = sorted(
            int(name.split(".")[-2])
            for name in tensors
            if name.startswith(f"{prefix}.") and name.endswith(".weight")
        )
        names = [f"{prefix}.{number}" for number in numbers]
        if head is not None:
            if f"{head}.weight" not in tensors:
                continue
            names.append(head)
        if names:
            layers = [(tensors[f"{name}.weight"], tensors[f"{name}.bias"]) for name in names]
            return Network(layers, activation, tensors.get("log_std"))
    raise HciError(
        f"This policy is neither of PPO, A2C nor DQN: it holds {', '.join(list(tensors)[:4]) or 'nothing'}."
    )
