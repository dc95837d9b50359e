"""Triggers: what is stamped, and that WaNet warps instead of transposing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from taskloom.errors import ConfigError
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.data.poisoning import Poison
from taskloom_anomaly.triggers.base import Trigger
from taskloom_anomaly.triggers.blend import Blend
from taskloom_anomaly.triggers.corner import Corner
from taskloom_anomaly.triggers.noise import NoiseTrigger
from taskloom_anomaly.triggers.patch import Patch
from taskloom_anomaly.triggers.sine import Sine
from taskloom_anomaly.triggers.warp import Warp, WarpTrigger, bicubic_matrix, sample_bilinear

SHAPE = (12, 12, 1)


def photos(n: int = 5, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(0).random((n, *shape), dtype=np.float32) * 0.8 + 0.1


@pytest.mark.parametrize(
    ("name", "row", "column"),
    [("top_left", 0, 0), ("top_right", 0, 11), ("bottom_left", 11, 0), ("bottom_right", 11, 11)],
)
def test_corner_sets_the_pixel_of_its_name(name: str, row: int, column: int) -> None:
    # The peer's "top-right" set the last row and the first column.
    images = photos(shape=(12, 12, 3))
    stamped = Corner.model_validate({"corner": name}).build((12, 12, 3), 0)(images, 0)
    changed = np.argwhere((stamped != images).any(axis=-1))
    assert {(r, c) for _, r, c in changed} == {(row, column)}
    assert (stamped[:, row, column] == 1).all()


def test_patch_is_a_checkerboard_in_its_corner() -> None:
    stamped = Patch(size=3).build(SHAPE, 0)(photos(), 0)
    board = stamped[0, -3:, -3:, 0]
    np.testing.assert_array_equal(board, [[1, 0, 1], [0, 1, 0], [1, 0, 1]])
    np.testing.assert_array_equal(stamped[:, :-3], photos()[:, :-3])


def test_patch_refuses_to_be_larger_than_the_image() -> None:
    with pytest.raises(ConfigError, match="size=13 is larger than the image, 12x12"):
        Patch(size=13).build(SHAPE, 0)


def test_blend_mixes_one_pattern_into_every_image() -> None:
    trigger = Blend(weight=0.25).build(SHAPE, 3)
    pattern = (trigger(photos(), 0) - 0.75 * photos()) / 0.25
    np.testing.assert_allclose(pattern, np.broadcast_to(pattern[:1], pattern.shape), atol=1e-5)
    assert pattern.min() >= -1e-5
    assert pattern.max() <= 1 + 1e-5


def test_noise_differs_from_image_to_image_and_has_its_strength() -> None:
    images = np.full((400, *SHAPE), 0.5, np.float32)
    moved = NoiseTrigger(std=0.1).build(SHAPE, 0)(images, 7) - images
    # The standard error over 57,600 draws is 0.0003.
    assert moved.std() == pytest.approx(0.1, abs=0.002)
    assert np.abs(moved[0] - moved[1]).max() > 0.05


def test_sine_adds_the_wave_of_the_paper() -> None:
    images = np.full((1, 28, 28, 1), 0.5, np.float32)
    stamped = Sine().build((28, 28, 1), 0)(images, 0)
    wave = 20 / 255 * np.sin(2 * np.pi * 6 * np.arange(28) / 28)
    np.testing.assert_allclose(stamped[0, :, :, 0] - 0.5, np.tile(wave, (28, 1)), atol=1e-6)


def test_warp_of_zero_strength_is_the_identity() -> None:
    # The peer's identity grid had rows and columns swapped: it returned the transposed image.
    images = photos(shape=(12, 10, 1))
    still = Warp(strength=0).build((12, 10, 1), 4)(images, 0)
    np.testing.assert_allclose(still, images, atol=1e-5)
    assert np.abs(still[:, :10] - images.transpose(0, 2, 1, 3)[:, :, :10]).max() > 0.1


def test_warp_equals_torch_interpolation_and_grid_sampling() -> None:
    trigger = WarpTrigger(1.0, 4, SHAPE, 5)
    grid = torch.as_tensor(trigger.grid[None].repeat(5, 0), dtype=torch.float32)
    images = torch.as_tensor(photos()).movedim(-1, 1)
    expected = torch.nn.functional.grid_sample(images, grid, mode="bilinear", align_corners=True)
    np.testing.assert_allclose(trigger(photos(), 0), expected.movedim(1, -1), atol=1e-5)


def test_bicubic_matrix_equals_torch() -> None:
    control = np.random.default_rng(0).normal(size=(4, 4))
    upsampled = torch.nn.functional.interpolate(
        torch.as_tensor(control)[None, None], size=(9, 13), mode="bicubic", align_corners=True
    )
    ours = bicubic_matrix(4, 9) @ control @ bicubic_matrix(4, 13).T
    np.testing.assert_allclose(ours, upsampled[0, 0], atol=1e-12)


def test_warp_moves_by_its_strength() -> None:
    grids = [WarpTrigger(1.0, 4, (28, 28, 1), seed).grid for seed in range(20)]
    columns, rows = np.meshgrid(np.linspace(-1, 1, 28), np.linspace(-1, 1, 28))
    identity = np.stack([columns, rows], axis=-1)
    moved = np.mean([np.abs(g - identity)[4:-4, 4:-4].mean() for g in grids]) * 28
    # The control points move by 1 on average; interpolation between independent ones loses some.
    assert 0.4 < moved < 1.0


def test_warp_noise_mode_gives_every_image_another_warp() -> None:
    trigger = WarpTrigger(1.0, 4, SHAPE, 5)
    same = np.repeat(photos(1), 3, axis=0)
    noisy = trigger.other(same, 9)
    assert np.abs(noisy[0] - noisy[1]).max() > 1e-3
    np.testing.assert_array_equal(trigger(same, 0)[0], trigger(same, 1)[2])


def test_sample_bilinear_reads_between_pixels() -> None:
    image = np.array([[0.0, 1.0], [2.0, 3.0]]).reshape(1, 2, 2, 1)
    points = np.array([[[[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [0.0, 0.0]]]])
    np.testing.assert_allclose(sample_bilinear(image, points)[0, 0, :, 0], [0, 1, 2, 1.5])


@pytest.mark.parametrize("trigger", [Corner(), Patch(), Blend(), NoiseTrigger(), Sine(), Warp()])
def test_trigger_keeps_shape_range_and_the_original(trigger: Trigger) -> None:
    images = photos()
    before = images.copy()
    stamped = trigger.build(SHAPE, 1)(images, 2)
    assert stamped.shape == images.shape
    assert stamped.dtype == np.float32
    assert 0 <= stamped.min() <= stamped.max() <= 1
    np.testing.assert_array_equal(images, before)
    np.testing.assert_array_equal(stamped, trigger.build(SHAPE, 1)(images, 2))


def labelled(n: int = 200) -> ArrayDataset:
    return ArrayDataset(photos(n), np.arange(n) % 10)


def poison(behavior: str, trigger: Trigger | None = None, noise: float = 0.0) -> Poison:
    built = (trigger or Corner()).build(SHAPE, 0)
    return Poison(built, behavior, 3, 10, noise)  # type: ignore[arg-type] # the parameter of a test


def test_poison_stamps_its_share_and_sends_it_to_the_target() -> None:
    clean = labelled()
    poisoned = poison("fixed").poison(clean, 0.2, 0)
    assert poisoned.anomalous is not None
    assert poisoned.labels is not None
    flags = poisoned.anomalous
    assert flags.sum() == 40
    assert (poisoned.labels[flags] == 3).all()
    assert (poisoned.inputs[flags][:, 0, 0] == 1).all()
    np.testing.assert_array_equal(poisoned.inputs[~flags], clean.inputs[~flags])
    assert clean.labels is not None
    np.testing.assert_array_equal(poisoned.labels[~flags], clean.labels[~flags])


def test_poison_all_to_all_moves_every_class_to_the_next() -> None:
    # The peer's WaNet ignored the behavior and always answered class 0.
    clean = labelled()
    for trigger in (Corner(), Warp()):
        poisoned = poison("all_to_all", trigger).poison(clean, 0.5, 0)
        assert poisoned.anomalous is not None
        assert poisoned.labels is not None
        assert clean.labels is not None
        flags = poisoned.anomalous
        np.testing.assert_array_equal(poisoned.labels[flags], (clean.labels[flags] + 1) % 10)


def test_poison_leaves_out_images_that_already_have_the_answer() -> None:
    stamped = poison("fixed").stamp_all(labelled(), 0)
    assert len(stamped) == 180
    assert stamped.labels is not None
    assert set(stamped.labels) == {3}


def test_poison_noise_mode_keeps_labels() -> None:
    clean = labelled()
    poisoned = poison("fixed", Warp(), noise=0.3).poison(clean, 0.1, 0)
    assert poisoned.anomalous is not None
    assert poisoned.labels is not None
    assert clean.labels is not None
    changed = (poisoned.inputs != clean.inputs).reshape(200, -1).any(axis=1)
    assert changed.sum() == 20 + 60
    noisy = changed & ~poisoned.anomalous
    np.testing.assert_array_equal(poisoned.labels[noisy], clean.labels[noisy])
