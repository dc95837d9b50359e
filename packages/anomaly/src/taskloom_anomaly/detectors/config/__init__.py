"""The detectors' configs: pydantic only, so that listing and `--help` import no numerical library."""
