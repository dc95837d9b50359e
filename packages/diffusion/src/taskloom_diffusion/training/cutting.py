"""A corpus cut into tokens: the vocabulary that it gives, and the sequences that cannot be cut by it or do not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from taskloom.errors import ConfigError

from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.corpora.corpus import Corpus, without
from taskloom_diffusion.tokenizers.base import FittedTokenizer
from taskloom_diffusion.tokenizers.byte import Byte
from taskloom_diffusion.tokenizers.fragments import FragmentTokenizer
from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer
from taskloom_diffusion.training.batches import misfit, room


def fitted(corpus: Corpus, config: DiffusionConfig) -> tuple[Corpus, FittedTokenizer]:
    """Return the corpus that can be cut into tokens, and the tokenizer with its vocabulary."""
    learnt_from = corpus.train if config.tokenizer.learns_from_training else _texts(corpus)
    try:
        tokenizer = config.tokenizer.fit(learnt_from)
        known = corpus if _learns(tokenizer) else without_unknown(corpus, tokenizer, config)
        return known, tokenizer
    except ConfigError:
        complaints = {text: config.tokenizer.complaint(text) for text in _texts(corpus)}
        uncut = {text: words for text, words in complaints.items() if words}
        if not uncut:
            raise  # about something else
    corpus = _left_out(corpus, uncut, "uncut", config)
    return corpus, config.tokenizer.fit(_texts(corpus))


def _learns(tokenizer: FittedTokenizer) -> bool:
    """Return whether a vocabulary was learnt from a corpus; one that came along may lack tokens."""
    return isinstance(tokenizer, SymbolTokenizer | Byte | FragmentTokenizer)


def without_unknown(corpus: Corpus, tokenizer: FittedTokenizer, config: DiffusionConfig) -> Corpus:
    """Return a corpus without sequences that a vocabulary has no tokens for."""
    unknown = {}
    for text in _texts(corpus):
        try:
            tokenizer.encode(text)
        except ConfigError as error:
            unknown[text] = error.message
    return _left_out(corpus, unknown, "unknown_token", config)


def _left_out(
    corpus: Corpus, complaints: Mapping[str, str], reason: str, config: DiffusionConfig
) -> Corpus:
    if complaints and config.uncut == "refuse":
        raise ConfigError(
            f"{len(complaints)} sequences of '{corpus.name}' cannot be cut into tokens; the first: {next(iter(complaints.values()))}"
        )
    return without(corpus, dict.fromkeys(complaints, reason))


def misfits_of(
    corpus: Corpus, tokenizer: FittedTokenizer, config: DiffusionConfig
) -> dict[str, str]:
    """Return the sequences of a user's file that no model of this length is trained on, with the reason."""
    if not corpus.origin:
        return {}
    policy, longest = config.length_policy, config.max_length
    most = room(policy, longest)
    found: dict[str, str] = {}
    for text in dict.fromkeys(_texts(corpus)):
        # Of our own tokenizers no token is shorter than a byte, so that short texts need not be cut; links alone stand for none.
        longer = isinstance(tokenizer, FragmentTokenizer) or not _learns(tokenizer)
        if policy != "window" and not longer and 0 < len(text.encode()) <= most:
            continue
        count = len(tokenizer.encode(text))
        fault = misfit(count, policy, longest)
        if fault:
            found[text] = fault
    return found


def not_given_back(texts: Sequence[str], tokenizer: FittedTokenizer) -> int:
    """Return how many texts a tokenizer changes, as one does that writes all in lower case."""
    if _learns(tokenizer):
        return 0
    return sum(tokenizer.decode(tokenizer.encode(text)) != text for text in texts)


def lossy_sentence(count: int, total: int) -> str:
    """Return what is to be said about a tokenizer that does not give texts back."""
    return (
        f"lossy tokenizer: of {total} judged sequences it does not give back {count} as they were, so figures per character and "
        "per byte are no code length"
    )


def _texts(corpus: Corpus) -> list[str]:
    return [*corpus.train, *corpus.holdout]
