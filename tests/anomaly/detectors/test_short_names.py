"""Short names of detectors mean one detector wherever a detector is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from taskloom.cli import main
from taskloom.errors import ConfigError, UnknownNameError
from taskloom.opening import open_task
from taskloom.params.layers import resolve
from taskloom.params.tree import walk
from taskloom.registry.components import component_refs, load_components, short_forms
from taskloom.registry.refs import ComponentRef
from taskloom_anomaly import fit
from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.detection.leaderboard import with_detector
from taskloom_anomaly.detection.own_network import config_of
from taskloom_anomaly.detectors import short_names
from taskloom_anomaly.detectors.abstraction import Abstraction
from taskloom_anomaly.detectors.base import GROUP, Detector
from taskloom_anomaly.detectors.ensemble import Ensemble
from taskloom_anomaly.detectors.library import SKLEARN, Library
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis
from taskloom_anomaly.tasks.adversarial import AdversarialExampleTask

MODES: dict[str, Callable[[Any], Detector]] = {
    "mahalanobis": lambda mode: Mahalanobis(mode=mode, shrinkage="oas"),
    "abstraction": lambda mode: Abstraction(mode=mode),
}
SHORT = {
    **{
        f"{kind}:{mode}": build(mode)
        for kind, build in MODES.items()
        for mode in get_args(load_components(GROUP)[kind].model_fields["mode"].annotation)
    },
    **{f"sklearn:{name}": Library(class_name=f"sklearn:{name}") for name in SKLEARN},
    "pyod:ECOD": Library(class_name="pyod:ECOD"),
}
# A default of its own, of which nothing may shine through: Mahalanobis by class, shrunk by a fixed fifth.
Owner = AdversarialExampleTask


def of_python(name: str, folder: Path) -> object:
    """From Python."""
    del folder
    return open_task("anomaly/adversarial_examples", {"detector": name}).config


def of_table(name: str, folder: Path) -> object:
    """From Python, as the kind of a table."""
    del folder
    return open_task("anomaly/adversarial_examples", {"detector": {"kind": name}}).config


def of_words(name: str, folder: Path) -> object:
    """From a command line, over a file that tunes another detector."""
    (folder / "below.toml").write_text('[detector]\nkind = "mahalanobis"\nrank = 3\n')
    return resolve(
        Owner, files=[folder / "below.toml"], environ={}, arguments={"detector": name}
    ).config


def of_file(name: str, folder: Path) -> object:
    """From a file."""
    (folder / "own.toml").write_text(f'detector = "{name}"\n')
    return resolve(Owner, files=[folder / "own.toml"], environ={}).config


def of_environment(name: str, folder: Path) -> object:
    """From the environment."""
    del folder
    return resolve(Owner, environ={"TASKS__DETECTOR": name}).config


def of_leaderboard(name: str, folder: Path) -> object:
    """From the list of a leaderboard."""
    del folder
    return with_detector(Owner(), name)


def of_own_network(name: str, folder: Path) -> object:
    """From Python, for a network of one's own."""
    del folder
    return config_of({"detector": name})


def of_own_table(name: str, folder: Path) -> object:
    """From Python, for a network of one's own, as the kind of a table."""
    del folder
    return config_of({"detector": {"kind": name}})


PLACES = [
    of_own_network,
    of_own_table,
    of_python,
    of_table,
    of_words,
    of_file,
    of_environment,
    of_leaderboard,
]


def test_every_detector_with_modes_is_among_these() -> None:
    having = {kind for kind, own in load_components(GROUP).items() if "mode" in own.model_fields}
    assert having == set(MODES)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_a_short_name_means_one_detector_everywhere(
    place: Callable[[str, Path], object], tmp_path: Path
) -> None:
    for name, meant in SHORT.items():
        found = place(name, tmp_path)
        # A task may refuse a detector; never may it take another one for it.
        assert isinstance(found, AnomalyConfig), f"{name}: {found}"
        assert found.detector == meant, name


