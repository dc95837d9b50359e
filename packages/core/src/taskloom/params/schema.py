"""The JSON Schema of a config, for editors that check TOML and YAML files."""

from __future__ import annotations

from typing import Any

from taskloom.config import Config


def json_schema(config_class: type[Config]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a config class: every component of every group, units as `x-unit`."""
    schema = config_class.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
