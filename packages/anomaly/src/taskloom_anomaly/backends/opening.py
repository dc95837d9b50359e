"""Networks by a reference: a factory, a folder of Hugging Face, a network that a run has stored, or none for a table."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskloom.errors import ConfigError

from taskloom_anomaly.backends.handle import ModelHandle, ReadAs
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.backends.table import TableHandle
from taskloom_anomaly.models.stored import MODEL_FILE, StoredModel, model_folder

if TYPE_CHECKING:
    from taskloom_anomaly.data.named import Inputs

NETWORK_FILE = "network.json"


@dataclass(frozen=True)
class Reference:
    """The way to a network, as a detector's folder keeps it.

    Attributes:
        kind: `factory`, `huggingface`, `stored`, or `none`.
        target: `package.module:factory`, or the folder.
        max_tokens: Of texts under a folder of Hugging Face, the length at which they are cut; 0 where there are no texts.
    """

    kind: str
    target: str = ""
    max_tokens: int = 0

    def write(self, folder: Path) -> None:
        """Keep the reference in a folder."""
        text = json.dumps({"schema": 1, **asdict(self)}, indent=2) + "\n"
        (folder / NETWORK_FILE).write_text(text, encoding="utf-8", newline="\n")

    @classmethod
    def read(cls, folder: Path) -> Reference:
        """Return the reference that a folder keeps.

        Raises:
            ConfigError: There is none, or it cannot be read.
        """
        try:
            found = json.loads((folder / NETWORK_FILE).read_text(encoding="utf-8"))
            return cls(str(found["kind"]), str(found["target"]), int(found.get("max_tokens", 0)))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"The folder '{folder}' names no network: {error}.") from None


def reference_of(text: str) -> Reference | None:
    """Return the reference that a word is, or None where it can only be a run.

    A folder with a `config.json` of transformers is one of Hugging Face's.
    """
    if text == "none":
        return Reference("none")
    path = Path(text)
    if path.is_dir():
        if (path / "config.json").is_file() and "model_type" in _read(path / "config.json"):
            return Reference("huggingface", str(path.resolve()))
        has_model = any((path / part).is_file() for part in (MODEL_FILE, f"model/{MODEL_FILE}"))
        return Reference("stored", str(model_folder(path).resolve())) if has_model else None
    module, colon, name = text.partition(":")
    if colon and name.isidentifier() and all(part.isidentifier() for part in module.split(".")):
        return Reference("factory", text)
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def open_network(
    reference: Reference,
    samples: Inputs,
    reading: ReadAs = ReadAs(),  # noqa: B008 -- frozen
) -> ModelHandle:
    """Return the handle of a network.

    Args:
        reference: The way to it.
        samples: Five samples or fewer.
        reading: What the user says about axes and logits.

    Raises:
        ConfigError: It cannot be built, or does not take such samples.
    """
    if reference.kind == "none":
        return TableHandle(samples)
    if reference.kind == "stored":
        stored = StoredModel(reference.target)
        return as_handle(stored.build_model(), stored.build_params(), samples, reading=reading)
    if reference.kind == "huggingface":
        from taskloom_anomaly.backends.huggingface import load_module  # transformers is heavy

        return as_handle(
            load_module(Path(reference.target)), None, samples, warn=False, reading=reading
        )
    return as_handle(_built(reference.target), None, samples, reading=reading)


def _built(target: str) -> object:
    """Call a factory, found from the working directory, too."""
    module, _, name = target.partition(":")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        factory: Any = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"The network '{target}' cannot be imported: {error}.") from None
    try:
        return factory() if callable(factory) and not hasattr(factory, "forward") else factory
    except Exception as error:
        raise ConfigError(
            f"The factory '{target}' raised {type(error).__name__}: {error}"
        ) from None
