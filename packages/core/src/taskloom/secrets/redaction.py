"""Search of everything that is written for the values of secrets, in each form in which they may stand there.

Values become known when a config is resolved, and stay known to the process. All that writes imports this module, so it costs
nothing while there is no secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import re

MARK = "<secret>"
"""Text in the place of a value."""
SHORTEST = 4
"""Characters of the shortest value that is searched for: shorter ones stand in every text by chance."""


class Redactor:
    """The texts that are searched for, the longest first.

    Args:
        shortest: Characters of the shortest text that is.
    """

    def __init__(self, shortest: int = SHORTEST) -> None:
        self._shortest = shortest
        self._forms: frozenset[str] = frozenset()
        self._texts: re.Pattern[str] | None = None
        self._bytes: re.Pattern[bytes] | None = None
        self._coded: tuple[bytes, ...] = ()

    def learn(self, forms: Iterable[str]) -> None:
        """Search for these texts too from now on, but for those that are too short."""
        more = self._forms.union(form for form in forms if len(form) >= self._shortest)
        if more == self._forms:
            return
        import re  # a command without secrets does without

        self._forms = more
        longest_first = sorted(more, key=len, reverse=True)
        self._texts = re.compile("|".join(map(re.escape, longest_first)))
        # A byte that is no UTF-8 is a surrogate in a text, and itself in a stream.
        codes = {
            form.encode("utf-8", errors)
            for form in more
            for errors in ("surrogatepass", "surrogateescape")
            if errors == "surrogatepass" or not _has_high_surrogate(form)
        }
        self._coded = tuple(sorted(codes, key=len, reverse=True))
        self._bytes = re.compile(b"|".join(map(re.escape, self._coded)))

    def text(self, text: str) -> str:
        """Return the text with `<secret>` in the place of each value."""
        return text if self._texts is None else self._texts.sub(MARK, text)

    def tree(self, value: Any) -> Any:  # noqa: ANN401 -- JSON
        """Return a JSON-like value with all its texts searched, names of tables included."""
        if self._texts is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.tree(name): self.tree(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.tree(item) for item in value]
        if isinstance(value, tuple):
            return tuple(self.tree(item) for item in value)
        return value

    def split(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the beginning of a stream, searched, and the bytes at its end that may be the beginning of a value."""
        if self._bytes is None:
            return data, b""
        held = self._held_from(data)
        done: list[bytes] = []
        position = 0
        for match in self._bytes.finditer(data):
            if match.start() >= held:
                break
            done += [data[position : match.start()], MARK.encode()]
            position = match.end()
        cut = max(position, held)
        return b"".join([*done, data[position:cut]]), data[cut:]

    def whole(self, data: bytes) -> bytes:
        """Return bytes with `<secret>` in the place of each value, where nothing more follows."""
        return data if self._bytes is None else self._bytes.sub(MARK.encode(), data)

    def _held_from(self, data: bytes) -> int:
        """Return the first position from which all that is left is the beginning of a value and not the whole of it."""
        for position in range(max(0, len(data) - len(self._coded[0]) + 1), len(data)):
            rest = data[position:]
            if any(len(rest) < len(code) and code.startswith(rest) for code in self._coded):
                return position
        return len(data)


KNOWN = Redactor()
"""The values that this process knows."""
IN_CONFIGS = Redactor(shortest=8)
"""The same for other texts of a config: what is replaced there cannot be read back, and short ones meet by chance."""


def _has_high_surrogate(text: str) -> bool:
    """Return whether a text holds a surrogate that stands for no byte."""
    return any("\ud800" <= char <= "\udfff" and not "\udc80" <= char <= "\udcff" for char in text)
