"""Hugging Face tokenizers from a local folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from taskloom import InputPath
from taskloom.errors import ConfigError

from taskloom_diffusion.tokenizers.base import MASK, Tokenizer


class HuggingFace(Tokenizer):
    """Hugging Face tokenizer in a local folder."""

    kind: Literal["huggingface"] = "huggingface"
    folder: InputPath
    """Folder with the tokenizer's files; nothing is fetched."""

    def fit(self, texts: Iterable[str]) -> HuggingFaceTokenizer:
        del texts  # its vocabulary is already learnt
        return load_folder(self.folder)

    @classmethod
    def restore(cls, saved: Mapping[str, Any]) -> HuggingFaceTokenizer:
        return HuggingFaceTokenizer(saved["definition"], saved["special"])


class HuggingFaceTokenizer:
    """A `tokenizers.Tokenizer` whose whole definition travels inside our checkpoints.

    Args:
        definition: The contents of `tokenizer.json`.
        special: The ids of the pad, mask and end tokens.
    """

    kind = "huggingface"

    def __init__(self, definition: str, special: Mapping[str, int]) -> None:
        from tokenizers import Tokenizer as Backend  # tokenizers is heavy

        self._definition = definition
        self._backend = Backend.from_str(definition)
        # A definition may carry limits of its author: texts would be cut, or filled up, without a word.
        self._backend.no_truncation()
        self._backend.no_padding()
        self._special = dict(special)
        self.pad_id, self.mask_id, self.end_id = (special[k] for k in ("pad", "mask", "end"))
        size = self._backend.get_vocab_size(with_added_tokens=True)
        self.tokens = [self._backend.id_to_token(i) or f"<{i}>" for i in range(size)]
        contents = json.loads(definition)
        model = contents["model"]
        named = model.get("unk_token")
        self.unknown_id = model.get("unk_id") if named is None else self._backend.token_to_id(named)
        # Marks of its author, such as [CLS], are in no text: a model must not produce them.
        marks = {t["id"] for t in contents.get("added_tokens") or () if t.get("special")}
        if self.unknown_id is not None:
            marks.add(self.unknown_id)
        self.reserved = frozenset(marks - {self.pad_id, self.mask_id, self.end_id})
        # Pair encoding without an unknown token leaves out what it has no letter for.
        self._leaves_out = (
            model.get("type") == "BPE" and named is None and not model.get("byte_fallback")
        )

    def encode(self, text: str) -> list[int]:
        return self.encode_with_ends(text)[0]

    def encode_with_ends(self, text: str) -> tuple[list[int], list[int]]:
        encoding = self._backend.encode(text, add_special_tokens=False)
        ids = list(encoding.ids)
        if self.unknown_id in ids:
            first, last = encoding.offsets[ids.index(self.unknown_id)]
            raise ConfigError(self._lacks(text[first:last], text))
        special = {self.pad_id, self.mask_id, self.end_id, *self.reserved}.intersection(ids)
        if special:
            raise ConfigError(
                f"'{text[:60]}' has '{self.tokens[min(special)]}' in it, which the tokenizer keeps for itself"
            )
        pieces = "".join(self._pieces(text)) if self._leaves_out else ""
        if len("".join(encoding.tokens)) < len(pieces):
            letters = set(self.tokens)
            raise ConfigError(
                self._lacks(next((c for c in pieces if c not in letters), pieces[:1]), text)
            )
        return ids, [last for _, last in encoding.offsets]

    def _lacks(self, piece: str, text: str) -> str:
        return f"the token '{piece}' of '{text[:60]}' is not in the vocabulary of {len(self.tokens)} tokens"

    def _pieces(self, text: str) -> list[str]:
        """Return what the tokenizer's model is given of a text."""
        normalizer, splitter = self._backend.normalizer, self._backend.pre_tokenizer
        clean = text if normalizer is None else normalizer.normalize_str(text)
        return (
            [clean]
            if splitter is None
            else [piece for piece, _ in splitter.pre_tokenize_str(clean)]
        )

    def decode(self, ids: Iterable[int]) -> str:
        hidden = (self.pad_id, self.end_id)
        parts: list[str] = []
        run: list[int] = []
        for token in ids:
            if token == self.mask_id:
                parts += [self._joined(run), MASK]
                run = []
            elif token not in hidden:
                run.append(token)
        return "".join([*parts, self._joined(run)])

    def _joined(self, ids: list[int]) -> str:
        """Return the text of tokens; special ones that a model should not have produced are seen in it."""
        if self._backend.decoder is None and " " in "".join(self._pieces("a b")):
            # Without a decoder the backend puts spaces between tokens, though here a space is a token itself.
            return "".join(self.tokens[i] for i in ids)
        return self._backend.decode(ids, skip_special_tokens=False)

    def save(self) -> dict[str, Any]:
        return {"kind": self.kind, "definition": self._definition, "special": self._special}


def load_folder(folder: Path) -> HuggingFaceTokenizer:
    """Load a tokenizer from a folder that `save_pretrained` wrote.

    Raises:
        ConfigError: The folder has no tokenizer, or it lacks a pad or mask token.
    """
    if not folder.is_dir():
        raise ConfigError(
            f"tokenizer.folder: '{folder}' is not a folder; give one that holds tokenizer.json"
        )
    from transformers import AutoTokenizer  # transformers is heavy

    try:
        loaded = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        definition = loaded.backend_tokenizer.to_str()
    except (OSError, ValueError, AttributeError, json.JSONDecodeError) as error:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(
            f"tokenizer.folder: '{folder}' holds no usable tokenizer: {first_line}"
        ) from None
    roles = {"pad_token": loaded.pad_token_id, "mask_token": loaded.mask_token_id}
    lacks = {role: f"<{role.partition('_')[0]}>" for role, token in roles.items() if token is None}
    if lacks:
        names = " and no ".join(role.replace("_", " ") for role in lacks)
        raise ConfigError(
            f"tokenizer.folder: the tokenizer in '{folder}' has no {names}; give it some with "
            f"tokenizer.add_special_tokens({lacks}) and tokenizer.save_pretrained(FOLDER)"
        )
    end = loaded.eos_token_id if loaded.eos_token_id is not None else loaded.sep_token_id
    special = {
        "pad": loaded.pad_token_id,
        "mask": loaded.mask_token_id,
        "end": loaded.pad_token_id if end is None else end,
    }
    return HuggingFaceTokenizer(definition, special)
