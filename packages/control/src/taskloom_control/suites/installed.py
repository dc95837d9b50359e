"""Files of packages that are optional: looked for, not imported."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from taskloom.errors import MissingExtraError


def packaged(package: str, file: str, extra: str) -> Path:
    """Return a file of an installed package, which is not imported.

    Args:
        package: The package: `dm_control`.
        file: The file below its folder.
        extra: The extra of taskloom-control that installs the package.

    Raises:
        MissingExtraError: The package is not installed, or has no such file.
    """
    spec = find_spec(package)
    for place in spec.submodule_search_locations or () if spec else ():
        if (Path(place) / file).is_file():
            return Path(place) / file
    what = (
        f"there is no '{file}' in the '{package}' that is installed" if spec else missing(package)
    )
    raise MissingExtraError(f"{what}: pip install 'taskloom-control[{extra}]'")


def missing(package: str) -> str:
    """Return the clause on a package that is not installed."""
    return f"the package '{package}' is not installed"
