"""A classifier of noised sequences, p(y | z, alpha): what guidance by a classifier asks, and how it is trained and kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from taskloom import derive_seed
from taskloom.errors import ConfigError
from taskloom.registry.suggest import did_you_mean
from torch import Tensor, nn
from torch.nn import functional

from taskloom_diffusion.denoisers.dit_block import NoiseEmbedding
from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.training.batches import TokenStore, TrainStream, collate

_WEIGHTS, _FACTS = "classifier.safetensors", "classifier.json"


class ClassifierNetwork(nn.Module):
    """Two convolutions over the embedded tokens, a mean over the sequence, and the noise level.

    Args:
        vocab_size: Tokens.
        max_length: Longest sequence [tokens].
        classes: Classes.
        width: Width.
    """

    def __init__(self, vocab_size: int, max_length: int, classes: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(vocab_size, width) * 0.1)
        self.places = nn.Parameter(torch.randn(max_length, width) * 0.1)
        self.near = nn.ModuleList(nn.Conv1d(width, width, 5, padding=2) for _ in range(2))
        self.level = NoiseEmbedding(width)
        self.head = nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, classes))

    def forward(self, one_hot: Tensor, alpha: Tensor, maskable: Tensor) -> Tensor:
        inside = maskable[..., None].to(self.embedding.dtype)
        # A product with the table, not a look-up: first-order guidance follows the gradient of the one-hot.
        x = one_hot.to(self.embedding.dtype) @ self.embedding + self.places[: one_hot.shape[1]]
        x = x * inside
        for layer in self.near:
            x = (x + functional.gelu(layer(x.transpose(1, 2)).transpose(1, 2))) * inside
        pooled = x.sum(1) / inside.sum(1).clamp_min(1)
        level = self.level((1 - alpha).to(self.embedding.dtype))
        logits = self.head(torch.cat([pooled, level], dim=1))
        return torch.log_softmax(logits.double(), dim=-1)


@dataclass(frozen=True)
class KeptClassifier:
    """A trained classifier with the names of its classes.

    Attributes:
        network: p(y | z, alpha).
        classes: Names of the classes.
        tokens: Tokens of the model that it was trained for.
        width: Width of the network.
        max_length: Longest sequence [tokens].
    """

    network: ClassifierNetwork
    classes: tuple[str, ...]
    tokens: tuple[str, ...]
    width: int
    max_length: int

    def save(self, folder: Path) -> None:
        """Write it into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file(dict(self.network.state_dict()), folder / _WEIGHTS)
        facts = {
            "classes": self.classes,
            "tokens": self.tokens,
            "width": self.width,
            "max_length": self.max_length,
        }
        (folder / _FACTS).write_text(json.dumps(facts) + "\n", encoding="utf-8", newline="\n")


def load_classifier(folder: Path, model: DiffusionModel) -> KeptClassifier:
    """Return the classifier of a folder.

    Raises:
        ConfigError: There is none, it is damaged, or it is for another model's tokens.
    """
    try:
        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        sizes = len(facts["tokens"]), facts["max_length"], len(facts["classes"]), facts["width"]
        network = ClassifierNetwork(*sizes)
        network.load_state_dict(load_file(folder / _WEIGHTS))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError):
        raise ConfigError(
            f"'{folder}' holds no classifier; train one with 'tasks diffusion classifier RUN --column=NAME --to {folder}'"
        ) from None
    if facts["tokens"] != list(model.tokenizer.tokens):
        raise ConfigError(f"the classifier in '{folder}' is for a model of other tokens")
    parts = tuple(facts["classes"]), tuple(facts["tokens"]), facts["width"], facts["max_length"]
    return KeptClassifier(network.eval(), *parts)


def class_of(folder: Path, name: str, model: DiffusionModel) -> tuple[ClassifierNetwork, int]:
    """Return the classifier of a folder, and the number of a class of it.

    Raises:
        ConfigError: There is no classifier, or it has no such class.
    """
    kept = load_classifier(folder, model)
    if name not in kept.classes:
        near = did_you_mean(name, kept.classes)
        raise ConfigError(
            f"target '{name}' is no class of the classifier in '{folder}': {', '.join(kept.classes)}{'; ' * bool(near)}{near}"
        )
    return kept.network, kept.classes.index(name)


def train_classifier(
    model: DiffusionModel,
    store: TokenStore,
    classes: Sequence[str],
    *,
    steps: int,
    width: int,
    seed: int,
) -> KeptClassifier:
    """Train a classifier on noised sequences of a model: its noise, at signals that are uniform in (0, 1).

    Args:
        model: The model, for tokens and noise.
        store: Sequences with their class as the only condition.
        classes: Names of the classes.
        steps: Optimizer steps.
        width: Width of the network.
        seed: Of weights, order and noise.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "weights"))
        network = ClassifierNetwork(model.vocab_size, model.max_length, len(classes), width)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    generator = torch.Generator().manual_seed(derive_seed(seed, "noise"))
    stream = iter(TrainStream(store, 64, model.pad_token_id, derive_seed(seed, "order")))
    for step in range(steps):
        batch = next(stream)
        nats, known = _loss(network, model, batch, generator)
        optimizer.zero_grad()
        (nats / known.clamp_min(1)).backward()  # type: ignore[no-untyped-call]  # torch's own
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 - step / steps)
        optimizer.step()
    tokens = tuple(model.tokenizer.tokens)
    return KeptClassifier(network.eval(), tuple(classes), tokens, width, model.max_length)


def _loss(
    network: ClassifierNetwork,
    model: DiffusionModel,
    batch: dict[str, Tensor],
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Return the sum of -log p(y | z) over the rows whose class is known, and their number."""
    x, maskable = batch["tokens"], batch["maskable"]
    alpha = torch.rand(len(x), generator=generator, dtype=torch.float64)
    noise = torch.rand(x.shape, generator=generator, dtype=torch.float64)
    z = torch.where(maskable, model.diffusion_process.corrupt(x, alpha, noise), x)
    one_hot = functional.one_hot(z, model.vocab_size)
    found = network(one_hot, alpha, maskable).gather(1, batch["condition_classes"])[:, 0]
    known = batch["condition_given"][:, 0]
    return -torch.where(known, found, 0.0).sum(), known.sum()


@torch.no_grad()
def judged_classifier(
    kept: KeptClassifier, model: DiffusionModel, store: TokenStore
) -> dict[str, float]:
    """Return how often the classifier is right on held-out clean sequences, and how often the commonest class is."""
    condition = store.condition
    if condition is None or not len(store):
        return {}
    batch = collate([store.get(i) for i in range(len(store))], model.pad_token_id)
    one_hot = functional.one_hot(batch["tokens"], model.vocab_size)
    alpha = torch.ones(len(store), dtype=torch.float64)
    best = kept.network(one_hot, alpha, batch["maskable"]).argmax(1)
    known, truth = condition.given[:, 0], condition.classes[:, 0]
    counts = torch.bincount(truth[known], minlength=len(kept.classes))
    total = max(int(known.sum()), 1)
    return {
        "accuracy": float((best == truth)[known].sum()) / total,
        "commonest": float(counts.max()) / total,
        "held_out": float(known.sum()),
    }
