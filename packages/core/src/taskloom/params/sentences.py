"""One sentence of ours for everything that pydantic can find wrong with a value.

A sentence completes `--name=value: ...`. It never is pydantic's own text, which names classes of Python and ends in an address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from taskloom.params.grammar import one_of
from taskloom.params.labels import limit_text

if TYPE_CHECKING:
    from pydantic import ValidationError

Context = Mapping[str, Any]

NO_KEY = "no such key"

_KINDS = {
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "bytes": "text",
    "list": "a list",
    "deque": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "iterable": "a list",
    "named_tuple": "a list",
    "arguments": "a list",
    "dict": "a table of names and values",
    "frozen_dict": "a table of names and values",
    "ordered_dict": "a table of names and values",
    "counter": "a table of names and counts",
    "mapping": "a table of names and values",
    "model": "a table of parameters",
    "model_attributes": "a table of parameters",
    "dataclass": "a table of parameters",
    "dataclass_exact": "a table of parameters",
    "path": "a path",
    "none": "none",
    "time_delta": "a duration: 90, 90s, 1h30m, 2d, 250ms",
    "datetime": "a date and time: 2026-11-21T10:30:00",
    "datetime_from_date": "a date and time: 2026-11-21T10:30:00",
    "date": "a date: 2026-11-21",
    "date_from_datetime": "a date: 2026-11-21",
    "time": "a time of day: 10:30",
    "url": "an address: https://example.org",
    "uuid": "a UUID: 123e4567-e89b-12d3-a456-426614174000",
    "decimal": "a number",
    "fraction": "a fraction: 1/3",
    "complex": "a complex number: 1+2j",
    "complex_str": "a complex number: 1+2j",
    "json": "JSON as text",
    "callable": "something that can be called",
}
_FIXED = {
    "finite_number": "must be a finite number",
    "missing": "must be given",
    "missing_argument": "must be given",
    "missing_keyword_only_argument": "must be given",
    "missing_positional_only_argument": "must be given",
    "default_factory_not_called": "has a default that depends on another value, which is not accepted",
    "int_from_float": "must be an integer",
    "int_parsing_size": "must fit into 64 bits",
    "none_required": "must be none",
    "extra_forbidden": NO_KEY,
    "unexpected_keyword_argument": NO_KEY,
    "unexpected_positional_argument": "has more items than are allowed",
    "multiple_argument_values": "is given twice",
    "invalid_key": "has a key that is not text",
    "string_unicode": "must be text in UTF-8",
    "string_sub_type": "must be plain text",
    "string_not_ascii": "must be text of ASCII characters",
    "set_item_not_hashable": "must be a list of single values",
    "recursion_loop": "contains itself",
    "recursion_depth_exceeded": "is nested too deeply",
    "frozen_field": "cannot be changed",
    "frozen_instance": "cannot be changed",
    "needs_python_object": "cannot be given in a file or on the command line",
    "missing_sentinel_error": "cannot be given; leave it out",
    "ellipsis_error": "must be ...",
    "date_from_datetime_inexact": "must be a date without a time of day",
    "date_past": "must be a date in the past",
    "date_future": "must be a date in the future",
    "datetime_object_invalid": "must be a date and time: 2026-11-21T10:30:00",
    "datetime_past": "must be in the past",
    "datetime_future": "must be in the future",
    "timezone_naive": "must have no time zone",
    "timezone_aware": "must have a time zone: 2026-11-21T10:30:00+01:00",
    "url_syntax_violation": "must be an address: https://example.org",
    "union_tag_not_found": "must name its kind",
    "is_instance_of": "must be an object of another class",
    "is_subclass_of": "must be another class",
    "no_such_attribute": NO_KEY,
    "get_attribute_error": "cannot be read",
    "iteration_error": "cannot be read to its end",
    "value_error": "is not accepted",
    "assertion_error": "is not accepted",
}
_WITH_LIMITS: Mapping[str, Callable[[Context], str]] = {
    "greater_than": lambda ctx: f"must be > {limit_text(ctx['gt'])}",
    "greater_than_equal": lambda ctx: f"must be >= {limit_text(ctx['ge'])}",
    "less_than": lambda ctx: f"must be < {limit_text(ctx['lt'])}",
    "less_than_equal": lambda ctx: f"must be <= {limit_text(ctx['le'])}",
    "multiple_of": lambda ctx: f"must be a multiple of {limit_text(ctx['multiple_of'])}",
    "string_pattern_mismatch": lambda ctx: f"must match {ctx['pattern']}",
    "string_too_short": lambda ctx: f"must have at least {ctx['min_length']} characters",
    "string_too_long": lambda ctx: f"must have at most {ctx['max_length']} characters",
    "bytes_too_short": lambda ctx: f"must have at least {ctx['min_length']} bytes",
    "bytes_too_long": lambda ctx: f"must have at most {ctx['max_length']} bytes",
    "bytes_invalid_encoding": lambda ctx: f"must be bytes in {ctx['encoding']}",
    "url_too_long": lambda ctx: f"must have at most {ctx['max_length']} characters",
    "too_short": lambda ctx: (
        f"must have at least {ctx['min_length']} items, not {ctx['actual_length']}"
    ),
    "too_long": lambda ctx: f"must have at most {ctx['max_length']} items",
    "literal_error": lambda ctx: one_of(_listed(ctx["expected"])),
    "enum": lambda ctx: one_of(_listed(ctx["expected"])),
    "union_tag_invalid": lambda ctx: one_of(_listed(ctx["expected_tags"])),
    "url_scheme": lambda ctx: f"must begin with {' or '.join(_listed(ctx['expected_schemes']))}",
    "uuid_version": lambda ctx: f"must be a UUID of version {ctx['expected_version']}",
    "timezone_offset": lambda ctx: f"must be {ctx['tz_expected']} s ahead of UTC",
    "json_invalid": lambda ctx: f"must be JSON ({ctx['error']})",
    "decimal_max_digits": lambda ctx: f"must have at most {ctx['max_digits']} digits",
    "decimal_max_places": lambda ctx: (
        f"must have at most {ctx['decimal_places']} digits behind the point"
    ),
    "decimal_whole_digits": lambda ctx: (
        f"must have at most {ctx['whole_digits']} digits in front of the point"
    ),
}


def first_fault(error: ValidationError) -> tuple[str, str]:
    """Return the place of the first thing that is wrong, dotted, and its sentence: for values that no command line or file gave."""
    first = error.errors(include_url=False)[0]
    sentence = sentence_of(first["type"], first.get("ctx", {}), first["msg"])
    return ".".join(map(str, first["loc"])), sentence


def sentence_of(kind: str, context: Context, said: str = "") -> str:
    """Return the sentence on one finding of pydantic.

        >>> sentence_of("greater_than", {"gt": 0.0}), sentence_of("float_parsing", {})
        ('must be > 0', 'must be a number')

    Args:
        kind: The type of the finding.
        context: What pydantic says of it.
        said: What a validator of the task itself said, for `value_error` and `assertion_error`.
    """
    own = " ".join(said.removeprefix("Value error, ").removeprefix("Assertion failed, ").split())
    if kind in ("value_error", "assertion_error") and own:
        return own.rstrip(".")
    if kind in _FIXED:
        return _FIXED[kind]
    if kind in _WITH_LIMITS:
        return _WITH_LIMITS[kind](context)
    stem, _, ending = kind.rpartition("_")
    if ending in ("type", "parsing") and stem in _KINDS:
        return f"must be {_KINDS[stem]}"
    # A type that a validator of the task made up says what it is itself.
    return own.rstrip(".") or "is not accepted"


def _listed(expected: str) -> list[str]:
    return [item for item in expected.replace("'", "").replace(" or ", ", ").split(", ") if item]
