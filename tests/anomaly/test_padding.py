"""Padding changes nothing: neither its amount, nor its side, nor the texts that stand beside one."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from taskloom.errors import ConfigError
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.backends.torch_handle import TorchHandle
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.data.named import NamedArrays
from taskloom_anomaly.detection.assembly import DetectionData
from taskloom_anomaly.detection.fitting import fit_detector
from taskloom_anomaly.detection.own_network import config_of, fit

_SPEC = importlib.util.spec_from_file_location(
    "anomaly_networks", Path(__file__).with_name("networks.py")
)
assert _SPEC is not None
assert _SPEC.loader is not None
networks = sys.modules.get(_SPEC.name) or importlib.util.module_from_spec(_SPEC)
if _SPEC.name not in sys.modules:
    sys.modules[_SPEC.name] = networks
    _SPEC.loader.exec_module(networks)

pytestmark = pytest.mark.filterwarnings("ignore")
OAS = {"kind": "mahalanobis", "shrinkage": "oas"}


def texts(count: int, seed: int, width: int = 12, *, left: bool = False) -> NamedArrays:
    """Return texts of 5 to 12 tokens, the same for every width and side."""
    rng = np.random.default_rng(seed)
    tokens, mask = np.zeros((count, width), np.int64), np.zeros((count, width), np.int64)
    for row, length in enumerate(rng.integers(5, 13, count)):
        part = slice(width - length, width) if left else slice(length)
        tokens[row, part] = rng.integers(3, 90, length)
        mask[row, part] = 1
    return NamedArrays({"input_ids": tokens, "attention_mask": mask})


@pytest.fixture(
    scope="module", params=[n for n, x in networks.NETWORKS.items() if len(x.shape) == 1]
)
def token_network(request: pytest.FixtureRequest) -> tuple[TorchHandle, list[str]]:
    """Every network over tokens of the table, and two of its layers."""
    handle = as_handle(networks.build(request.param).eval(), None, texts(5, 3), warn=False)
    assert isinstance(handle, TorchHandle)
    sequences = [n for n in handle.default_layers if len(handle.layers[n].shape) == 2]
    return handle, sequences[:2]


def close(found: np.ndarray, known: np.ndarray) -> None:
    """Compare scores to 1e-5 of their own size."""
    np.testing.assert_allclose(found, known, rtol=1e-5)


@pytest.mark.parametrize("reduction", ["last", "mean_max", "none"])
def test_the_amount_and_the_side_of_padding_change_no_score(
    token_network: tuple[TorchHandle, list[str]], reduction: str
) -> None:
    handle, layers = token_network
    plain = fit(handle, texts(40, 0), detector=OAS, reduction=reduction, layers=layers)
    known = plain.score(ArrayDataset(texts(20, 1)))
    for width, left in ((64, False), (128, False), (64, True)):
        wide = texts(40, 0, width, left=left)
        detector = fit(handle, wide, detector=OAS, reduction=reduction, layers=layers)
        for layer, scores in detector.score(ArrayDataset(texts(20, 1, width, left=left))).items():
            # The columns of padding are cut off before the network runs: equal to the bit.
            assert np.array_equal(scores, known[layer]), (layer, width, left)


def test_the_size_of_a_batch_changes_no_score_of_texts_of_many_lengths(
    token_network: tuple[TorchHandle, list[str]],
) -> None:
    handle, layers = token_network
    for reduction in ("last", "none"):
        scores = [
            fit(
                handle,
                texts(40, 0),
                detector=OAS,
                reduction=reduction,
                layers=layers,
                batch_size=size,
            ).score(ArrayDataset(texts(20, 1)))
            for size in (64, 7, 1)
        ]
        for layer, known in scores[0].items():
            if "bfloat16" in str(next(handle._module.parameters()).dtype):
                # Half precision rounds to three digits, and other batches in another way.
                np.testing.assert_allclose(scores[1][layer], known, rtol=0.2)
                continue
            close(scores[1][layer], known)
            close(scores[2][layer], known)


class Careless(torch.nn.Module):
    """A network that averages over its padding, whatever the mask says."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.mix = torch.nn.Embedding(99, 8), torch.nn.Linear(8, 8)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        del attention_mask
        x = self.embed(input_ids)
        return self.mix(x + x.mean(1, keepdim=True))


@pytest.mark.parametrize("reduction", ["last", "none"])
def test_a_network_that_reads_its_padding_runs_texts_of_one_length_together(
    reduction: str, caplog: pytest.LogCaptureFixture
) -> None:
    torch.manual_seed(0)
    handle = as_handle(Careless(), None, texts(5, 3), warn=False)
    detector = fit(handle, texts(60, 0, 40), detector=OAS, reduction=reduction, layers=["mix"])
    assert "reads its padding" in caplog.text
    whole = texts(12, 1)
    together = detector.score(ArrayDataset(whole))["mix"]
    assert whole.mask is not None
    for row in range(12):
        length = int(whole.mask[row].sum())
        alone = NamedArrays(
            {name: array[row : row + 1, :length] for name, array in whole.arrays.items()}
        )
        np.testing.assert_allclose(
            detector.score(ArrayDataset(alone))["mix"], together[row], rtol=1e-5
        )


