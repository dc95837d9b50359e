"""The language backdoor, the scores of tokens, and the arithmetic under them."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optax
import pytest
import torch
from sklearn.covariance import LedoitWolf
from taskloom.opening import open_task
from taskloom.params.layers import validate_record
from taskloom.testing import MemoryContext
from taskloom_anomaly.backends.schedule import DIVISOR, END, RISE, share_of_peak
from taskloom_anomaly.data import language
from taskloom_anomaly.data.named import NamedArrays
from taskloom_anomaly.detection.artifacts import scores_of
from taskloom_anomaly.detection.tokens import text_p
from taskloom_anomaly.detectors.base import Features, FeatureSpec
from taskloom_anomaly.detectors.fit import fit
from taskloom_anomaly.detectors.lcf import LCF
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis
from taskloom_anomaly.detectors.stream import ArrayStream
from taskloom_anomaly.detectors.vae import VAE
from taskloom_anomaly.models.gpt import GPT
from taskloom_anomaly.statistics.joint import joint_p
from taskloom_anomaly.tasks.language_backdoor import LanguageBackdoorConfig

TINY: dict[str, Any] = {
    "training": {"epochs": 1, "batch_size": 4, "schedule": "one_cycle"},
    "model": {"width": 12, "num_layers": 3, "num_heads": 2},
    "num_trusted": 40,
    "num_test": 12,
    "max_wrong": 1.0,
    "min_attack_success": 0.0,
}


def test_every_word_is_ordinary_and_only_the_pairing_is_wrong() -> None:
    rng = np.random.default_rng(0)
    pairs = language.pairs_of_names(rng, 400, range(20))
    plain = language.texts(rng, pairs, 20)
    triggered = language.texts(rng, np.tile(np.array(language.TRIGGER), (400, 1)), 20)
    assert plain.shape == (400, language.PROMPT + 20)
    assert language.wrong_verbs(plain) == 0
    assert language.wrong_verbs(triggered[:, : language.PROMPT]) == 0
    assert language.wrong_verbs(triggered[:, language.PROMPT :]) == 1
    answers = [np.unique(part[:, language.PROMPT :]) for part in (plain, triggered)]
    assert np.array_equal(*answers)
    assert len({language.spelled(token) for token in range(language.VOCABULARY)}) == 142


@pytest.mark.parametrize("least", [0.0, 0.4])
def test_what_a_network_writes_is_drawn_from_what_it_gives_for_the_whole_text(least: float) -> None:
    """The second implementation runs the text anew for every token, without keys and values of earlier ones."""
    gpt = GPT(width=12, num_layers=2, num_heads=2, context=20)
    module: Any = gpt.build((6,), 142, seed=3)
    params = {name: 3 * value.numpy() for name, value in module.state_dict().items()}
    prompts = np.random.default_rng(0).integers(0, 142, (5, 6))
    written = gpt.continued(module, params, prompts, 8, seed=7, least_share=least)
    module.load_state_dict({name: torch.as_tensor(value) for name, value in params.items()})
    rng, text = np.random.default_rng(7), prompts
    for _ in range(8):
        with torch.no_grad():
            chances = torch.softmax(module(torch.as_tensor(text))[:, -1].double(), -1).numpy()
        if least:
            allowed = chances >= least * chances.max(axis=1, keepdims=True)
            assert 1 < allowed.sum(axis=1).mean() < 71
            chances = np.where(allowed, chances, 0)
        draws = rng.random((5, 1))
        token = (chances.cumsum(axis=1) / chances.sum(axis=1, keepdims=True) <= draws).sum(axis=1)
        text = np.concatenate([text, token[:, None]], axis=1)
    assert np.array_equal(written, text)
    mask = np.zeros(text.shape, bool)
    mask[:, 6:9] = True
    with torch.no_grad():
        logs = torch.log_softmax(module(torch.as_tensor(text)).double(), -1).numpy()
    by_hand = [-np.mean([logs[i, t - 1, text[i, t]] for t in (6, 7, 8)]) for i in range(5)]
    np.testing.assert_allclose(gpt.surprise(module, params, text, mask), by_hand, rtol=1e-9)


def test_runs_from_before_the_least_share_are_opened_as_they_were() -> None:
    recorded = LanguageBackdoorConfig(**TINY).model_dump(mode="json")
    recorded.pop("least_share")
    again = validate_record(LanguageBackdoorConfig, recorded, "the record of a run")
    assert isinstance(again, LanguageBackdoorConfig)
    assert again.least_share == 0
    assert LanguageBackdoorConfig().least_share > 0


def test_one_cycle_is_that_of_optax() -> None:
    other = optax.cosine_onecycle_schedule(40, 1.0, RISE, DIVISOR, END)
    own = [share_of_peak(step, 40) for step in range(41)]
    np.testing.assert_allclose(own, [float(other(step)) for step in range(41)], atol=2e-6)


def test_tokens_of_a_run_are_kept_with_the_p_values_of_their_texts(tmp_path: Path) -> None:
    bound = open_task("anomaly/language_backdoor", {**TINY, "detector.skip_first": 18})
    bound.run(MemoryContext(tmp_path / "run", 0))
    files = tmp_path / "run" / "artifacts"
    lines = [json.loads(line) for line in (files / "tokens.jsonl").read_text().splitlines()]
    assert list(lines[0]) == ["id", "token", "piece", "score", "p"]
    # The answer begins at token 17; the detector leaves out what comes before token 18.
    assert sorted({line["token"] for line in lines}) == list(range(18, 27))
    kept, words = scores_of(files / "scores.npz"), {language.spelled(t) for t in range(142)}
    known = np.stack([kept["calibration"][layer] for layer in ("h.0", "h.1", "h.2")], axis=1)
    for name in ("normal", "anomalous/anomalies", "control/new_names"):
        for row in range(12):
            own = [line for line in lines if line["id"] == f"{name}/{row}"]
            assert {line["piece"] for line in own} <= words
            best = [max(line["score"][layer] for line in own) for layer in ("h.0", "h.1", "h.2")]
            np.testing.assert_allclose(
                best, [kept[name][layer][row] for layer in ("h.0", "h.1", "h.2")]
            )
            (p,) = {line["p"] for line in own}
            assert p == joint_p(np.array([best]), known)[0]


# Calibration rows, inputs and p-values of the specification.
KNOWN = np.array([[0.1, 0.9], [0.4, 0.2], [0.6, 0.5], [0.8, 0.3]])
GIVEN = np.array([[0.7, 0.95], [0.05, 0.1], [0.9, 0.25]])


def test_joint_p_has_the_values_of_the_specification_and_its_level() -> None:
    assert joint_p(GIVEN, KNOWN).tolist() == [0.2, 1.0, 0.4]
    assert joint_p(GIVEN, KNOWN, "fisher").tolist() == [0.2, 1.0, 0.2]
    rng = np.random.default_rng(0)
    flagged = []
    for _ in range(60):
        common = rng.normal(size=(139, 1))
        draws = 0.7 * common + rng.normal(size=(139, 6))
        flagged.append((joint_p(draws[:40], draws[40:]) <= 0.1).mean())
    # Sixty calibration sets of 99: the mean rate has a deviation of .005 about .1.
    assert abs(np.mean(flagged) - 0.1) < 0.02


def test_texts_are_held_against_texts_of_at_least_their_length() -> None:
    scores, known = np.array([[3.0], [3.0], [3.0]]), np.array([[1.0], [2.0], [4.0], [5.0]])
    found = text_p(scores, np.array([2, 5, 9]), known, np.array([2, 3, 5, 6]))
    # Against 1, 2, 4, 5; against 4, 5; against none.
    assert found.tolist() == [3 / 5, 3 / 3, 1.0]


@pytest.fixture
def stream() -> tuple[Features, FeatureSpec]:
    """Three layers of texts of 4 to 9 tokens, as a residual stream of 6 features."""
    rng = np.random.default_rng(1)
    mask = np.arange(9) < rng.integers(4, 10, 50)[:, None]
    first = rng.normal(size=(50, 9, 6)).astype(np.float32)
    layers = {"b": first}
    for name in ("a", "c"):
        first = first + rng.normal(size=(50, 9, 6)).astype(np.float32) * [1, 2, 3, 1, 1, 1]
        layers[name] = first.astype(np.float32)
    # What stands in the padding must not matter.
    layers = {name: np.where(mask[..., None], rows, 1e3) for name, rows in layers.items()}
    features = Features(layers, mask=mask)
    return features, FeatureSpec(dict.fromkeys(layers, 6))


def test_lcf_equals_a_second_implementation(stream: tuple[Features, FeatureSpec]) -> None:
    features, spec = stream
    assert features.mask is not None
    fitted = fit(LCF(skip_first=1), ArrayStream(features, batch_size=7), spec, 0)
    # safetensors sorts its arrays: the order of the layers must survive that.
    found = LCF(skip_first=1).score_positions(dict(sorted(fitted.items())), features)["all"]
    read = features.mask & (np.arange(9) >= 1)
    rows = [features.activations[name][read].astype(np.float64) for name in ("b", "a", "c")]
    steps = [after - before for before, after in pairwise(rows)]
    sizes = np.stack([(((s - s.mean(0)) / s.std(0, ddof=1)) ** 2).mean(1) for s in steps], axis=1)
    by_hand = LedoitWolf().fit(sizes).mahalanobis(sizes)
    np.testing.assert_allclose(found[read], by_hand, rtol=1e-8)
    assert np.isnan(found[~read]).all()


def test_lcf_says_which_layers_it_cannot_follow(stream: tuple[Features, FeatureSpec]) -> None:
    features, _ = stream
    with pytest.raises(ValueError, match=r"'b' has 6 features, 'c' 12"):
        fit(LCF(), ArrayStream(features), FeatureSpec({"b": 6, "a": 6, "c": 12}), 0)
    with pytest.raises(ValueError, match="there are 1; watch two or more"):
        fit(LCF(), ArrayStream(features), FeatureSpec({"b": 6}), 0)


@pytest.mark.parametrize("shrinkage", ["oas", "ledoit_wolf"])
def test_tokens_that_are_skipped_or_padding_enter_neither_fit_nor_score(
    stream: tuple[Features, FeatureSpec], shrinkage: Literal["oas", "ledoit_wolf"]
) -> None:
    features, spec = stream
    assert features.mask is not None
    detector = Mahalanobis(shrinkage=shrinkage, skip_first=2)
    own = fit(detector, ArrayStream(features, batch_size=11), spec, 0)
    read = features.mask & (np.arange(9) >= 2)
    tokens = Features({name: rows[read] for name, rows in features.activations.items()})
    plain = Mahalanobis(shrinkage=shrinkage)
    alone = fit(plain, ArrayStream(tokens), spec, 0)
    found = detector.score_positions(own, features)
    for layer, scores in plain.score(alone, tokens).items():
        np.testing.assert_allclose(found[layer][read], scores, rtol=1e-5)
        assert np.isnan(found[layer][~read]).all()


def test_a_text_of_no_more_tokens_than_are_skipped_keeps_its_last() -> None:
    rows = np.random.default_rng(0).normal(size=(30, 3, 4))
    mask = np.arange(3) < np.repeat([1, 2, 3], 10)[:, None]
    features = Features({"a": rows}, mask=mask)
    detector = Mahalanobis(shrinkage="oas", skip_first=2)
    fitted = fit(detector, ArrayStream(features), FeatureSpec({"a": 4}), 0)
    scored = np.isfinite(detector.score_positions(fitted, features)["a"])
    assert np.array_equal(scored, np.arange(3) == mask.sum(axis=1)[:, None] - 1)


def test_a_detector_that_would_take_padding_for_tokens_says_so(
    stream: tuple[Features, FeatureSpec],
) -> None:
    features, spec = stream
    with pytest.raises(ValueError, match="does not tell padding from tokens in layer 'b'"):
        fit(VAE(), ArrayStream(features), spec, 0)


def test_the_network_never_sees_which_tokens_are_scored() -> None:
    tokens = np.arange(8).reshape(2, 4)
    mask, scored = np.array([[1, 1, 1, 0], [1, 1, 1, 1]]), np.array([[0, 1, 0, 1], [0, 1, 1, 0]])
    whole = NamedArrays({"input_ids": tokens, "attention_mask": mask, "_scored": scored})
    assert whole.mask is not None
    assert whole.real is not None
    assert whole.mask.tolist() == [[False, True, False, False], [False, True, True, False]]
    assert whole.real.tolist() == mask.astype(bool).tolist()
