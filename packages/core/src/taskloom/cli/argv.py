"""The words of a command line as a record holds them: without the secrets among them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from taskloom.cli.arguments import PARAM
from taskloom.params.tree import Parameter
from taskloom.runs.provenance import strip_credentials
from taskloom.secrets.redaction import KNOWN, MARK
from taskloom.secrets.references import ASKED, is_reference


def recorded_words(words: Sequence[str], parameters: Iterable[Parameter]) -> tuple[str, ...]:
    """Return the words with `<secret>` in the place of each value of a secret parameter, of whatever length.

    Args:
        words: The words of a command line.
        parameters: The parameters that they may set.
    """
    secret = {item.path for item in parameters if "SECRET" in item.type}
    kept: list[str] = []
    expects = ""
    for word in words:
        if expects == PARAM:
            name, equals, value = word.partition("=")
            kept.append(f"{name}{equals}{_value(value) if name in secret else value}")
            expects = ""
        elif expects:
            kept.append(_value(word))
            expects = ""
        else:
            name, equals, value = word.partition("=")
            path = name.removeprefix("--")
            kept.append(f"{name}={_value(value)}" if equals and path in secret else word)
            expects = "" if equals else PARAM if name == PARAM else path if path in secret else ""
    return tuple(strip_credentials(KNOWN.text(word)) for word in kept)


def _value(text: str) -> str:
    return text if text == ASKED or is_reference(text) else MARK
