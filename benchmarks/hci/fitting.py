"""The bars of fitting: python benchmarks/hci/fitting.py [grid] [nuts] [calibration] [bounds] [assumes].

Without a word all of them; each prints its figure beside its bar. CPU-seconds of this process.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from taskloom_hci.batch.play import play
from taskloom_hci.bounds.pointing import bound_of
from taskloom_hci.driver import make_bundle
from taskloom_hci.fitting.decisions import Decisions, decisions_of
from taskloom_hci.fitting.fitted import FittedPeople, save_fit
from taskloom_hci.fitting.people import fit_people
from taskloom_hci.fitting.recovery import Design, calibrate, recover
from taskloom_hci.fitting.sources import rows_of
from taskloom_hci.models.memory import MemoryModel
from taskloom_hci.models.pointing import BoltzmannModel, CarefulModel

ROOT = Path(__file__).parents[2]
LINE = Design(
    {"position": np.zeros(3, dtype=np.int64), "goal": np.array([-1, 0, 1])}, np.array([90, 20, 90])
)
_SEEN, _AGO = (x.ravel() for x in np.meshgrid(np.arange(1, 7), np.geomspace(3, 300, 20)))
LESSONS = Design({"seen": _SEEN, "ago": _AGO}, np.ones(120, dtype=np.int64))
MODELS = [(CarefulModel(), LINE), (BoltzmannModel(), LINE), (MemoryModel(), LESSONS)]


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the CPU time of some work [s], and what it returned."""
    begun = time.process_time()
    found = work()
    return time.process_time() - begun, found


def people_of(number: int, games: int) -> tuple[Decisions, Any]:
    """Return the decisions of simulated people who play pointing."""
    parts = []
    for i in range(number):
        user = {"kind": "careful", "error_rate": 0.02 + 0.01 * i}
        played = play(make_bundle("pointing", seed=i, user=user), games, "numpy")
        parts.append(rows_of(played, CarefulModel, str(i)))
    whole = parts[0]
    for part in parts[1:]:
        whole.person += part.person
        whole.game += part.game
        whole.round += part.round
        whole.action += part.action
        whole.places += part.places
        whole.read += part.read
        whole.columns = {
            name: np.concatenate([values, part.columns[name]])
            for name, values in whole.columns.items()
        }
    return decisions_of(whole, CarefulModel)


def grid() -> None:
    """Fit one person with 200 games, and thirty as a population."""
    one = people_of(1, 200)
    spent, _ = seconds(lambda: fit_people(*one, CarefulModel.parameters))
    print(f"one person, 200 games: {spent:.4f} CPU-s (bar .1)")
    thirty = people_of(30, 200)
    spent, _ = seconds(lambda: fit_people(*thirty, CarefulModel.parameters, mode="hierarchical"))
    print(f"30 people, 200 games each, hierarchical: {spent:.3f} CPU-s (bar 1)")


def nuts() -> None:
    """Fit twenty discounters as a population of two parameters."""
    sys.path.insert(0, str(ROOT / "examples" / "plugins" / "hci_discounting"))
    from hci_discounting.model import DiscountingModel  # type: ignore[import-not-found] # of an example
    from test_hci_discounting import choices  # type: ignore[import-not-found] # its people

    decisions, model, rate = choices(20, 108)
    spent, fit = seconds(
        lambda: fit_people(decisions, model, DiscountingModel.parameters, mode="hierarchical")
    )
    told = [fit.beliefs[fit.people.index(str(i))].mean("rate") for i in range(20)]
    r = np.corrcoef(np.log(told), np.log(rate))[0, 1]
    print(
        f"NUTS, 20 people, two parameters: {spent:.1f} CPU-s (bar 60), {fit.trust}, "
        f"untrusted: {fit.trust.problems() or 'nothing'}, r {r:.3f}"
    )


