"""Words keeps the contract of a task, and trains and samples at its smallest."""

from pathlib import Path

from taskloom.testing import check_task, run_once

from diffusion_words.task import Words

SMALLEST = {
    "denoiser": {"kind": "dit", "width": 16, "num_layers": 1, "num_heads": 2},
    "train": {"steps": 2, "batch_size": 8},
    "evaluate": {"num_samples": 2, "num_holdout": 4, "num_draws": 1},
}


def test_diffusion_words_keeps_the_contract() -> None:
    check_task(Words, domain="diffusion", varying=["speed/*"], **SMALLEST)


def test_two_steps_train_and_sample(tmp_path: Path) -> None:
    run = run_once(Words, tmp_path, domain="diffusion", **SMALLEST)
    assert run.metrics["nelbo/nats_per_token"] > 0
    assert len(run.artifacts["samples"].read_text().splitlines()) == 2
