"""`run.load("policy")`: the policy that played, made again from the config of the run."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import taskloom as tl
from taskloom.errors import RunCorruptError, UnknownNameError
from taskloom.seeding import derive_seed
from taskloom_hci.driver import BoundInteraction, make_bundle, pair
from taskloom_hci.policies.table import TablePolicy
from taskloom_hci.state.streams import Stream


def play(store: Path, **values: object) -> tl.Run:
    """Return a short run of pointing."""
    options = tl.RunOptions(store=store, quiet=True, report="no")
    return tl.run("hci/pointing", episodes=4, options=options, **values)


@pytest.mark.parametrize("assistant", ["big", "gain", "none"])
def test_the_loaded_policy_acts_as_that_of_the_run(tmp_path: Path, assistant: str) -> None:
    run = play(tmp_path, assistant=assistant, user={"kind": "careful", "error_rate": 0.1})
    policy = run.load("policy")
    bound = cast("BoundInteraction", tl.task_of(run))
    bundle = pair(bound.task, bound.config, derive_seed(bound.config.seed, "episodes"))
    agent = bundle.assistant or bundle.user
    assert agent is not None
    bundle.reset()
    for step in range(5):
        while bundle.turn != (2 if bundle.assistant else 0) and not bundle.over:
            bundle.step()
        if bundle.over:
            bundle.reset()
            continue
        seen, own = agent.observe(affect=False)[0], agent.state.snapshot()
        wanted = agent.policy.act(seen, own, Stream(step))
        found = policy.act(seen, own, Stream(step))
        assert np.array_equal(found[0], wanted[0])
        assert found[1] == wanted[1]
        bundle.step()
    bundle.close()


def test_a_policy_is_refused_once_the_file_that_it_was_read_from_has_changed(
    tmp_path: Path,
) -> None:
    pytest.importorskip("stable_baselines3")
    from taskloom_hci.exports.training import train

    file, small = tmp_path / "own.zip", {"cells": 9, "targets": 3, "assistant": None}
    train(make_bundle("pointing", **small), "user", "tabular", 1, file, games=2)
    run = play(tmp_path / "runs", **small, user={"kind": "learned", "file": str(file)})
    assert isinstance(run.load("policy"), TablePolicy)
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(RunCorruptError, match=r"own\.zip changed since"):
        run.load("policy")


def test_an_unknown_name_is_told_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="has no 'polcy' to load; it has: policy") as told:
        play(tmp_path).load("polcy")
    assert "policy" in told.value.hint