def test_members_of_an_ensemble_and_detectors_of_tables_have_short_names_too() -> None:
    rows = np.random.default_rng(0).standard_normal((60, 3))
    for name in ("mahalanobis:diagonal", "sklearn:KernelDensity"):
        assert fit(None, rows, detector=name).detector == SHORT[name]
    members = Ensemble(members=("mahalanobis:mixture", "sklearn:PCA"))
    assert members.needs == {"activations", "trusted"}


def test_a_short_name_is_tuned_as_any_detector_is() -> None:
    words = {"detector": "mahalanobis:class", "detector.rank": "2", "detector.shrinkage": "none"}
    found: Any = resolve(Owner, environ={}, arguments=words).config
    assert found.detector == Mahalanobis(mode="class", rank=2)
    table = {"kind": "mahalanobis:class", "rank": 2, "shrinkage": "none"}
    assert config_of({"detector": table}).detector == found.detector


def test_a_component_with_a_colon_in_its_name_is_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    refs = (*component_refs(GROUP), ComponentRef("sklearn:PCA", "Of a plug-in.", "own:PCA"))
    monkeypatch.setattr(short_names, "component_refs", lambda group: refs)
    assert short_names.values_of("sklearn:PCA") == {"kind": "sklearn:PCA"}
    assert short_names.values_of("sklearn:LOF")["kind"] == "library"


@pytest.mark.parametrize(
    ("name", "kind", "sentence"),
    [
        ("mahalanobis:mixed", ConfigError, "detector.mode=mixed: must be one of global"),
        ("knn:mixture", UnknownNameError, "--detector=knn:mixture: must be one of mahalanobis"),
        ("tensorflow:PCA", UnknownNameError, "--detector=tensorflow:PCA: must be one of"),
        ("sklearn:Forest", ConfigError, "scikit-learn has no detector 'Forest'"),
        ("mahalanobis:", ConfigError, "detector.mode=: must be one of global"),
    ],
)
def test_what_is_no_short_name_is_refused_in_one_sentence(
    name: str, kind: type[Exception], sentence: str
) -> None:
    with pytest.raises(kind, match=sentence):
        open_task("anomaly/toy_features", {"detector": name})


@pytest.mark.parametrize(
    ("detector", "sentence"),
    [
        ("sklearn:Forest", "has no detector 'Forest' .* it has IsolationForest, "),
        ("sklearn:a-b", r"must match \^\(sklearn\|pyod\):\[A-Za-z_\]"),
        ("mahalanobis:Global", "detector.mahalanobis.mode: must be one of global, class"),
    ],
)
def test_a_refused_name_is_written_as_it_was_given(detector: str, sentence: str) -> None:
    """Classes of libraries have capitals, and so has what can be given in their place."""
    with pytest.raises(ConfigError, match=sentence):
        config_of({"detector": detector})


def test_help_and_refusals_say_how_short_names_look(capsys: pytest.CaptureFixture[str]) -> None:
    forms = short_forms(GROUP)
    assert {form.partition(":")[0] for form in forms} == {name.partition(":")[0] for name in SHORT}
    said = f"also {', '.join(forms)}"
    (place,) = (item for item in walk(AnomalyConfig) if item.path == "detector")
    assert place.bounds == (said,)
    assert main(("run", "anomaly", "backdoor", "--help")) == 0
    assert said in " ".join(capsys.readouterr().out.split())
    assert main(("run", "anomaly", "backdoor", "--detector=mahalanobis-mixture")) == 2
    assert ", ".join(forms) in capsys.readouterr().err


def test_an_ensemble_refuses_a_member_in_one_sentence() -> None:
    """As a detector of its own is refused: with the modes that there are, or with the names and their forms."""
    for name, said in {"mahalanobis:foo": "global, class", "nosuch:x": "sklearn:CLASS"}.items():
        with pytest.raises((ConfigError, UnknownNameError), match=said) as caught:
            _ = Ensemble(members=(name, "knn")).needs
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)
