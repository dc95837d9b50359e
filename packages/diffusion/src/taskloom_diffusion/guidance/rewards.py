"""A user's own function of finished texts: asked once for each text, and never trusted to return a number."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Decoder = Callable[[Sequence[int]], str]


class Reward:
    """A function of texts that is remembered, with what went wrong.

    Args:
        function: `f(text) -> float`; with an attribute `batched` that is true, `f(texts) -> list of floats`.
        decode: From token ids to text.
        is_valid: Whether a text is one at all; of others the function is not asked.

    Attributes:
        floor: Smallest reward of some plain draws: what a guess that failed counts as.
        faults: Text by text, why there is no number.
    """

    def __init__(
        self,
        function: Callable[..., object],
        decode: Decoder,
        is_valid: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self.function, self.decode, self.is_valid = function, decode, is_valid
        self.floor = 0.0
        self.faults: dict[str, str] = {}
        self._known: dict[str, float] = {}

    def of_tokens(self, z: Tensor, maskable: Tensor, wanted: Tensor) -> Tensor:
        """Return the rewards of some rows of tokens (B, L), -inf where there is none, and 0 for the others."""
        rows = wanted.nonzero()[:, 0].tolist()
        texts = [self.decode(z[i][maskable[i]].tolist()) for i in rows]
        found = torch.zeros(len(z), dtype=torch.float64)
        for i, value in zip(rows, self.of_texts(texts), strict=True):
            found[i] = value
        return found

    def of_texts(self, texts: Sequence[str]) -> list[float]:
        """Return the reward of each text, -inf where there is none."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        asked = [text for text in new if self.is_valid(text)]
        self._known |= dict.fromkeys(new, -math.inf)
        for text, value in zip(asked, self._asked(asked), strict=True):
            self._known[text] = value
        return [self._known[text] for text in texts]

    def learn_floor(self, texts: Sequence[str]) -> None:
        """Take the smallest reward of plain draws as what failed guesses count as."""
        numbers = [value for value in self.of_texts(texts) if math.isfinite(value)]
        self.floor = min(numbers, default=0.0)

    def _asked(self, texts: Sequence[str]) -> list[float]:
        if getattr(self.function, "batched", False) and texts:
            try:
                answers: object = self.function(list(texts))
                values = list(answers) if isinstance(answers, Sequence) else []
                if len(values) == len(texts):
                    return [self._number(t, v) for t, v in zip(texts, values, strict=True)]
                fault = f"{len(values)} answers to {len(texts)} texts"
            except Exception as error:
                fault = repr(error)
            self.faults |= dict.fromkeys(texts, fault)
            return [-math.inf] * len(texts)
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> float:
        try:
            return self._number(text, self.function(text))
        except Exception as error:
            self.faults[text] = repr(error)
            return -math.inf

    def _number(self, text: str, value: object) -> float:
        try:
            number = float(value)  # type: ignore[arg-type]  # whatever came back
        except (TypeError, ValueError):
            number = math.nan
        # -inf is an answer: this text is not wanted at all. Of NaN and +inf nothing can be made.
        if math.isnan(number) or number == math.inf:
            self.faults[text] = f"returned {value!r}"
            return -math.inf
        return number
