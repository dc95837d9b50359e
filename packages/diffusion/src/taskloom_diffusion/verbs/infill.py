"""`tasks diffusion infill RUN TEMPLATE`: complete a template around its known tokens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer
from taskloom.errors import ConfigError, UsageError

from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.verbs.options import AsJson, NumSamples, Overridden, Seed, is_set
from taskloom_diffusion.verbs.output import print_generated

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_diffusion.model.diffusion_model import DiffusionModel
    from taskloom_diffusion.training.preparation import BoundCorpus

_GAP = re.compile(r"\[MASK\](?:\{(\d+)\})?")
_NEARLY = re.compile(r"[\[<]\s*mask\s*[\]>]", re.IGNORECASE)


def infill(
    run: Run,
    task: BoundCorpus,
    template: Annotated[
        str, typer.Argument(help="Known text with gaps: [MASK] is one token, [MASK]{8} are eight.")
    ],
    *,
    num: NumSamples = 10,
    overridden: Overridden = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Complete a template, by the sampler first_hitting unless another is chosen; known tokens never move."""
    from taskloom_diffusion.evaluation.sampling import complete  # torch is heavy
    from taskloom_diffusion.evaluation.trained import trained_model  # torch is heavy

    model = trained_model(run).model
    ids = parse_template(template, model)
    # Of all samplers this one draws from the model's law given what is known.
    sampler = task.config.sampler if is_set("sampler", overridden) else FirstHitting()
    made = complete(model, sampler, [ids] * num, seed=seed, batch_size=250)
    if not model.diffusion_process.absorbing:
        typer.echo(
            "this model's noise is not the mask: known tokens are held, but completions have its law given them only nearly",
            err=True,
        )
    print_generated("completions", made, sampler, seed, as_json=as_json)


def parse_template(template: str, model: DiffusionModel) -> list[int]:
    """Return the tokens of a template, gaps as masks.

    Raises:
        UsageError: There is no gap, or it is too long for the model.
        ConfigError: A piece is not in the model's vocabulary; the message names it.
    """
    ids: list[int] = []
    end = 0
    for gap in _GAP.finditer(template):
        ids += _known(template[end : gap.start()], model)
        ids += [model.mask_token_id] * int(gap.group(1) or 1)
        end = gap.end()
    ids += _known(template[end:], model)
    if model.mask_token_id not in ids:
        raise UsageError(
            f"the template '{template}' has no gap{_meant(template)}; write [MASK] for one token, [MASK]{{8}} for eight"
        )
    if len(ids) > model.max_length:
        raise UsageError(
            f"the template has {len(ids)} tokens, the model's max_length is {model.max_length}"
        )
    return ids


def _known(text: str, model: DiffusionModel) -> list[int]:
    if not text:
        return []
    try:
        return model.tokenizer.encode(text)
    except ConfigError as error:
        known = " ".join(model.tokenizer.tokens[3:])
        raise ConfigError(
            f"in the template, {error.message}{_meant(text)}; known tokens: {known[:300]}"
        ) from None


def _meant(text: str) -> str:
    """Return a guess at a gap that is written otherwise; text may well have such words, if the model knows them."""
    near = _NEARLY.search(text)
    return f"; did you mean '[MASK]' by '{near.group()}'?" if near else ""
