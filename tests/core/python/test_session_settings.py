"""Numerical settings of a session: none reaches a run of an installed task, and each is as it was afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest
import taskloom as tl
import torch
from taskloom.lifecycle.library_defaults import library_defaults


def settings() -> tuple[object, ...]:
    """Return the settings that a program may have changed, in this thread."""
    return (
        torch.get_default_dtype(),
        torch.get_float32_matmul_precision(),
        torch.is_grad_enabled(),
        torch.get_default_device().type,
        jax.config.jax_enable_x64,
        jax.config.jax_default_matmul_precision,
    )


DEFAULTS = (torch.float32, "highest", True, "cpu", False, None)
OWN = (torch.float64, "medium", False, "meta", True, "float32")


@pytest.fixture
def own_settings() -> Iterator[None]:
    """A session in which every setting is another than the library's own."""

    def change(values: tuple[object, ...]) -> None:
        dtype, precision, grad, _, double, matmul = values
        torch.set_default_dtype(dtype)
        torch.set_float32_matmul_precision(precision)
        torch.set_grad_enabled(grad)
        jax.config.update("jax_enable_x64", double)
        jax.config.update("jax_default_matmul_precision", matmul)

    change(OWN)
    with torch.device("meta"):
        yield
    change(DEFAULTS)


@pytest.mark.usefixtures("own_settings")
def test_a_block_has_the_defaults_and_leaves_the_sessions_own() -> None:
    assert settings() == OWN
    with library_defaults():
        assert settings() == DEFAULTS
        with library_defaults():
            assert settings() == DEFAULTS
        assert settings() == DEFAULTS
    assert settings() == OWN
    with library_defaults(wanted=False):
        assert settings() == OWN


@pytest.mark.usefixtures("own_settings")
def test_the_last_of_several_threads_puts_the_settings_back() -> None:
    inside, go = threading.Event(), threading.Event()
    seen: list[tuple[object, ...]] = []

    def work() -> None:
        with library_defaults():
            inside.set()
            go.wait(60)
            seen.append(settings())

    thread = threading.Thread(target=work)
    with library_defaults():
        thread.start()
        assert inside.wait(60)
    go.set()  # the block that began first is over
    thread.join()
    assert seen == [DEFAULTS]
    assert settings() == OWN


def test_a_run_is_the_same_in_a_session_of_other_settings(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    def metrics() -> dict[str, float]:
        options = tl.RunOptions(store=tmp_path, force=True, quiet=True, report="no")
        run = tl.run(
            "diffusion/toy",
            {
                "denoiser": {"kind": "dit", "width": 16, "num_layers": 1, "num_heads": 2},
                "train": {"steps": 2, "batch_size": 8},
                "evaluate": {"num_samples": 2, "num_holdout": 2, "num_draws": 1},
            },
            options=options,
        )
        return {name: value for name, value in run.metrics.items() if "speed" not in name}

    plain = metrics()
    request.getfixturevalue("own_settings")
    assert metrics() == plain
    assert settings() == OWN
