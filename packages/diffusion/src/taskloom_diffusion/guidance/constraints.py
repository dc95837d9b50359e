"""Constraints on sequences, by name: each is an automaton over the tokens of a model, and several hold together."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from taskloom.errors import ConfigError
from taskloom.registry.suggest import did_you_mean

from taskloom_diffusion.guidance.automaton import Automaton, automaton, both
from taskloom_diffusion.guidance.pattern import Pattern, escaped, pattern
from taskloom_diffusion.guidance.smiles_rules import SmilesState, smiles_ends, smiles_step
from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer

if TYPE_CHECKING:
    from taskloom_diffusion.model.diffusion_model import DiffusionModel

DEPTH = 4
"""Branches and ring digits of the constraint `smiles`."""
_COUNT = re.compile(r"(.+?)(<=|>=|==|=|<|>)(\d+)")
_SPAN = re.compile(r"(\d+)(?:-(\d+))?")
NAMES = (
    *("contains", "not_contains", "starts_with", "ends_with"),
    *("count", "length", "regex", "smiles"),
)


@dataclass(frozen=True)
class TokenTexts:
    """The tokens of a model as texts.

    Attributes:
        texts: Text of each id; None for what is no data: mask, padding, ends.
        end: Id of the end, where it is predicted; else None.
        pad: Id of the padding behind it.
        by_text: Whether a text is its tokens' texts side by side.
    """

    texts: tuple[str | None, ...]
    end: int | None
    pad: int
    by_text: bool

    @classmethod
    def of(cls, model: DiffusionModel) -> TokenTexts:
        """Return the tokens of a model."""
        tokenizer, allowed = model.tokenizer, model.vocabulary.allowed
        is_open = allowed[model.pad_token_id]
        hidden = {tokenizer.pad_id, tokenizer.end_id, tokenizer.mask_id}
        texts = tuple(
            token if allowed[i] and i not in hidden else None
            for i, token in enumerate(tokenizer.tokens)
        )
        end = tokenizer.end_id if is_open else None
        return cls(texts, end, tokenizer.pad_id, isinstance(tokenizer, SymbolTokenizer))


Step = Callable[[Hashable, int, str], Hashable | None]


def constraint(names: Sequence[str], tokens: TokenTexts) -> Automaton:
    """Return the automaton of constraints that hold together.

    Args:
        names: Each as on the command line: `smiles`, `contains:c1ccccc1`, `count:N<=2`, `length:5-20`, `regex:(a|b)*c`.
        tokens: Of the model.

    Raises:
        ConfigError: A constraint does not exist, cannot be read, or is about text that tokens do not have.
    """
    return both([_one(name, tokens) for name in names])


def _one(name: str, tokens: TokenTexts) -> Automaton:
    kind, colon, rest = name.partition(":")
    if kind not in NAMES or (kind != "smiles" and not rest) or (kind == "smiles" and colon):
        near = did_you_mean(kind, NAMES)
        known = ", ".join(k if k == "smiles" else f"{k}:..." for k in NAMES)
        raise ConfigError(f"constraint '{name}' is none of {known}{'; ' * bool(near)}{near}")
    if kind == "count":
        return _counted(name, rest, tokens)
    if kind == "length":
        return _of_length(name, rest, tokens)
    if not tokens.by_text:
        raise ConfigError(
            f"constraint '{name}' is about text, and this model's tokens do not make it up side by side; use count: or length:"
        )
    if kind == "smiles":
        return _lifted(
            SmilesState(), lambda q, _, text: smiles_step(q, text, DEPTH), smiles_ends, tokens
        )
    return _of_pattern(_written(kind, rest), tokens)


def _written(kind: str, text: str) -> Pattern:
    """Return the expression of a constraint on text."""
    # Any character, line ends too: a text that holds one may contain what is looked for.
    anything, inside = "(.|\n)*", escaped(text)
    if kind == "regex":
        return pattern(text)
    if kind == "starts_with":
        return pattern(f"{inside}{anything}")
    if kind == "ends_with":
        return pattern(f"{anything}{inside}")
    return pattern(f"{anything}{inside}{anything}", inverted=kind == "not_contains")


def _of_pattern(found: Pattern, tokens: TokenTexts) -> Automaton:
    met: dict[tuple[frozenset[int], str], frozenset[int]] = {}

    def step(state: Hashable, token: int, text: str) -> Hashable | None:
        del token
        states = cast("frozenset[int]", state)
        for character in text:
            key = states, character
            if key not in met:
                met[key] = found.step(states, character)
            states = met[key]
        # Of what must not be found, no state at all is the best there is.
        return states if states or found.inverted else None

    def accepts(state: Hashable) -> bool:
        return (found.last in cast("frozenset[int]", state)) != found.inverted

    return _lifted(found.start, step, accepts, tokens)


def _counted(name: str, rest: str, tokens: TokenTexts) -> Automaton:
    asked = _COUNT.fullmatch(rest)
    if asked is None:
        raise ConfigError(f"constraint '{name}' must be count:TOKEN<=NUMBER, or with <, =, >= or >")
    wanted, sign, number = asked[1], asked[2], int(asked[3])
    if wanted not in tokens.texts:
        known = [text for text in tokens.texts if text]
        near = did_you_mean(wanted, known)
        raise ConfigError(
            f"constraint '{name}': '{wanted}' is no token of this model{'; ' * bool(near)}{near}"
        )
    low = {"=": number, "==": number, ">=": number, ">": number + 1}.get(sign, 0)
    high = {"=": number, "==": number, "<=": number, "<": number - 1}.get(sign)

    def step(state: Hashable, token: int, text: str) -> Hashable | None:
        del token
        # Behind what is needed at least, more of them make no difference unless there is a most.
        count = cast("int", state) + (text == wanted)
        if high is not None:
            return count if count <= high else None
        return min(count, low)

    return _lifted(0, step, lambda q: cast("int", q) >= low, tokens)


def _of_length(name: str, rest: str, tokens: TokenTexts) -> Automaton:
    asked = _SPAN.fullmatch(rest)
    low = int(asked[1]) if asked else 1
    high = int(asked[2] or asked[1]) if asked else 0
    if high < low:
        raise ConfigError(f"constraint '{name}' must be length:A-B, in tokens")

    def step(state: Hashable, token: int, text: str) -> Hashable | None:
        del token, text
        return cast("int", state) + 1 if cast("int", state) < high else None

    return _lifted(0, step, lambda q: low <= cast("int", q), tokens)


_ENDED = ("ended",)
"""The state behind an end: padding keeps it."""


def _lifted(
    start: Hashable, step: Step, accepts: Callable[[Hashable], bool], tokens: TokenTexts
) -> Automaton:
    """Return a rule about data as an automaton over all ids: the end leads from where a text may end to where padding stays."""

    def over_ids(state: Hashable, token: int) -> Hashable | None:
        if state == _ENDED:
            return state if token == tokens.pad else None
        if token == tokens.end:
            return _ENDED if accepts(state) else None
        text = tokens.texts[token]
        return None if text is None else step(state, token, text)

    return automaton(
        start, over_ids, len(tokens.texts), lambda state: state == _ENDED or accepts(state)
    )
