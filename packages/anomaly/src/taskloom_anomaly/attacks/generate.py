"""Adversarial examples of a stored network, made once in this process; later calls read the file."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from taskloom.arrays import load_tensors, save_tensors
from taskloom.errors import StoreError
from taskloom.registry.components import load_component
from taskloom.runs.locks import acquire

from taskloom_anomaly.attacks.base import Attack
from taskloom_anomaly.backends.handle import ModelHandle
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.detection.validity_card import write_json
from taskloom_anomaly.errors import InvalidTaskError

if TYPE_CHECKING:
    from jaxtyping import Float

FOLDER = "adv_examples"
_log = logging.getLogger(__name__)
_PROBE_SAMPLES = 256


@dataclass(frozen=True)
class AttackOutcome:
    """Outcome of an attack.

    Attributes:
        examples: Adversarial inputs with their true labels.
        original_loss: Mean cross entropy before [nat].
        new_loss: Mean cross entropy after [nat].
        original_accuracy: Accuracy before.
        new_accuracy: Accuracy after.
    """

    examples: ArrayDataset
    original_loss: float
    new_loss: float
    original_accuracy: float
    new_accuracy: float


def attack_data(
    handle: ModelHandle, data: ArrayDataset, attack: Attack, *, seed: int, batch_size: int = 512
) -> AttackOutcome:
    """Attack every sample.

    Args:
        handle: The network.
        data: Clean samples with labels.
        attack: What is done to them.
        seed: Seeds random starts.
        batch_size: Samples per gradient.
    """
    # One stream a batch: two batches must not start from the same noise.
    parts = [
        attack(handle, batch.inputs, _labels(batch), seed + index)
        for index, batch in enumerate(data.batches(batch_size))
    ]
    examples = ArrayDataset(np.concatenate(parts), data.labels, np.ones(len(data), bool))
    before, after = _losses(handle, data), _losses(handle, examples)
    return AttackOutcome(examples, before[0], after[0], before[1], after[1])


def _labels(data: ArrayDataset) -> np.ndarray:
    if data.labels is None:
        raise InvalidTaskError("An attack needs labelled samples; this data set has no labels.")
    return data.labels


def _losses(handle: ModelHandle, data: ArrayDataset) -> tuple[float, float]:
    logits = np.concatenate([handle.forward(b.inputs).logits for b in data.batches(1024)])
    shifted = logits - logits.max(axis=1, keepdims=True)
    # Shifted by the largest logit, so that the exponential cannot overflow.
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    labels = _labels(data)
    loss = -log_p[np.arange(len(labels)), labels].mean()
    return float(loss), float((logits.argmax(axis=1) == labels).mean())


def sufficient_eps(
    handle: ModelHandle, data: ArrayDataset, attack: Attack, threshold: float, seed: int
) -> float | None:
    """Return the least tried radius at which the accuracy falls to the threshold, or None.

    Radii grow by a quarter from the configured one, to two digits, as messages show them. A few hundred samples are tried
    first; only what does for them is tried on all.
    """
    stages = [data.take(slice(_PROBE_SAMPLES))]
    if len(data) > _PROBE_SAMPLES:
        stages.append(data)
    eps = attack.eps
    while eps < 1:
        eps = min(_two_digits(1.25 * eps), 1.0)
        tried = attack.model_copy(update={"eps": eps})
        if all(attack_data(handle, d, tried, seed=seed).new_accuracy <= threshold for d in stages):
            return eps
    return None


def _two_digits(value: float) -> float:
    """Round up: of 0.0123, 0.013."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(round(value / unit, 9)) * unit:.2g}")