def calibration() -> None:
    """Calibrate three models by 1,000 fits, and count how many of 2,000 intervals hold the truth."""
    total = 0.0
    for model, design in MODELS:
        known = model.lapsing(0.02)
        spent, (told, even) = seconds(
            lambda m=known, d=design: calibrate(m, m.parameters, d, 1000, seed=1)
        )
        total += spent
        also, held = seconds(lambda m=known, d=design: recover(m, m.parameters, d, 2000, seed=3))
        for one, two in zip(told, held, strict=True):
            print(
                f"{type(model).__name__}.{one.name}: p {one.p:.3f} of {one.fits} fits ({'even' if even else 'UNEVEN'}), "
                f"coverage {two.coverage.estimate:.4f} of {two.fits} (bar .88 to .92), {spent:.1f} and {also:.1f} CPU-s"
            )
    print(f"calibration of three models: {total:.1f} CPU-s (bar 30)")
    model = CarefulModel()
    told = recover(
        model.lapsing(1e-9), model.parameters, LINE, 1000, true_model=model.lapsing(0.02), seed=1
    )
    print(
        f"without the lapse of the data: p {told[0].p:.2g} (1e-9), coverage {told[0].coverage.estimate:.3f}"
    )


def bounds() -> None:
    """Bound the optimum of the 9-cell table."""
    for b, lapse in ((3.0, 0.0), (1.0, 0.0), (0.5, 0.0), (1.0, 0.02), (3.0, 0.02)):
        user = {"kind": "boltzmann", "rationality": b, "lapse": lapse}
        found = bound_of(
            make_bundle("pointing", cells=9, targets=4, user=user),
            layout=([1, 3, 5, 7], 4),
            gap=0.0,
        )
        print(
            f"rationality {b}, lapse {lapse}: {found.lower:.4f} to {found.upper:.4f}, gap {100 * found.gap:.2f} % (bar 2), "
            f"{found.cpu:.1f} CPU-s (bar 60)"
        )
        for kind in ("big", "map"):
            bundle = make_bundle(
                "pointing", cells=9, targets=4, user=user, assistant={"kind": kind}, max_rounds=1000
            )
            every = bound_of(bundle, gap=0.02)
            spent, played = seconds(lambda g=bundle: play(g, 1_000_000))
            rounds = played.num_rounds
            error = rounds.std() / 1000.0
            said = "sandwiched" if rounds.mean() + 4 * error >= every.lower else "BELOW"
            print(
                f"  {kind}, 1,000,000 games: {rounds.mean():.4f} +- {error:.4f}, {said} "
                f"({every.lower:.4f} to {every.upper:.4f} over layouts; {spent:.0f} CPU-s)"
            )


def assumes() -> None:
    """Compare the rate of an assistant that assumes K sets with that of one that knows, both by tables.

    The user is a Boltzmann one: for a careful one the assistant that knows has a shorter way than its tables.
    """
    with tempfile.TemporaryDirectory() as folder:
        rates = {}
        for k in (0, 1, 4, 16, 64):
            options: dict[str, Any] = {"kind": "big"}
            if k:
                file = Path(folder) / f"{k}.npz"
                points = np.linspace(1.0, 3.0, k)[:, None]
                none = np.empty((0, k, 1)), np.empty((0, k))
                one = FittedPeople(
                    "boltzmann", ("rationality",), 0.02, (), points, np.full(k, 1 / k), *none
                )
                save_fit(file, one, {})
                options["assumes"] = file
            bundle = make_bundle("pointing", user={"kind": "boltzmann"}, assistant=options)
            spent, played = seconds(
                lambda g=bundle, n=2000 if k > 1 else 20_000: play(g, n, "numpy")
            )
            rates[k] = played.total_rounds / spent
            print(
                f"K = {k or 'knows'}: {rates[k]:.0f} rounds a CPU-s, {rates[k] / rates[0]:.4f} of the one that knows"
                + (f" (bar {1 / k:.4f})" if k else "")
            )


if __name__ == "__main__":
    wanted = sys.argv[1:] or ["grid", "nuts", "calibration", "bounds", "assumes"]
    for name in wanted:
        globals()[name]()
