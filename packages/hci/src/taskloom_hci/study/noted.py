"""The file in which a study notes of itself what it must know when it goes on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from taskloom_hci.study.config import StudyConfig

STATE = "artifacts/study.json"


def digest_of(config: StudyConfig) -> str:
    """Return 16 hexadecimal digits that stand for a study: the same file, texts included, gives the same."""
    execution = {"port", "links", "origin", "durable", "freeze"}
    text = json.dumps(config.model_dump(mode="json", exclude=execution), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_state(folder: Path) -> dict[str, Any]:
    """Return what a study has noted of itself in its run folder."""
    try:
        found = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
