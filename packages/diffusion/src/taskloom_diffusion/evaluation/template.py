"""Templates: known text with gaps, as tokens and masks."""

from __future__ import annotations

import re

from taskloom.errors import ConfigError, UsageError

from taskloom_diffusion.evaluation.sampling import predicts_ends
from taskloom_diffusion.model.diffusion_model import DiffusionModel

_GAP = re.compile(r"\[MASK\](?:\{(\d+)\})?")
_NEARLY = re.compile(r"[\[<]\s*mask\s*[\]>]", re.IGNORECASE)


def parse_template(template: str, model: DiffusionModel) -> list[int]:
    """Return the tokens of a template, gaps as masks.

    Raises:
        UsageError: There is no gap, or it is too long for the model.
        ConfigError: A piece is not in the model's vocabulary; the message names it.
    """
    ids: list[int] = []
    end = 0
    for gap in _GAP.finditer(template):
        ids += _known(template[end : gap.start()], model)
        ids += [model.mask_token_id] * int(gap.group(1) or 1)
        end = gap.end()
    ids += _known(template[end:], model)
    if model.mask_token_id not in ids:
        raise UsageError(
            f"the template '{template}' has no gap{_meant(template)}; write [MASK] for one token, [MASK]{{8}} for eight"
        )
    room = model.max_length - predicts_ends(model)
    if len(ids) > room:
        closing = ", of which one is the end" if room < model.max_length else ""
        raise UsageError(
            f"the template has {len(ids)} tokens, the model's max_length is {model.max_length}{closing}"
        )
    return ids


def _known(text: str, model: DiffusionModel) -> list[int]:
    if not text:
        return []
    try:
        # A part of a text that a tokenizer writes otherwise, as fragments, is no text of its own.
        as_written = getattr(model.tokenizer, "encode_as_written", model.tokenizer.encode)
        found: list[int] = as_written(text)
        return found
    except ConfigError as error:
        known = " ".join(model.tokenizer.tokens[3:])
        raise ConfigError(
            f"in the template, {error.message}{_meant(text)}; known tokens: {known[:300]}"
        ) from None


def _meant(text: str) -> str:
    """Return a guess at a gap that is written otherwise; text may well have such words, if the model knows them."""
    near = _NEARLY.search(text)
    return f"; did you mean '[MASK]' by '{near.group()}'?" if near else ""


def has_gap(text: str) -> bool:
    """Return whether a text has a gap to fill."""
    return _GAP.search(text) is not None