@pytest.mark.parametrize("store", [False, True])
def test_a_text_under_an_empty_mask_is_refused_with_its_place(tmp_path: Path, store: bool) -> None:
    torch.manual_seed(0)
    handle = as_handle(Careless(), None, texts(5, 3), warn=False)
    data = texts(40, 0)
    data.arrays["attention_mask"][33] = 0
    settings = {"activations": tmp_path / "kept"} if store else {}
    for reduction in ("last", "none"):
        with pytest.raises(
            ConfigError, match=r"Sample \d+ .*no real position: its mask is all false"
        ):
            fit(handle, data, detector=OAS, reduction=reduction, batch_size=8, **settings)
    plain = fit(handle, texts(40, 0), detector=OAS, reduction="last", batch_size=8)
    with pytest.raises(ConfigError, match="Sample 33 has no real position"):
        plain.score(ArrayDataset(data))


class Strided(torch.nn.Module):
    """A network one layer of which has half as many positions as the text."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.mix = torch.nn.Embedding(99, 8), torch.nn.Linear(8, 8)
        self.pool = torch.nn.AvgPool1d(2)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        x = self.mix(self.embed(input_ids) * attention_mask[..., None])
        return self.pool(x.transpose(1, 2)).transpose(1, 2)


def even(count: int, seed: int) -> NamedArrays:
    """Return texts of 12 tokens, without padding."""
    tokens = np.random.default_rng(seed).integers(3, 90, (count, 12))
    return NamedArrays({"input_ids": tokens, "attention_mask": np.ones_like(tokens)})


@pytest.mark.parametrize("padded", ["trusted", "test"])
def test_a_default_layer_that_does_not_fit_the_mask_is_left_out_and_told(
    padded: str, caplog: pytest.LogCaptureFixture
) -> None:
    torch.manual_seed(0)
    handle = as_handle(Strided(), None, even(5, 3), warn=False)
    assert handle.default_layers == ("embed", "mix", "pool")
    config = config_of({"detector": OAS, "reduction": "mean"})
    trusted, other = even(40, 0), texts(20, 1)
    data = {"trusted": trusted, "test": other} if padded == "test" else {"trusted": other}
    sets = {name: ArrayDataset(part) for name, part in data.items()}
    judged = sets.get("test", ArrayDataset(trusted))
    problem = DetectionData(handle, sets["trusted"], ArrayDataset(even(9, 4)), judged, {})
    detector = fit_detector(problem, config)
    assert list(detector.score(judged)) == ["embed", "mix"]
    (told,) = [line for line in caplog.messages if "mask" in line]
    assert told == "Not watched, since the mask does not fit their positions: 'pool'."


def test_a_layer_that_does_not_fit_the_mask_is_watched_without_padding_and_refused_by_name() -> (
    None
):
    torch.manual_seed(0)
    handle = as_handle(Strided(), None, even(5, 3), warn=False)
    whole = fit(handle, even(40, 0), detector=OAS, reduction="mean")
    assert list(whole.score(ArrayDataset(even(9, 1)))) == ["embed", "mix", "pool"]
    for layers in (["pool"], ["*"]):
        with pytest.raises(ConfigError, match=r"Layer 'pool' has \(6,\) positions and the mask 12"):
            fit(handle, texts(40, 0), detector=OAS, reduction="mean", layers=layers)


class Counting(torch.nn.Module):
    """A network that counts the positions that it is run on."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.mix = torch.nn.Embedding(99, 8), torch.nn.Linear(8, 8)
        self.positions = 0

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        self.positions += input_ids.numel()
        return self.mix(self.embed(input_ids)) * attention_mask[..., None]


@pytest.mark.parametrize("store", [False, True])
def test_texts_run_beside_others_of_their_length_and_no_score_depends_on_it(
    tmp_path: Path, store: bool
) -> None:
    torch.manual_seed(0)
    module = Counting()
    handle = as_handle(module, None, texts(5, 3), warn=False)
    settings = {"activations": tmp_path / "kept"} if store else {}
    detector = fit(handle, texts(60, 0), detector=OAS, reduction="mean", batch_size=8, **settings)
    data, before = texts(96, 1, 30), module.positions
    known = detector.score(ArrayDataset(data))
    run = module.positions - before
    assert data.real is not None
    real = int(data.real.sum())
    # Eight texts of 5 to 12 tokens in the order in which they come are nearly always as wide as the longest of them.
    assert run < 1.1 * real < 0.9 * 96 * 12
    order = np.random.default_rng(0).permutation(96)
    moved = detector.score(ArrayDataset(data[order]))
    for layer, scores in known.items():
        close(moved[layer], scores[order])


def test_a_network_has_one_name_whatever_the_length_of_the_texts_at_hand() -> None:
    torch.manual_seed(0)
    module = Strided()
    names = {
        as_handle(module, None, texts(5, seed, width), warn=False).fingerprint
        for seed, width in ((3, 12), (4, 31))
    }
    assert len(names) == 1
    module.mix.bias.data += 1
    assert as_handle(module, None, texts(5, 3), warn=False).fingerprint not in names


@pytest.mark.parametrize("shape", [(6,), (6, 1, 1, 12)])
def test_a_mask_that_is_no_row_of_positions_a_sample_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match=r"The mask 'attention_mask' is \(n.*\): .* \(n, t\)"):
        ArrayDataset({"input_ids": np.ones((6, 12), int), "attention_mask": np.ones(shape)})


def test_a_mask_of_another_width_than_the_tokens_is_one_sentence() -> None:
    handle = as_handle(Careless(), None, even(5, 3), warn=False)
    odd = {"input_ids": np.ones((40, 12), int), "attention_mask": np.tri(40, 9, dtype=int) * 0 + 1}
    odd["attention_mask"][3:, 7:] = 0
    with pytest.raises(ConfigError, match="mask"):
        fit(handle, NamedArrays(odd), detector=OAS, reduction="mean")
