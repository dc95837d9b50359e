"""What `test_processes` runs elsewhere: fits shards and scores with detectors that another process saved.

    python other_process.py FOLDER

FOLDER holds `<case>/detector.*` for every case; beside them appear `<case>/state.safetensors`, the state of a streaming detector
after the samples from 250 on, and `<case>/scores.safetensors`.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent


def load(name: str) -> ModuleType:
    """Import a neighbouring file, which lies in no package."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(folder: Path) -> None:
    """Write a state and scores for every detector in the folder."""
    from taskloom.arrays import save_tensors
    from taskloom_anomaly.detection.artifacts import load_detector
    from taskloom_anomaly.detectors.base import FeatureSpec, StreamingDetector
    from taskloom_anomaly.detectors.fit import fit_state
    from taskloom_anomaly.detectors.stream import ArrayStream, take

    features = load("conftest")
    head, bias = features.make_head()
    rest = slice(250, None)
    trusted = take(features.make_features(600, 0), rest)
    untrusted = take(features.make_features(500, 1), rest)
    for own in sorted(path.parent for path in folder.glob("*/detector.json")):
        stored = load_detector(own)
        detector = stored.detector
        kind = detector.kind
        seen = features.follows(kind, features.make_features(60, 3))
        save_tensors(own / "scores.safetensors", detector.score(stored.tensors, seen))
        if isinstance(detector, StreamingDetector):
            spec = FeatureSpec(
                *(features.widths_of(kind), features.NUM_CLASSES, "hidden_1", head, bias),
                features.make_model(),
            )
            shards = [features.follows(kind, shard) for shard in (trusted, untrusted)]
            state = fit_state(detector, ArrayStream(*shards, 64), spec, 7, start=250)
            save_tensors(own / "state.safetensors", state)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
