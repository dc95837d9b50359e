"""`tasks anomaly make-adversarial-examples`: attack a stored classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from taskloom.errors import ConfigError
from taskloom.params.sentences import first_fault
from taskloom.registry.components import load_component
from taskloom.runs.run import Run

from taskloom_anomaly.models.stored import model_folder
from taskloom_anomaly.tasks.adversarial import AdversarialExampleTask
from taskloom_anomaly.verbs.common import arguments_of, place_of, say_json


def make_adversarial_examples(
    run: Run | Path,
    *,
    attack: Annotated[str, typer.Option(help="fgsm, pgd, apgd, or a plugin's.")] = "pgd",
    eps: Annotated[
        float | None, typer.Option(help="Largest change of a pixel; the attack's own default.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", help="Another parameter of the attack, NAME=VALUE; repeatable."),
    ] = None,
    max_examples: Annotated[
        int, typer.Option(min=0, help="Most images that are attacked; 0 takes all.")
    ] = 0,
    success_threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Accuracy above which the attack has failed.")
    ] = 0.1,
    batch_size: Annotated[int, typer.Option(min=1, help="Samples per gradient.")] = 512,
    seed: Annotated[int, typer.Option(help="Seeds random starts.")] = 0,
) -> None:
    """Attack the test images of the classifier of a run, or of a folder of train-classifier, and keep the examples beside it.

    `tasks run anomaly adversarial_examples --run_path=RUN` with the same settings finds them there.
    """
    folder = model_folder(place_of(run).folder)
    settings: dict[str, float | str] = {} if eps is None else {"eps": eps}
    settings |= arguments_of(param)
    try:
        chosen = load_component("taskloom_anomaly.attacks", attack).model_validate(settings)
    except ValidationError as error:
        place, sentence = first_fault(error)
        name = place.partition(".")[0]
        raise ConfigError(f"--attack={attack}, {name}={settings.get(name)}: {sentence}.") from None
    task = AdversarialExampleTask.model_validate(
        {
            "run_path": folder,
            "attack": chosen.model_dump(),
            "max_anomalous_size": max_examples,
            "success_threshold": success_threshold,
            "attack_batch_size": batch_size,
            "seed": seed,
        }
    )
    outcome = task.adversarial.outcome
    say_json(
        {
            "folder": str(folder / "adv_examples"),
            "num_examples": len(outcome.examples),
            "original_accuracy": outcome.original_accuracy,
            "new_accuracy": outcome.new_accuracy,
            "original_loss": outcome.original_loss,
            "new_loss": outcome.new_loss,
        }
    )
