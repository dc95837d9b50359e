"""Makes the probe domain importable here; subprocesses get it through `taskloom_probe.support.environment`."""

import sys
from pathlib import Path

_PROBE = str(Path(__file__).parents[2] / "probe")
if _PROBE not in sys.path:
    sys.path.append(_PROBE)
