"""`tasks diffusion infill RUN TEMPLATE`: complete a template around its known tokens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from taskloom.errors import ConfigError, UsageError

from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.verbs.output import print_generated
from taskloom_diffusion.verbs.trained import choose, open_trained

if TYPE_CHECKING:
    from taskloom_diffusion.model.diffusion_model import DiffusionModel

_GAP = re.compile(r"\[MASK\](?:\{(\d+)\})?")
_NEARLY = re.compile(r"[\[<]\s*mask\s*[\]>]", re.IGNORECASE)


def infill(
    run: Annotated[str, typer.Argument(help="Run id, unique prefix, @last, or run folder.")],
    template: Annotated[
        str, typer.Argument(help="Known text with gaps: [MASK] is one token, [MASK]{8} are eight.")
    ],
    *,
    num: Annotated[int, typer.Option("--num", min=1, help="Completions.")] = 10,
    sampler: Annotated[str, typer.Option(help="Sampler; first_hitting if empty.")] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--with", help="A sampler's setting, name=value; repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Root of the random streams.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    store: Annotated[Path | None, typer.Option("--store", help="Run store.")] = None,
) -> None:
    """Complete a template; known tokens never move."""
    trained = open_trained(run, store)
    # torch is imported only once there is something to complete.
    from taskloom_diffusion.evaluation.sampling import complete

    ids = parse_template(template, trained.task)
    default: Sampler = FirstHitting()
    config = choose("taskloom_diffusion.samplers", sampler, settings or [], default)
    made = complete(trained.task, config, [ids] * num, seed=seed, batch_size=250)
    if not trained.task.diffusion_process.absorbing:
        typer.echo(
            "this model's noise is not the mask: known tokens are held, but completions have its law given them only nearly",
            err=True,
        )
    print_generated("completions", made, config, seed, as_json=as_json)


def parse_template(template: str, task: DiffusionModel) -> list[int]:
    """Return the tokens of a template, gaps as masks.

    Raises:
        UsageError: There is no gap, or it is too long for the model.
        ConfigError: A piece is not in the model's vocabulary; the message names it.
    """
    ids: list[int] = []
    end = 0
    for gap in _GAP.finditer(template):
        ids += _known(template[end : gap.start()], task)
        ids += [task.mask_token_id] * int(gap.group(1) or 1)
        end = gap.end()
    ids += _known(template[end:], task)
    if task.mask_token_id not in ids:
        raise UsageError(
            f"the template '{template}' has no gap{_meant(template)}; write [MASK] for one token, [MASK]{{8}} for eight"
        )
    if len(ids) > task.max_length:
        raise UsageError(
            f"the template has {len(ids)} tokens, the model's max_length is {task.max_length}"
        )
    return ids


def _known(text: str, task: DiffusionModel) -> list[int]:
    if not text:
        return []
    try:
        return task.tokenizer.encode(text)
    except ConfigError as error:
        known = " ".join(task.tokenizer.tokens[3:])
        raise ConfigError(
            f"in the template, {error.message}{_meant(text)}; known tokens: {known[:300]}"
        ) from None


def _meant(text: str) -> str:
    """Return a guess at a gap that is written otherwise; text may well have such words, if the model knows them."""
    near = _NEARLY.search(text)
    return f"; did you mean '[MASK]' by '{near.group()}'?" if near else ""
