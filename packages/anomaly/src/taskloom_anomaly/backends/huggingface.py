"""Language models from a local folder of Hugging Face: nothing is downloaded, no code of the folder is run, nothing is unpickled."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from taskloom.errors import ConfigError, MissingExtraError

from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.data.named import NamedArrays

if TYPE_CHECKING:
    from taskloom_anomaly.backends.handle import ModelHandle

_log = logging.getLogger(__name__)

ModelKind: TypeAlias = Literal["auto", "causal", "encoder", "classifier"]
_CLASSES = {
    "causal": "AutoModelForCausalLM",
    "encoder": "AutoModel",
    "classifier": "AutoModelForSequenceClassification",
}


@dataclass(frozen=True)
class TextModel:
    """A language model and its tokenizer.

    Attributes:
        handle: The network, over token ids with their mask.
        tokenizer: The tokenizer of transformers.
        max_tokens: Longer texts are cut.
        vocabulary: Tokens that the network knows; 0 where that is not known.
    """

    handle: ModelHandle
    tokenizer: Any
    max_tokens: int
    vocabulary: int = 0

    def tokens(self, texts: Sequence[str]) -> NamedArrays:
        """Return token ids, padded on the right, with the mask of what is real.

        Raises:
            ConfigError: A text has no token, or one that the network does not know.
        """
        found = tokens_of(self.tokenizer, texts, self.max_tokens, vocabulary=self.vocabulary)
        tell_cut([found], self.max_tokens)
        return found


def huggingface(
    folder: Path | str,
    *,
    max_tokens: int = 128,
    kind: ModelKind = "auto",
    probe: Sequence[str] = (),
) -> TextModel:
    """Return the model of a local folder with `config.json`, safetensors and tokenizer files.

    Args:
        folder: The folder.
        max_tokens: Longer texts are cut; a network with a shorter context cuts there.
        kind: The head: next-token logits, none, class scores; `auto` goes by the folder's config.
        probe: A few texts of the user's, on which the layers are looked at.

    Raises:
        ConfigError: The folder is no such folder, or has files that cannot be read safely.
        MissingExtraError: transformers is not installed.
    """
    path = Path(folder)
    module = load_module(path, kind)
    tokenizer = load_tokenizer(path)
    max_tokens = longest_text(module, tokenizer, max_tokens)
    texts = list(probe) or ["The quick brown fox jumps over the lazy dog.", "One, two, three."]
    size = vocabulary_of(module)
    tokens = tokens_of(tokenizer, texts, max_tokens, vocabulary=size)
    return TextModel(as_handle(module, None, tokens, warn=False), tokenizer, max_tokens, size)


def tokens_of(
    tokenizer: Any,  # noqa: ANN401 -- of transformers
    texts: Sequence[str],
    max_tokens: int,
    name: str = "the texts",
    *,
    vocabulary: int = 0,
) -> NamedArrays:
    """Return the token ids of texts, padded on the right whatever the tokenizer does, with their mask.

    Texts that were cut are marked in the array `_cut`.

    Args:
        tokenizer: The tokenizer.
        texts: The texts; they go through the chat template, if there is one.
        max_tokens: Longer texts are cut.
        name: Where the texts come from, for messages.
        vocabulary: Tokens that the network knows; 0 where that is not known.

    Raises:
        ConfigError: A text has no token, or one that the network does not know.
    """
    chat = has_chat_template(tokenizer)
    if chat:
        texts = [
            str(
                tokenizer.apply_chat_template(
                    [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
                )
            )
            for text in texts
        ]
    # The template has written the special tokens already: a second beginning would move every activation.
    how = {"add_special_tokens": not chat, "verbose": False}
    rows = [tokenizer(text, **how)["input_ids"] for text in texts]
    empty = next((index for index, row in enumerate(rows) if not row), None)
    if empty is not None:
        raise ConfigError(f"Text {empty + 1} of {name} is empty: it has no token to look at.")
    cut = np.array([len(row) > max_tokens for row in rows], np.int64)
    for index in map(int, np.flatnonzero(cut)):
        # Again, and not by hand: what the tokenizer puts at the end of a text stays there.
        rows[index] = tokenizer(texts[index], truncation=True, max_length=max_tokens, **how)[
            "input_ids"
        ]
    highest = max((max(row) for row in rows), default=0)
    if vocabulary and highest >= vocabulary:
        raise ConfigError(
            f"The tokenizer gives token {highest} for {name}, and the network has a vocabulary of {vocabulary}: they are not"
            " of one model."
        )
    # Under the mask no token is looked at, so that any will do where the tokenizer has none for padding.
    pads = (tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
    pad = next(token for token in pads if token is not None and token >= 0)
    longest = max((len(row) for row in rows), default=1)
    ids = np.full((len(rows), max(longest, 1)), pad, np.int64)
    mask = np.zeros(ids.shape, np.int64)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
        mask[index, : len(row)] = 1
    return NamedArrays({"input_ids": ids, "attention_mask": mask, "_cut": cut})


def vocabulary_of(module: Any) -> int:  # noqa: ANN401 -- a torch module
    """Return how many tokens a network knows; 0 where it does not tell."""
    found = module.get_input_embeddings()
    return int(getattr(found, "num_embeddings", 0))


def has_chat_template(tokenizer: Any) -> bool:  # noqa: ANN401 -- of transformers
    """Return whether texts go through a chat template, as a user's words."""
    return bool(getattr(tokenizer, "chat_template", None))


