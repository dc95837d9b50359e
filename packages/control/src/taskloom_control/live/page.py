"""The page of a live loop in a browser: the scene, a control for each parameter, plots, and keys.

Callbacks of the page only put requests into an inbox; one thread draws what the loop has shown last, thirty times a second. So the
loop waits for neither, and a browser that goes away leaves nothing behind. Two browsers share everything: the last writer wins.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from taskloom_control.live.fields import Control, controls_of, step_of
from taskloom_control.live.requests import Request
from taskloom_control.live.scene import LiveScene
from taskloom_control.live.serving import close_server, open_server
from taskloom_control.live.shown import Shown
from taskloom_control.live.status import command_markup, series_of, status_of

if TYPE_CHECKING:
    import viser
    from taskloom import Config

_PERIOD = 1.0 / 30.0
# Words and plots change five times a second: faster ones cannot be read.
_SLOW = 6
_TABS = ("Task", "Controller", "Optimizer", "Plant", "Plots", "View")
_KEYS = {"space": "pause", "R": "reset", "arrowright": "step"}


class Page:
    """A page that shows a loop.

    Args:
        source: Returns what the loop has shown last.
        ask: Takes a request.
        config: The config that its controls are made from.
        title: What the panel is called.
        port: Port on 127.0.0.1; 0 takes a free one.
        tasks: Names of tasks to switch to.
        steers: Whether the loop can be paused, stepped and reset from the page.
        command: Returns a config as the command that runs with it; without it there is no such button.

    Attributes:
        address: The address that opens it, with its token.
        server: The viser server, for what a user's own loop draws besides.
        frames: Pictures that were drawn.
    """

    def __init__(
        self,
        source: Callable[[], Shown | None],
        ask: Callable[[Request], None],
        config: Config,
        *,
        title: str,
        port: int = 0,
        tasks: Sequence[str] = (),
        steers: bool = True,
        command: Callable[[Config], str] | None = None,
    ) -> None:
        self._command = command
        self._source, self._ask, self._title = source, ask, title
        self.server, self.address = open_server(port, title)
        # Nothing of a loop leaves this machine, whatever a browser asks for.
        setattr(self.server, "request_share_url", _never_shared)  # noqa: B010 -- viser calls it by name
        self.scene: LiveScene | None = None
        self.controls: dict[str, tuple[Control, Any]] = {}
        self._tabs: dict[str, Any] = {}
        self._plots: dict[str, tuple[list[str], Any]] = {}
        self._groups: dict[int, bool] = {}
        self._kinds = ""
        self.frames = 0
        self._ended = threading.Event()
        self._theme(dark=False)
        self._build(config, tasks, steers=steers)
        self._thread = threading.Thread(target=self._draw, name="page", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the page."""
        self._ended.set()
        self._thread.join()
        close_server(self.server)

    def _theme(self, *, dark: bool) -> None:
        self.server.gui.configure_theme(
            dark_mode=dark, show_logo=False, show_share_button=False, control_width="large"
        )

    def _build(self, config: Config, tasks: Sequence[str], *, steers: bool) -> None:
        gui = self.server.gui
        self._status = gui.add_markdown("*beginning*")
        if steers:
            self._buttons("Loop", {"Pause": "pause", "Step": "step", "Reset": "reset"})
            self._buttons("Keep", {"Film": "record", "Picture": "snapshot", "Settings": "settings"})
            self._buttons("Session", {"End": "end"})
            if self._command is not None:
                gui.add_button("As a command").on_click(self._show_command)
            if len(tasks) > 1:
                chosen = gui.add_dropdown("Task", list(tasks), initial_value=self._title)
                self._on_input(chosen, lambda value: Request("task", {"name": value}))
        group = gui.add_tab_group()
        for name in _TABS:
            self._tabs[name] = group.add_tab(name)
        self._make_controls(config)
        with self._tabs["View"]:
            self._add_view()
        for key, kind in _KEYS.items() if steers else ():
            command = gui.add_command(kind.capitalize(), hotkey=key)  # type: ignore[arg-type]  # a literal of viser's
            command.on_trigger(self._asking(kind))

    def _buttons(self, label: str, kinds: Mapping[str, str]) -> None:
        def pressed(event: Any) -> None:  # noqa: ANN401 -- viser's own
            self._ask(Request(kinds[event.target.value], {}, _client(event)))

        self.server.gui.add_button_group(label, tuple(kinds)).on_click(pressed)

    def _show_command(self, event: Any) -> None:  # noqa: ANN401 -- viser's own
        """Show the browser that asked the command of the settings in force."""
        shown = self._source()
        if shown is None or self._command is None or event.client is None:
            return
        gui = event.client.gui
        with gui.add_modal("As a command") as modal:
            gui.add_html(command_markup(self._command(shown.config)))
            gui.add_button("Close").on_click(lambda _: modal.close())

    def _asking(self, kind: str) -> Callable[[Any], None]:
        def asked(event: Any) -> None:  # noqa: ANN401 -- viser's own
            self._ask(Request(kind, {}, _client(event)))

        return asked

    def _on_input(self, handle: Any, request: Callable[[Any], Request]) -> None:  # noqa: ANN401 -- viser's own
        """Ask for something when a person changes a control; what Python writes into it asks for nothing."""

        def changed(event: Any) -> None:  # noqa: ANN401 -- viser's own
            if event.client_id is not None:
                made = request(event.target.value)
                self._ask(Request(made.kind, made.facts, _client(event)))

        handle.on_update(changed)

    def _make_controls(self, config: Config) -> None:
        """Make the controls of a config, in place of those of before."""
        for _, handle in self.controls.values():
            handle.remove()
        self.controls = {}
        self._kinds = _shape_of(config)
        for control in controls_of(config):
            with self._tabs[control.tab]:
                handle = self._widget(control)
            self.controls[control.path] = (control, handle)
            if control.why_fixed:
                handle.disabled = True
                continue

            def request(value: Any, control: Control = control) -> Request:  # noqa: ANN401 -- a widget's value
                given = control.from_slider(value) if control.form == "slider" else value
                return Request("config", {"changes": {control.path: given}})

            self._on_input(handle, request)

    def _widget(self, control: Control) -> Any:  # noqa: ANN401 -- one of viser's
        gui, hint = self.server.gui, control.hint or None
        if control.form == "checkbox":
            return gui.add_checkbox(control.label, bool(control.value), hint=hint)
        if control.form == "choice":
            options = list(dict.fromkeys((str(control.value), *control.choices)))
            return gui.add_dropdown(
                control.label, options, initial_value=str(control.value), hint=hint
            )
        if control.form == "slider":
            low, high = (control.to_slider(v) for v in (control.low, control.high))
            kind = int if control.whole and not control.log else float
            return gui.add_slider(
                control.label,
                min=kind(low),
                max=kind(high),
                step=kind(step_of(control)),
                initial_value=kind(control.to_slider(float(control.value))),
                hint=hint,
            )
        if control.form == "number":
            return gui.add_number(control.label, control.value, hint=hint)
        return gui.add_text(control.label, str(control.value), hint=hint)

    def _add_view(self) -> None:
        gui = self.server.gui
        traces = gui.add_checkbox("Traces of plans", True)
        contacts = gui.add_checkbox("Contacts and their forces", False)
        frames = gui.add_checkbox("Frames of bodies", False)
        dark = gui.add_checkbox("Dark", False)

        def changed(event: Any) -> None:  # noqa: ANN401 -- viser's own
            if event.target is dark:
                self._theme(dark=dark.value)
            if self.scene is not None:
                self.scene.shows_traces, self.scene.shows_contacts = traces.value, contacts.value
                self.scene.show_frames(frames.value)

        for handle in (traces, contacts, frames, dark):
            handle.on_update(changed)
        for number in range(6):
            shown = gui.add_checkbox(f"Geoms of group {number}", number < 3)
            self._groups[number] = number < 3

            def toggled(event: Any, number: int = number) -> None:  # noqa: ANN401 -- viser's own
                self._groups[number] = event.target.value
                if self.scene is not None:
                    self.scene.show_groups(self._groups)

            shown.on_update(toggled)

    def _draw(self) -> None:
        last, ticks, due = None, 0, time.perf_counter()
        while True:
            # By the clock: what drawing takes is part of a period.
            due = max(due + _PERIOD, time.perf_counter())
            if self._ended.wait(max(due - time.perf_counter(), 0.0)):
                return
            shown = self._source()
            if shown is None:
                continue
            ticks += 1
            if shown is not last:
                self._draw_scene(shown)
                last = shown
                self.frames += 1
            if ticks % _SLOW == 0:
                self._status.content = status_of(shown)
                self._follow(shown.config)
                self._draw_plots(shown)

    def _draw_scene(self, shown: Shown) -> None:
        if self.scene is None or self.scene.model is not shown.model:
            if self.scene is not None:
                self.scene.remove()
            self.scene = LiveScene(self.server, shown.model)
            self.scene.show_groups(self._groups)
            self.scene.on_drag(self._dragged)
            for name, gizmo in self.scene.mocaps.items():
                self._on_gizmo(name, gizmo)
            look_at(self.server, shown)
        self.scene.draw(shown)

    def _on_gizmo(self, name: str, gizmo: Any) -> None:  # noqa: ANN401 -- viser's own
        def moved(event: Any) -> None:  # noqa: ANN401 -- viser's own
            pose = {"pos": _numbers(gizmo.position), "quat": _numbers(gizmo.wxyz)}
            self._ask(Request("mocap", {"body": name, **pose}, _client(event)))

        gizmo.on_update(moved)

    def _dragged(self, body: int, event: Any) -> None:  # noqa: ANN401 -- viser's own
        """Ask for the pull that follows the pointer, at the point that was grabbed."""
        shown = self._source()
        if event.phase == "end" or shown is None:
            self._ask(Request("pull", {}, _client(event)))
            return
        turn = _matrix(shown.turns[body])
        point = turn.T @ (np.array(event.start_position) - shown.places[body])
        facts = {
            "body": shown.model.body(body).name,
            "point": _numbers(point),
            "target": _numbers(event.end_position),
        }
        self._ask(Request("pull", facts, _client(event)))

    def _follow(self, config: Config) -> None:
        """Show the values that are in force: another browser may have changed them."""
        if _shape_of(config) != self._kinds:
            self._make_controls(config)
            return
        for control in controls_of(config):
            known, handle = self.controls[control.path]
            if control.value == known.value:
                continue
            if known.form == "slider" and not known.low <= control.value <= known.high:
                self._make_controls(config)  # with a range that holds it
                return
            self.controls[control.path] = (known.at(control.value), handle)
            shown = known.to_slider(control.value) if known.form == "slider" else control.value
            whole = known.whole and not known.log
            handle.value = int(shown) if known.form == "slider" and whole else shown

    def _draw_plots(self, shown: Shown) -> None:
        for name, (names, rows) in shown.rows.items():
            if len(rows) < 2:
                continue
            data = tuple(np.ascontiguousarray(column) for column in np.array(rows).T)
            known = self._plots.get(name)
            if known is None or known[0] != names:
                if known is not None:
                    known[1].remove()
                with self._tabs["Plots"]:
                    made = self.server.gui.add_uplot(data, series_of(names), title=name, height=180)
                self._plots[name] = (names, made)
            else:
                known[1].data = data


def look_at(server: viser.ViserServer, shown: Shown) -> None:
    """Put the camera of browsers that come where they see the model."""
    moving = shown.places[1:] if len(shown.places) > 1 else shown.places
    center = moving.mean(axis=0)
    reach = max(1.5 * float(np.ptp(moving, axis=0).max()), float(shown.model.stat.extent), 0.5)
    server.initial_camera.look_at = tuple(center)
    server.initial_camera.position = tuple(center + reach * np.array([0.25, -0.9, 0.45]))


def _shape_of(config: Config) -> str:
    """Return which parameters a config has: another component has others."""
    return ",".join(control.path for control in controls_of(config))


def _client(event: Any) -> int:  # noqa: ANN401 -- viser's own
    return -1 if event.client_id is None else int(event.client_id)


def _numbers(values: Any) -> list[float]:  # noqa: ANN401 -- an array or a tuple
    return [float(value) for value in values]


def _matrix(quaternion: np.ndarray) -> np.ndarray:
    """Return the rotation of a quaternion (w, x, y, z)."""
    w, x, y, z = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def _never_shared(verbose: bool = True) -> None:
    """Refuse to open a tunnel to another machine."""
    del verbose
