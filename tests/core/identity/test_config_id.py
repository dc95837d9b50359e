"""Identity: what changes it, and what does not."""

from typing import Annotated

from taskloom import Component, Config, ExecutionOnly
from taskloom.identity.identify import config_id_of


class _Part(Component):
    rank: int = 1
    workers: Annotated[int, ExecutionOnly()] = 1


class _Config(Config):
    rate: float = 0.1
    part: _Part = _Part()
    threads: Annotated[int, ExecutionOnly()] = 1


def test_identity_is_stable_across_processes_and_releases() -> None:
    # printf '%s' '{"config":{"part":{"rank":1},"rate":{"%float":"0x1.999999999999ap-4"},"seed":0},...}' | sha256sum
    assert (
        config_id_of("d/t", 1, _Config())
        == "a1051fb37fa72f356d46c8ed49f25f465d38b48ec046641a03cb1d3ea659f6ac"
    )


def test_identity_changes_with_task_version_config_and_seed() -> None:
    base = config_id_of("d/t", 1, _Config())
    others = [
        config_id_of("e/t", 1, _Config()),
        config_id_of("d/u", 1, _Config()),
        config_id_of("d/t", 2, _Config()),
        config_id_of("d/t", 1, _Config(rate=0.2)),
        config_id_of("d/t", 1, _Config(seed=1)),
        config_id_of("d/t", 1, _Config(part=_Part(rank=2))),
    ]
    assert len({base, *others}) == 7


def test_identity_ignores_how_a_run_is_executed() -> None:
    other = _Config(threads=8, part=_Part(workers=4))
    assert config_id_of("d/t", 1, other) == config_id_of("d/t", 1, _Config())
