"""The closest match to a mistyped name."""

from __future__ import annotations

from collections.abc import Iterable


def closest(word: str, options: Iterable[str]) -> str | None:
    """Return the option that `word` was probably meant to be, or None when nothing is near.

    Case and the difference between `-` and `_` do not count. A word that begins exactly one option stands for it.

    Args:
        word: What the user wrote.
        options: What may be written.
    """
    plain = {_plain(option): option for option in options}
    begun = [
        option for key, option in plain.items() if len(word) > 1 and key.startswith(_plain(word))
    ]
    if len(begun) == 1:
        return begun[0]
    import difflib  # only a mistake pays for this import

    near = difflib.get_close_matches(_plain(word), plain, n=1, cutoff=0.6)
    return plain[near[0]] if near else None


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """Return `"did you mean 'x'?"`, or an empty string when nothing is near."""
    match = closest(word, options)
    return f"did you mean '{match}'?" if match else ""


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")
