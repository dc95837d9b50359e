"""Controls of a page, made from a config: one for each parameter, and why some cannot change while a loop runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel
from taskloom.params.shapes import kind_of
from taskloom.params.tree import Parameter, walk
from taskloom.params.values import write

if TYPE_CHECKING:
    from taskloom import Config

Form = Literal["checkbox", "choice", "slider", "number", "text"]
# A range wider than this is shown on a logarithmic scale.
_WIDE = 1e3
# A slider reaches at most so many times the value; what is typed or read from elsewhere widens it.
_AHEAD = 20.0
_FINE = 200

_TABS = {"controller": "Controller", "optimizer": "Optimizer"}
_PLANT = ("plant", "engine", "record")
_FIXED = {
    "engine": "threads and buffers are of one engine; begin anew for another",
    "plant": "the plant is made when an episode begins; begin anew for another",
    "record": "it counts when the run ends, as it began",
    "keyframe": "it counts when an episode begins",
    "seed": "it numbers the random streams of this run",
    "seconds": "a watched episode ends when it is reset",
    "hold": "it counts when the run ends",
    "baseline": "it counts when the run ends",
    "checkpoint_every": "a watched run is not resumed",
}


@dataclass(frozen=True)
class Control:
    """One control of the page.

    Attributes:
        path: The parameter's dotted path.
        label: Its last name, and its unit.
        tab: Tab that it stands in.
        form: What it is.
        value: Its value now.
        hint: Its sentence.
        choices: What there is to choose from.
        low: Least value of a slider.
        high: Largest value of a slider.
        log: Whether the slider is on a logarithmic scale.
        whole: Whether it is a whole number.
        why_fixed: Why it cannot change while the loop runs; empty if it can.
    """

    path: str
    label: str
    tab: str
    form: Form
    value: Any
    hint: str = ""
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    whole: bool = False
    why_fixed: str = ""

    def at(self, value: Any) -> Control:  # noqa: ANN401 -- any value of a parameter
        """Return this control with another value."""
        return replace(self, value=value)

    def to_slider(self, value: float) -> float:
        """Return where a value stands on the slider."""
        if not self.log:
            return float(min(max(value, self.low), self.high))
        return math.log10(min(max(value, self.low), self.high))

    def from_slider(self, place: float) -> float | int:
        """Return the value of a place on the slider."""
        value = 10.0**place if self.log else place
        return round(value) if self.whole else float(f"{value:.6g}")


def controls_of(config: Config) -> list[Control]:
    """Return a control for each parameter of a config, in the order of declaration; those that are fixed come last."""
    found = []
    for parameter in walk(type(config), _kinds(config)):
        holder: Any = config
        for name in parameter.path.split("."):
            holder = getattr(holder, name, None)
        found.append(_control(parameter, holder))
    # What can be changed comes first.
    return sorted(found, key=lambda control: bool(control.why_fixed))


def _kinds(model: BaseModel, prefix: str = "") -> dict[str, str]:
    """Return the component at every place of a config, by path."""
    found = {}
    for name in type(model).model_fields:
        part = getattr(model, name)
        if isinstance(part, BaseModel):
            if "kind" in type(part).model_fields:
                found[prefix + name] = kind_of(type(part))
            found |= _kinds(part, f"{prefix}{name}.")
    return found


def _control(parameter: Parameter, value: object) -> Control:
    first, _, rest = parameter.path.partition(".")
    tab = _TABS.get(first, "Plant" if first in _PLANT else "Task")
    why = _FIXED.get(first, "")
    if not why and parameter.path.endswith("path"):
        why = "another model needs another controller"
    unit = f" [{parameter.unit}]" if parameter.unit else ""
    label = (rest or first) + unit
    hint = " ".join(part for part in (parameter.help, f"Fixed: {why}." if why else "") if part)
    common: dict[str, Any] = {"path": parameter.path, "label": label, "tab": tab}
    common |= {"hint": hint, "why_fixed": why}
    if parameter.is_component:
        kind = kind_of(type(value)) if isinstance(value, BaseModel) else "none"
        return Control(form="choice", value=kind, choices=parameter.choices, **common)
    if isinstance(value, bool):
        return Control(form="checkbox", value=value, **common)
    if parameter.choices:
        shown = write(value, parameter.shape)
        return Control(form="choice", value=shown, choices=parameter.choices, **common)
    if isinstance(value, int | float):
        return _number(parameter, value, common)
    return Control(form="text", value=write(value, parameter.shape), **common)


def _number(parameter: Parameter, value: float, common: Mapping[str, Any]) -> Control:
    """Return a slider over the parameter's range; where it is half open, one that a typed value widens."""
    bounds = limits_of(parameter)
    low, high = bounds.get("low", -math.inf), bounds.get("high", math.inf)
    whole = isinstance(value, int)
    if math.isinf(low) and math.isinf(high):
        return Control(form="number", value=value, whole=whole, **common)
    if math.isinf(low):
        low = min(-1.0, 2 * value, high - 1.0)
    # Only a range that was declared at both ends, away from zero, is one to slide over in decades.
    declared = bounds.get("declared", 0.0)
    log = declared > 0 and not math.isinf(high) and high / declared > _WIDE
    if not log and high > _AHEAD * max(abs(value), 1.0):
        # A wide range says what is legal, not what is sensible: a slider needs the latter.
        high = min(high, max(4 * abs(value), 10.0 if whole else 1.0, low + (2 if whole else 0.0)))
    if not log and 0 < value < high / _WIDE and low >= 0:
        low, log = value / _WIDE, True
    elif "declared" in bounds and low > bounds["declared"]:
        low = min(low, bounds["declared"] + abs(value) / _WIDE) if value else low
    if log:
        common = {**common, "label": f"log10 {common['label']}"}
    return Control(form="slider", value=value, low=low, high=high, log=log, whole=whole, **common)


def limits_of(parameter: Parameter) -> dict[str, float]:
    """Return the least and the largest value of a number, an open end a little inside, and the least one as declared."""
    found: dict[str, float] = {}
    for item in parameter.shape.metadata:
        for name, key, inside in (
            ("ge", "low", 0.0),
            ("gt", "low", 1e-3),
            ("le", "high", 0.0),
            ("lt", "high", -1e-3),
        ):
            value = getattr(item, name, None)
            if isinstance(value, int | float):
                found[key] = float(value) + inside
                if key == "low":
                    found["declared"] = float(value)
    return found


def step_of(control: Control) -> float:
    """Return the step of a slider."""
    if control.whole and not control.log:
        return 1
    low, high = control.to_slider(control.low), control.to_slider(control.high)
    return (high - low) / _FINE