def assert_success(
    outcome: AttackOutcome,
    handle: ModelHandle,
    data: ArrayDataset,
    attack: Attack,
    *,
    threshold: float,
    seed: int,
) -> None:
    """Raise one sentence when the attack left too much accuracy.

    Raises:
        InvalidTaskError: Names the accuracy, the threshold and a strength that would do.
    """
    if outcome.new_accuracy <= threshold:
        return
    enough = sufficient_eps(handle, data, attack, threshold, seed)
    advice = (
        f"--attack.eps={enough:g} would do"
        if enough
        else "no eps up to 1 would do: try --attack=pgd"
    )
    raise InvalidTaskError(
        f"The attack did not take: accuracy under attack is {outcome.new_accuracy:.3f} at eps {attack.eps:g}, above the"
        f" threshold {threshold:g}; {advice}."
    )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock file, so that two processes do not make the same examples twice."""
    # As long as the other one lives: what it makes is what this one would make again.
    held = acquire(path, patience=math.inf, told=_log.info)
    try:
        yield
    finally:
        held.release()


def _key(handle: ModelHandle, data: ArrayDataset, attack: Attack, seed: int) -> str:
    digest = hashlib.blake2b(digest_size=10)
    digest.update(handle.fingerprint.encode())
    digest.update(json.dumps(attack.model_dump(mode="json"), sort_keys=True).encode())
    digest.update(f"{data.inputs.shape}{data.inputs.dtype}{seed}".encode())
    digest.update(np.ascontiguousarray(data.inputs).data)
    # Labels too: an attack climbs the loss of the true class.
    digest.update(np.ascontiguousarray(_labels(data)).data)
    return digest.hexdigest()


def stored_examples(
    folder: Path,
    handle: ModelHandle,
    data: ArrayDataset,
    attack: Attack,
    *,
    threshold: float,
    seed: int,
    batch_size: int = 512,
) -> AttackOutcome:
    """Return adversarial examples from a file, made now if it is missing.

    The file is named by the hash of network, attack, samples and seed, so that it can never be taken for another's.

    Args:
        folder: The network's folder; examples go below it.
        handle: The network.
        data: Clean samples with labels.
        attack: What is done to them.
        threshold: Accuracy under attack above which the attack has failed; nothing is then stored.
        seed: Seeds random starts.
        batch_size: Samples per gradient.

    Raises:
        InvalidTaskError: The attack failed.
        StoreError: The folder cannot be written.
    """
    place = folder / FOLDER
    try:
        place.mkdir(exist_ok=True)
        path = place / f"{_key(handle, data, attack, seed)}.safetensors"
        with _locked(place / ".lock"):
            if not path.is_file():
                outcome = attack_data(handle, data, attack, seed=seed, batch_size=batch_size)
                assert_success(outcome, handle, data, attack, threshold=threshold, seed=seed)
                _store(path, outcome, attack)
    except OSError as error:
        raise StoreError(f"Adversarial examples cannot be stored in '{place}': {error}.") from None
    facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    found: dict[str, Float[np.ndarray, "n ..."]] = load_tensors(path)
    outcome = AttackOutcome(
        ArrayDataset(found["examples"], found["labels"], np.ones(len(found["labels"]), bool)),
        *(float(facts[name]) for name in _FACTS),
    )
    # Asked of kept examples too: an earlier call may have had a higher threshold.
    assert_success(outcome, handle, data, attack, threshold=threshold, seed=seed)
    return outcome


def attack_of(path: Path) -> Attack:
    """Return the attack that made the examples which a description is of."""
    parameters = json.loads(path.read_text(encoding="utf-8"))["attack"]
    found = load_component("taskloom_anomaly.attacks", parameters["kind"])
    return cast("type[Attack]", found).model_validate(parameters)


_FACTS = ("original_loss", "new_loss", "original_accuracy", "new_accuracy")


def _store(path: Path, outcome: AttackOutcome, attack: Attack) -> None:
    facts = {name: getattr(outcome, name) for name in _FACTS}
    attack_json = attack.model_dump(mode="json")
    write_json(
        path.with_suffix(".json"),
        {"schema": 1, "attack": attack_json, "num_examples": len(outcome.examples), **facts},
    )
    tensors = {"examples": outcome.examples.inputs, "labels": _labels(outcome.examples)}
    save_tensors(path, tensors)
