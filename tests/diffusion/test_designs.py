"""Molecules drawn around fragments: what is given is held, lengths and weights have their laws, a score steers a search."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nci import MOLECULES, nci
from rdkit import Chem
from taskloom.errors import ConfigError, UsageError
from taskloom_diffusion.config import DiffusionSettings, OptimizerSettings
from taskloom_diffusion.denoisers.dit import DiT
from taskloom_diffusion.evaluation.trained import TrainedModel
from taskloom_diffusion.fragments.cutting import links_of
from taskloom_diffusion.fragments.excision import verify
from taskloom_diffusion.fragments.filling import FilledRows
from taskloom_diffusion.fragments.fixed import fixed_part
from taskloom_diffusion.fragments.gaps import GapCounts
from taskloom_diffusion.fragments.lengths import by_model
from taskloom_diffusion.fragments.pairing import LinkPairing
from taskloom_diffusion.fragments.scoring import Score, auc_top_10
from taskloom_diffusion.fragments.search import FragmentSearch
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.tokenizers.fragments import FragmentSmiles, FragmentTokenizer
from taskloom_diffusion.training.module import DiffusionModule
from taskloom_diffusion.verbs.decorate import of_file
from tests_sizes import size

pytestmark = pytest.mark.usefixtures("quiet_rdkit")


@pytest.fixture(scope="module")
def designing() -> TrainedModel:
    """An untrained model that likes carbon and links, with the gaps of a few molecules."""
    tokenizer = FragmentSmiles().fit(MOLECULES)
    module = DiffusionModule(
        DiT(width=16, num_layers=1, num_heads=2),
        DiffusionSettings(),
        OptimizerSettings(),
        tokenizer,
        max_length=30,
    )
    with torch.no_grad():
        module.model.head.bias[tokenizer.tokens.index("C")] = 4.0
        module.model.head.bias[tokenizer.tokens.index("%50")] = 2.0
    model = TrainedModel.of(module)
    model.length_histogram = [0] * 8 + [1] * 23
    return model


def test_every_molecule_that_is_returned_holds_the_scaffold(designing: TrainedModel) -> None:
    scaffold = "*c1ccccc1"
    made = designing.decorate(scaffold, 6, gap_length="3-6", tries=4, seed=1)
    assert made.requested == 6
    assert made.given_up == 6 - len(made.rows)
    assert made.rows
    assert all(verify(scaffold, row.smiles) for row in made.rows)
    assert all(row.text.startswith("c%501ccccc1.") for row in made.rows)
    few = designing.decorate(scaffold, 2, gap_length="3-6", tries=4, seed=1)
    assert few.rows == [row for row in made.rows if row.row < 2]
    both = designing.link("*c1ccccc1", "*C(C)=O", 4, gap_length="4", tries=2)
    assert all(verify("*c1ccccc1", s) and verify("*C(C)=O", s) for s in both.smiles)
    marked = designing.decorate("c1ccccc1", 3, atoms=[0], gap_length="4", tries=2)
    assert {row.given for row in marked.rows} <= {"c1ccc([*:1])cc1"}
    locked = designing.decorate("CC(=O)Nc1ccccc1", 3, lock="c1ccccc1", gap_length="4", tries=2)
    assert all(verify(scaffold, s) for s in locked.smiles)


def test_points_that_leave_no_room_are_drawn_anew(designing: TrainedModel) -> None:
    """Rows with three points and a gap of three tokens fail, and end nothing; rows with one point come back."""
    designer = designing._designer({"gap_length": "3", "tries": 3, "seed": 1})
    one, three = (fixed_part(s, "brics") for s in ("*c1ccccc1", "*c1cc(*)cc(*)c1"))
    made = designer.fill(lambda row, attempt: one if row % 2 else three, 8)
    assert made.faults["length"] == 4 * 3
    assert {row.row % 2 for row in made.rows} == {1}
    # The other rows draw what they draw without them.
    alone = designer.fill(lambda row, attempt: one, 8)
    assert [r.smiles for r in made.rows] == [r.smiles for r in alone.rows if r.row % 2]
    with pytest.raises(UsageError, match="no length that is asked for fits"):
        designer.fill(lambda row, attempt: three, 2)


def test_pairing_leaves_no_link_alone_and_more_hold_what_was_given(designing: TrainedModel) -> None:
    on, off = (
        designing.decorate(
            "*c1ccccc1", 40, gap_length="6", tries=1, pair_links=pairs, sampler=FirstHitting()
        )
        for pairs in (True, False)
    )
    assert on.first_verified > off.first_verified
    assert all(row.log_weight <= 0 for row in on.rows)
    assert all(row.log_weight == 0 for row in off.rows)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda m: m.link("*C", "*C*"), r"fragment '\*C\*' has 2 attachment points"),
        (lambda m: m.decorate("*[Pt]"), "not in the vocabulary"),
        (lambda m: m.decorate("*" + "C" * 29), "max_length is 30"),
        (lambda m: m.decorate("*C", gap_length="some"), "neither model, histogram"),
        (lambda m: m.decorate("*C", gap_length="histogram"), "of no run that kept its gaps"),
        (lambda m: m.decorate("*C", gap_length="40"), "no length that is asked for fits"),
        (lambda m: m.grow("CCO"), "of no run that kept them"),
        (lambda m: m.decorate("*C", 0), "n = 0"),
        (lambda m: m.optimise(lambda s: [0.0] * len(s), start=["xx"]), "can be read"),
        (lambda m: m.optimise("nowhere"), "neither module:function nor FILE.py:function"),
    ],
    ids=range(10),
)
def test_what_cannot_be_drawn_is_refused(
    designing: TrainedModel, call: Callable[[Any], Any], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        call(designing)


def test_a_model_of_other_tokens_is_refused(module: Callable[..., DiffusionModule]) -> None:
    with pytest.raises(ConfigError, match="--tokenizer=fragments"):
        TrainedModel.of(module()).decorate("*C")


def test_toy_e_has_the_published_lengths() -> None:
    """Words of one to four bits with weight 1 + m^2; what is fixed says how long the rest is."""

    def weight(word: tuple[int, ...]) -> float:
        pairs = sum(a * b for a, b in itertools.pairwise(word))
        ones = sum(i * a for i, a in enumerate(word, 1))
        return 1.0 + ((3 * len(word) + ones + 2 * pairs) % 5) ** 2

    words = [w for n in range(1, 5) for w in itertools.product((0, 1), repeat=n)]
    law = {w: weight(w) for w in words}
    sums = [sum(v for w, v in law.items() if len(w) == n) for n in range(1, 5)]
    assert sums == [27, 19, 71, 99]

    class Exact(torch.nn.Module):
        uses_time = False

        def forward(
            self, z: torch.Tensor, noise: torch.Tensor, maskable: torch.Tensor
        ) -> torch.Tensor:
            del noise
            out = torch.full((*z.shape, 5), -torch.inf, dtype=torch.float64)
            for row, (states, valid) in enumerate(zip(z.tolist(), maskable.tolist(), strict=True)):
                known = [s for s, v in zip(states, valid, strict=True) if v]
                for at in range(len(known)):
                    for bit in (0, 1):
                        fits = [
                            v
                            for w, v in law.items()
                            if len(w) == len(known)
                            and w[at] == bit
                            and all(k in (1, 3 + x) for k, x in zip(known, w, strict=True))
                        ]
                        out[row, at, 3 + bit] = np.log(sum(fits)) if fits else -np.inf
            return out

    tokenizer = FragmentTokenizer(["C", "N"], "brics", "canonical")
    module = DiffusionModule(
        DiT(width=16, num_layers=1, num_heads=2),
        DiffusionSettings(),
        OptimizerSettings(),
        tokenizer,
        max_length=4,
    )
    module.model = Exact()
    histogram = [0, 27, 19, 71, 99]
    assert by_model(module, [3], histogram)[1:] == pytest.approx(
        [4 / 31, 26 / 93, 55 / 93], abs=1e-12
    )
    assert by_model(module, [3, 4], histogram)[1:] == pytest.approx([4 / 49, 45 / 49], abs=1e-12)


def test_gaps_of_training_are_smoothed_by_wider_ones() -> None:
    table = np.array([[1, 5, 3, 10], [1, 5, 4, 30], [2, 5, 9, 8], [1, 40, 2, 5]])
    law = GapCounts(table).law(1, 6, 12)
    assert law.sum() == pytest.approx(1)
    assert law[4] > law[3] > law[2] > law[7] > 0
    points = GapCounts(table).open_links(5, 3)
    assert points.argmax() == 0
    assert points[2] == 0


def test_pairing_weighs_back_to_the_law_of_the_model() -> None:
    """Over every text of a short gap: weighed, paired draws have the law of unpaired ones, given that all is one molecule."""
    tokenizer = FragmentTokenizer(["%50", "%51", ".", "C"], "brics", "canonical")
    module = DiffusionModule(
        DiT(width=16, num_layers=1, num_heads=2),
        DiffusionSettings(),
        OptimizerSettings(),
        tokenizer,
        max_length=8,
    )
    with torch.no_grad():
        torch.nn.init.normal_(
            module.model.head.weight, std=0.3, generator=torch.Generator().manual_seed(1)
        )
    from taskloom_diffusion.evaluation.sampling import complete

    begun = [tokenizer.tokens.index(t) for t in ("C", "%50", ".")]
    rows = size("paired_texts")
    draws = {}
    for name, steering in (("on", LinkPairing(tokenizer, 1)), ("off", None)):
        made = complete(
            module.eval(),
            FirstHitting(),
            [[*begun, 1, 1, 1]] * rows,
            seed=5,
            batch_size=rows,
            steering=steering,
        )
        weights = Counter[str]()
        for ids, weight in zip(made.tokens, made.log_weights, strict=True):
            text = tokenizer.written(ids)
            # Three tokens hold one fragment more; a second would hang on nothing.
            gap = text.split(".")[1:]
            paired = all(links_of(text).count(link) == 2 for link in links_of(text))
            if paired and len(gap) == 1 and gap[0].startswith("C"):
                weights[text] += float(np.exp(weight)) / rows
        draws[name] = weights
    assert sum(draws["off"].values()) < 0.5
    for text in set(draws["on"]) | set(draws["off"]):
        assert draws["on"][text] == pytest.approx(
            draws["off"][text], abs=5 * (0.25 / rows) ** 0.5 * 0.5
        )


def quality(molecules: list[str]) -> list[float]:
    return [float(sum(c in "Oo" for c in s)) - 0.01 * len(s) for s in molecules]


def _searched(
    model: TrainedModel, path: Path | None, budget: int, score: Score = quality
) -> FragmentSearch:
    return model.optimise(score, budget=budget, start=MOLECULES, out=path, seed=3)


def test_a_search_that_was_stopped_goes_on_as_if_it_was_not(
    designing: TrainedModel, tmp_path: Path
) -> None:
    whole = _searched(designing, tmp_path / "whole.jsonl", 11)
    path = tmp_path / "archive.jsonl"
    asked: list[str] = []

    def counted(molecules: list[str]) -> list[float]:
        asked.extend(molecules)
        return quality(molecules)

    _searched(designing, path, 8, counted)
    path.write_text(path.read_text()[:-7])
    again = _searched(designing, path, 11, counted)
    assert again.archive.entries == whole.archive.entries
    assert path.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    repeats = [s for s, times in Counter(asked).items() if times > 1]
    assert len(repeats) <= 1
    assert len(again.archive) == 11
    with pytest.raises(ConfigError, match="archive of another search: seed was 3"):
        designing.optimise(quality, budget=9, start=MOLECULES, out=path, seed=4)


def test_molecules_that_the_score_fails_on_are_kept_and_the_first_is_named(
    designing: TrainedModel, tmp_path: Path
) -> None:
    count = itertools.count()

    def fragile(molecules: list[str]) -> list[Any]:
        answers: list[Any] = []
        for molecule in molecules:
            if len(molecules) == 1 and next(count) % 7 == 3:
                raise ValueError("no such molecule")
            answers.append(quality([molecule])[0])
        if len(molecules) > 1:
            raise RuntimeError("one by one, please")
        return answers

    found = _searched(designing, None, 16, fragile)
    failed = found.archive.failures
    assert 2 <= len(failed) <= 4
    assert (
        f"first for '{failed[0].smiles}': it raised ValueError('no such molecule')"
        in found.sentence()
    )
    for bad, said in (
        (lambda s: [float("nan")] * len(s), "it returned nan"),
        (lambda s: [None] * len(s), "it returned None"),
        (lambda s: 1 / 0, "ZeroDivisionError"),
        (lambda s: [1.0, 2.0, 3.0] * len(s), "it returned 3 numbers for one molecule"),
    ):
        path = tmp_path / "bad.jsonl"
        path.unlink(missing_ok=True)
        with pytest.raises(ConfigError, match="the score failed for") as refused:
            designing.optimise(bad, budget=40, start=nci(30), out=path)
        assert said in refused.value.message
        assert "keeps all" in refused.value.message
        assert len(path.read_text().splitlines()) > 20


def test_the_area_under_a_constant_is_almost_the_constant() -> None:
    assert auc_top_10([1.0] * 10_000, 10_000) == pytest.approx(0.995)
    assert auc_top_10([1.0] * 100, 10_000) == pytest.approx(0.995)
    assert auc_top_10([], 100) == 0.0


def test_a_lock_is_in_every_molecule_that_is_scored(designing: TrainedModel) -> None:
    found = designing.optimise(quality, budget=8, start=MOLECULES, lock="c1ccccc1", seed=1)
    pattern = Chem.MolFromSmarts("c1ccccc1")
    assert len(found.archive) > 3
    assert all(
        Chem.MolFromSmiles(e.smiles).HasSubstructMatch(pattern) for e in found.archive.entries
    )


def test_bad_lines_of_a_file_of_scaffolds_are_named_and_the_rest_is_drawn(
    designing: TrainedModel, tmp_path: Path
) -> None:
    path = tmp_path / "scaffolds.smi"
    path.write_text("*c1ccccc1 first\nc1ccccc1 second\n\nC( third\n*CC fourth\n")

    def drawn(smiles: str) -> FilledRows:
        return designing.decorate(smiles, 2, gap_length="4", seed=1)

    done, complaints, lines = of_file(path, "", drawn)
    assert (done.requested, lines) == (4, 5)
    assert {row.given for row in done.rows} <= {"*c1ccccc1", "*CC"}
    assert [sentence.partition(":")[0] for sentence in complaints] == ["line 2", "line 3", "line 4"]
    assert "no attachment point" in complaints[0]
    assert done.rows[:2] == drawn("*c1ccccc1").rows
    path.write_text("CC\n")
    with pytest.raises(UsageError, match="none of 1 lines"):
        of_file(path, "", drawn)
