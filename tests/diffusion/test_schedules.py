"""Schedules against the published values, their slopes against autograd, and a third party's own schedule."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from taskloom_diffusion.compat.schedules import CosineSchedule, DiscreteSchedule
from taskloom_diffusion.schedules import closed_form, polydiff
from taskloom_diffusion.schedules.base import Schedule
from taskloom_diffusion.schedules.inverse import final_noise, inverse_alpha
from torch import Tensor

TABLE: list[tuple[Schedule, tuple[float, ...]]] = [
    (closed_form.LinearSchedule(), (0.75, 0.5, 0.25, 4, 2, 1.333333)),
    (closed_form.LogLinear(), (0.75025, 0.5005, 0.25075, 4, 2, 1.333333)),
    (closed_form.Cosine(), (0.617317, 0.292893, 0.076120, 3.792238, 1.570796, 0.650645)),
    (closed_form.CosineMDLM(), (0.923956, 0.7074, 0.383301, 7.896926, 3.792238, 2.350863)),
    (closed_form.CosineSquared(), (0.8537, 0.5005, 0.1473, 7.584476, 3.141593, 1.301290)),
    (closed_form.PolynomialSchedule(), (0.9375, 0.75, 0.4375, 8, 4, 2.666667)),
    (closed_form.Geometric(), (0.997887, 0.956264, 0.388391, 12.193171, 11.935171, 7.330684)),
    (closed_form.LinearSigma(), (0.173644, 0.030182, 0.005246, 1.470712, 0.217820, 0.036912)),
]
EVERY: list[Schedule] = [
    *(schedule for schedule, _ in TABLE),
    polydiff.PolydiffCosine(),
    polydiff.PolydiffLinear(),
    polydiff.PolydiffQuadratic(),
    polydiff.PolydiffExponential(),
    polydiff.PolydiffLogarithmic(),
]


@pytest.mark.parametrize(("schedule", "expected"), TABLE, ids=lambda x: getattr(x, "kind", ""))
def test_schedule_matches_the_published_table(
    schedule: Schedule, expected: tuple[float, ...]
) -> None:
    t = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
    alpha = schedule.alpha(t)
    weight = -schedule.dalpha(t) / (1 - alpha)
    assert [*alpha.tolist(), *weight.tolist()] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("schedule", EVERY, ids=lambda s: s.kind)
def test_schedule_falls_and_its_slope_is_the_derivative(schedule: Schedule) -> None:
    t = torch.linspace(0.003, 0.9937, 301, dtype=torch.float64, requires_grad=True)
    alpha = schedule.alpha(t)
    assert bool((alpha.diff() < 0).all())
    (slope,) = torch.autograd.grad(alpha.sum(), t)
    assert torch.allclose(slope, schedule.dalpha(t), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("schedule", EVERY, ids=lambda s: s.kind)
def test_schedule_begins_clean_and_inverts(schedule: Schedule) -> None:
    ends = schedule.alpha(torch.tensor([0.0, 1.0], dtype=torch.float64))
    assert float(ends[0]) == pytest.approx(1, abs=2e-3)
    t = torch.linspace(0.02, 0.98, 25, dtype=torch.float64)
    assert torch.allclose(
        schedule.alpha(inverse_alpha(schedule, schedule.alpha(t))), schedule.alpha(t)
    )


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (polydiff.PolydiffLinear, (4.0e-5, 0.364, 0.904)),
        (polydiff.PolydiffCosine, (2.4e-9, 2.4e-7, 2.4e-5)),
        (polydiff.PolydiffQuadratic, (1.1e-3, 0.506, 0.931)),
        (polydiff.PolydiffExponential, (4e-41, 8.4e-5, 0.356)),
        (polydiff.PolydiffLogarithmic, (2.3e-2, 0.681, 0.956)),
    ],
)
def test_polydiff_schedule_ends_where_polydiff_does(
    schedule: type[polydiff.BetaSchedule], expected: tuple[float, ...]
) -> None:
    for steps, end in zip((1000, 100, 10), expected, strict=True):
        built = schedule.model_validate({"num_timesteps": steps})
        assert float(DiscreteSchedule(built).alphas_cumprod[-1]) == pytest.approx(end, rel=0.05)
        assert final_noise(built) == pytest.approx(1 - end, rel=0.05)


def test_polydiff_index_zero_is_noisy_and_products_agree() -> None:
    schedule = CosineSchedule(5)
    alpha, root, rest = schedule.get_parameters(0)
    assert 1 - float(alpha) == pytest.approx(0.101, abs=1e-3)
    assert float(root**2 + rest**2) == pytest.approx(1)
    times = (torch.arange(5, dtype=torch.float64) + 1) / 5
    assert torch.allclose(schedule.continuous.alpha(times), schedule.alphas_cumprod)


def test_schedules_refuse_limits_in_the_wrong_order() -> None:
    with pytest.raises(ValueError, match="sigma_max must be above sigma_min"):
        closed_form.Geometric(sigma_min=2.0, sigma_max=1.0)


def test_a_third_party_adds_a_schedule_in_a_dozen_lines() -> None:
    class SquareRoot(Schedule):
        """alpha = 1 - sqrt(t)."""

        kind: Literal["square_root"] = "square_root"

        def alpha(self, t: Tensor) -> Tensor:
            return 1 - t.sqrt()

        def dalpha(self, t: Tensor) -> Tensor:
            return -0.5 / t.sqrt()

    schedule = SquareRoot()
    target = torch.tensor([0.5], dtype=torch.float64)
    assert float(inverse_alpha(schedule, target)) == pytest.approx(0.25)
