"""A secret as a person writes it: `env:NAME`, `file:PATH`, `-` to be asked on a terminal, or the value itself."""

from __future__ import annotations

import getpass
import os
import sys
from functools import cache
from pathlib import Path
from typing import TypeAlias

from pydantic import SecretBytes, SecretStr

from taskloom.errors import ConfigError
from taskloom.registry.suggest import did_you_mean
from taskloom.secrets.forms import forms_of
from taskloom.secrets.redaction import IN_CONFIGS, KNOWN, MARK

SecretValue: TypeAlias = SecretStr | SecretBytes

ASKED = "-"
DEFAULT_MARK = "<default secret>"
"""Text in the place of a value that stands in the source of its config class: reading it back gives that default."""
_MOST_BYTES = 1 << 20
_ATTRIBUTE = "_taskloom_reference"


def read_secret(text: str, kind: type[SecretValue], path: str) -> SecretValue:
    """Return the secret that a text refers to, or is.

    Args:
        text: What was written.
        kind: `SecretStr` or `SecretBytes`.
        path: The parameter, for messages.

    Raises:
        ConfigError: The reference leads nowhere, or the value was not kept.
    """
    scheme, colon, rest = text.partition(":")
    if text.startswith(MARK):
        raise not_kept(path)
    if colon and scheme == "env":
        return _secret(_from_environment(rest, path), kind, text)
    if colon and scheme == "file":
        place = Path(rest).expanduser().absolute()
        try:
            return _secret(_from_file(place), kind, f"file:{place}")
        except (OSError, ValueError) as error:
            reason = (isinstance(error, OSError) and error.strerror) or str(error)
            raise ConfigError(f"--{path}=file:{place} cannot be read: {reason}.") from None
    return _secret(_asked(path) if text == ASKED else text, kind, "")


def is_reference(text: str | bytes) -> bool:
    """Return whether a text is a reference rather than a value."""
    return isinstance(text, str) and text.startswith(("env:", "file:"))


def reference_of(secret: SecretValue) -> str:
    """Return the reference that a secret was read from; empty for one that was given plainly."""
    return str(getattr(secret, _ATTRIBUTE, ""))


def spelled(secret: SecretValue) -> str:
    """Return what stands in a record for a secret: its reference, or a mark."""
    return reference_of(secret) or MARK


def mark_default(secret: SecretValue) -> None:
    """Note that the value stands in the source of a config class, and so is searched for nowhere."""
    setattr(secret, _ATTRIBUTE, DEFAULT_MARK)


def learn(secret: SecretValue) -> None:
    """Search for the value in all that is written from now on."""
    forms = forms_of(secret.get_secret_value())
    KNOWN.learn(forms)
    IN_CONFIGS.learn(forms)


def not_kept(path: str) -> ConfigError:
    """Return the error for a value that no record holds."""
    return ConfigError(
        f"The value of --{path} is a secret that was given plainly, so it was not kept.",
        hint=by_reference(path),
    )


def by_reference(path: str) -> str:
    """Return the hint that a value can be given as something to be read again."""
    return f"give it as a reference: --{path}=env:NAME or --{path}=file:PATH"


def _secret(value: str | bytes, kind: type[SecretValue], reference: str) -> SecretValue:
    secret: SecretValue
    if kind is SecretBytes:
        secret = SecretBytes(os.fsencode(value) if isinstance(value, str) else value)
    else:
        secret = SecretStr(value if isinstance(value, str) else _without_line_end(value.decode()))
    setattr(secret, _ATTRIBUTE, reference)
    learn(secret)
    return secret


def _from_environment(name: str, path: str) -> str:
    if name in os.environ:
        return os.environ[name]
    raise ConfigError(
        f"--{path}=env:{name}: the environment has no variable '{name}'.",
        hint=did_you_mean(name, list(os.environ)),
    )


def _from_file(place: Path) -> bytes:
    with place.open("rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError(f"it is larger than {_MOST_BYTES} bytes")
    return data


def _without_line_end(text: str) -> str:
    """Return a text without the line end that editors put at its end."""
    return text.removesuffix("\n").removesuffix("\r")


@cache
def _asked(path: str) -> str:
    """Ask once for a value, although a command resolves its config several times."""
    if not (sys.stdin and sys.stdin.isatty()):
        raise ConfigError(
            f"--{path}=-: there is no terminal to ask on.", hint=f"--{path}=env:NAME does without"
        )
    return getpass.getpass(f"{path}: ")