def tell_cut(parts: Sequence[NamedArrays], max_tokens: int) -> None:
    """Say in one line how many texts were cut.

    Args:
        parts: Tokens of texts.
        max_tokens: The length at which they were cut.
    """
    cut = sum(int(part.arrays["_cut"].sum()) for part in parts)
    if cut:
        count = sum(map(len, parts))
        _log.warning(
            "%d of %d texts are longer than %d tokens and were cut.", cut, count, max_tokens
        )


def longest_text(module: Any, tokenizer: Any, max_tokens: int) -> int:  # noqa: ANN401 -- of torch and transformers
    """Return the most tokens that a text may have: as many as are asked for, or as the network's context takes.

    Args:
        module: The network.
        tokenizer: Its tokenizer, which may know of a limit.
        max_tokens: Tokens asked for.
    """
    config = module.config
    limits = [max_tokens, int(min(tokenizer.model_max_length, 1 << 30))]
    named = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len")
    found = [int(getattr(config, name)) for name in named if getattr(config, name, None)]
    limit = min([*limits, *found[:1]])
    if not found or limit < found[0]:
        return limit
    # Some networks count positions from the one after their padding token, and have as many fewer: a text at the limit tells.
    return limit if _runs(module, limit) else limit - int(config.pad_token_id or 0) - 1


def _runs(module: Any, length: int) -> bool:  # noqa: ANN401 -- a torch module
    import torch  # torch is heavy

    pad = getattr(module.config, "pad_token_id", None)
    ids = torch.full((1, length), 0 if pad else 1, dtype=torch.long)
    try:
        with torch.no_grad():
            module(input_ids=ids)
    except (IndexError, RuntimeError):
        return False
    return True


def load_tokenizer(folder: Path) -> Any:  # noqa: ANN401 -- of transformers
    """Return the tokenizer of a folder.

    Raises:
        ConfigError: The folder has none.
    """
    try:
        return _transformers().AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise ConfigError(f"The tokenizer in '{folder}' cannot be loaded: {first}") from None


def load_module(folder: Path, kind: ModelKind = "auto") -> Any:  # noqa: ANN401 -- a torch module
    """Return the network of a folder; it raises as `huggingface` does."""
    config = _checked(folder)
    if kind == "auto":
        names = " ".join(config.get("architectures") or ())
        kind = (
            "causal"
            if "CausalLM" in names or "LMHead" in names
            else "classifier"
            if "SequenceClassification" in names
            else "encoder"
        )
    loader = getattr(_transformers(), _CLASSES[kind])
    try:
        module = loader.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0]
        raise ConfigError(f"The model in '{folder}' cannot be loaded: {first}") from None
    if hasattr(module.config, "use_cache"):
        # Keys and values of earlier tokens are for generating, and no activation of a module.
        module.config.use_cache = False
    return module.eval()


def _checked(folder: Path) -> dict[str, Any]:
    file = folder / "config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"'{folder}' is no folder of Hugging Face: {error}.") from None
    if "auto_map" in config:
        raise ConfigError(
            f"The model in '{folder}' brings code of its own (auto_map), which is not run; convert it to a known architecture."
        )
    if not list(folder.glob("*.safetensors")):
        pickled = [path.name for path in folder.glob("*.bin")]
        what = f"only pickled weights ({', '.join(pickled)})" if pickled else "no weights"
        raise ConfigError(f"The folder '{folder}' has {what}; safetensors are needed.")
    return dict(config)


def _transformers() -> Any:  # noqa: ANN401 -- the module
    try:
        import transformers  # transformers is heavy
    except ImportError:
        raise MissingExtraError(
            "Language models need transformers, which is not installed.",
            hint="pip install 'taskloom-anomaly[text]'",
        ) from None
    return transformers


def probe_tokens(folder: Path) -> NamedArrays:
    """Return a few tokens of the vocabulary that a folder's config names."""
    size = int(_checked(folder).get("vocab_size", 2))
    ids = np.random.Generator(np.random.PCG64(0)).integers(0, size, (5, 12))
    return NamedArrays({"input_ids": ids, "attention_mask": np.ones_like(ids)})
