"""`tasks hci replay`: play a finished run again and compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from taskloom.errors import CheckFailedError, RunCorruptError


def replay(
    run: Annotated[
        str, typer.Argument(help="The run: its id, a unique beginning of it, @last, or its folder.")
    ],
    store: Annotated[
        Path | None, typer.Option("--store", help="Run store (else TASKS_STORE, else ./runs).")
    ] = None,
    backend: Annotated[str, typer.Option("--backend", help="auto, loop, numpy or numba.")] = "auto",
) -> None:
    """Play the episodes of a run again, by any backend, and say whether they are the same bit for bit."""
    from taskloom import derive_seed
    from taskloom.runs import open_run

    from taskloom_hci.batch.episodes import load
    from taskloom_hci.batch.play import play
    from taskloom_hci.errors import HciError
    from taskloom_hci.shipped import factory_of

    found = open_run(run, store)
    if found.domain != "hci" or "episodes" not in found.artifacts:
        raise RunCorruptError(f"The run {found.id} has no episodes of an hci task to play again.")
    factory: Any = factory_of(found.task)
    config = get_type_hints(factory.__init__)["config"].model_validate(dict(found.config))
    recorded = load(found.artifacts["episodes"])
    bundle = factory(config).bundle(derive_seed(config.seed, "episodes"))
    try:
        again = play(bundle, recorded.episode.tolist(), backend)  # type: ignore[arg-type] # an unknown one is refused
    except HciError as error:
        raise CheckFailedError(str(error)) from None
    finally:
        bundle.close()
    same = again.digest() == recorded.digest()
    typer.echo(
        f"{len(recorded)} episodes, {recorded.total_rounds} rounds: {'identical' if same else 'DIFFERENT'}"
    )
    typer.echo(f"recorded {recorded.digest()}")
    typer.echo(f"replayed {again.digest()}")
    if not same:
        raise CheckFailedError(
            f"The episodes of {found.id} are not what this version plays from the same seed."
        )
