"""The page of a live loop: who gets in, what it shows, and what its controls ask for."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mujoco
import numpy as np
import pytest
import taskloom as tl
from taskloom.errors import UsageError
from taskloom.params.tree import walk
from taskloom.registry.discovery import tasks_of
from taskloom_control.live.fields import Control, _kinds, controls_of
from taskloom_control.live.opening import LivePage, RunPlayer, blank
from taskloom_control.live.page import Page
from taskloom_control.live.requests import Request
from taskloom_control.live.scene import surface
from taskloom_control.live.shown import Shown
from taskloom_control.report.film import film_steps, make_film
from waiting import until

viser = pytest.importorskip("viser")

NAMES = sorted(item.ref.name for item in tasks_of("control") if not item.ref.needs)


@pytest.mark.parametrize("name", NAMES)
def test_every_leaf_of_every_config_has_a_control(name: str) -> None:
    config = tl.open_task(f"control/{name}").config
    controls = {control.path: control for control in controls_of(config)}
    assert set(controls) == {parameter.path for parameter in walk(type(config), _kinds(config))}
    for control in controls.values():
        assert control.hint
        if control.form == "slider":
            assert control.low <= control.value <= control.high
            place = control.to_slider(float(control.value))
            assert control.from_slider(place) == pytest.approx(control.value, rel=1e-5, abs=1e-9)
    live = [control for control in controls.values() if not control.why_fixed]
    assert any(control.tab == "Optimizer" for control in live)
    assert all(controls[path].why_fixed for path in ("seed", "engine", "plant.latency"))


@pytest.fixture(scope="module")
def asked() -> list[Request]:
    """Requests of the page, in order."""
    return []


@pytest.fixture(scope="module")
def shown() -> Shown:
    """A state of a cylinder that is pushed."""
    task = tl.open_task("control/cylinder_push")
    model = task.task.model
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return blank(model, data, task.config)


@pytest.fixture(scope="module")
def page(asked: list[Request], shown: Shown) -> Iterator[Page]:
    """The page of that state."""
    made = Page(
        lambda: shown,
        asked.append,
        shown.config,
        title="cylinder_push",
        tasks=["cartpole", "cylinder_push"],
    )
    yield made
    made.close()


def answer(page: Page, path: str, **headers: str) -> http.client.HTTPResponse:
    port = page.server.get_port()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest("GET", path, skip_host=True)
    for name, value in {"Host": f"127.0.0.1:{port}", **headers}.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    found = connection.getresponse()
    found.read()
    connection.close()
    return found


def cookie_of(page: Page) -> str:
    found = answer(page, "/?" + page.address.partition("/?")[2])
    assert found.status == 303
    return str(found.headers["Set-Cookie"]).partition(";")[0]


def test_a_browser_without_the_token_gets_nothing(page: Page) -> None:
    port = page.server.get_port()
    assert page.server.get_host() == "127.0.0.1"
    assert answer(page, "/").status == 403
    assert answer(page, "/?token=wrong").status == 403
    assert answer(page, "/", Cookie=f"taskloom_view_{port}=wrong").status == 403
    cookie = cookie_of(page)
    found = answer(page, "/", Cookie=cookie)
    assert found.status == 200
    assert "connect-src 'self' data: blob:" in found.headers["Content-Security-Policy"]
    assert answer(page, "/", Cookie=cookie, Host=f"evil.example:{port}").status == 403
    assert answer(page, "/", Cookie=cookie, Origin="http://evil.example").status == 403


def test_a_socket_without_the_token_is_closed_and_two_with_it_share_the_session(page: Page) -> None:
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidStatus
    from websockets.typing import Subprotocol

    address = f"ws://127.0.0.1:{page.server.get_port()}"
    protocols = [Subprotocol(f"viser-v{viser.__version__}")]
    cookie = cookie_of(page)

    async def speak() -> list[int]:
        with pytest.raises(InvalidStatus, match="403"):
            await connect(address, subprotocols=protocols)
        with pytest.raises(InvalidStatus, match="403"):
            # A page of another site carries the cookie too where a browser lets it; only its origin tells it apart.
            await connect(address, subprotocols=protocols, additional_headers={"Cookie": cookie})
        joined: dict[str, Any] = {
            "subprotocols": protocols,
            "additional_headers": {"Cookie": cookie},
            "origin": address.replace("ws:", "http:"),
            "max_size": None,
        }
        async with connect(address, **joined) as a, connect(address, **joined) as b:
            return [len(await a.recv()), len(await b.recv())]

    assert min(asyncio.run(speak())) > 1000


def test_nothing_is_shared_with_another_machine(page: Page) -> None:
    assert page.server.request_share_url() is None


def press(handle: Any, value: object, client: int | None) -> None:  # noqa: ANN401 -- viser's own
    """Change a widget as a browser does, or as Python does."""
    with_value = SimpleNamespace(value=value)
    event = SimpleNamespace(client_id=client, client=None, target=with_value)
    for callback in handle._impl.update_cb:
        callback(event)


def test_a_slider_asks_for_its_value_and_what_python_writes_asks_for_nothing(
    page: Page, asked: list[Request]
) -> None:
    control, handle = page.controls["w_cart_position"]
    asked.clear()
    press(handle, 0.5, None)
    assert asked == []
    press(handle, 0.5, 3)
    assert asked == [Request("config", {"changes": {"w_cart_position": 0.5}}, 3)]
    assert isinstance(control, Control)
    assert page.controls["plant.latency"][1].disabled


def test_another_optimizer_has_other_controls(page: Page, shown: Shown) -> None:
    changed = tl.open_task("control/cylinder_push", {"optimizer": "cem"}).config
    assert "optimizer.temperature" in page.controls
    # Shown by the page's own thread, which no other may take the widgets from.
    before = page._source
    page._source = lambda: replace(shown, config=changed)
    until(lambda: {"optimizer.sigma_start", "w_cart_position"} <= page.controls.keys())
    assert "optimizer.temperature" not in page.controls
    assert page.controls["optimizer.sigma_start"][0].value == 0.5
    # A value that another browser changed is shown too.
    again = changed.model_copy(update={"w_cart_position": 0.75})
    page._source = lambda: replace(shown, config=again)
    until(lambda: page.controls["w_cart_position"][1].value == 0.75)
    page._source = before
    until(lambda: "optimizer.temperature" in page.controls)


def test_a_drag_pulls_the_point_that_was_grabbed(page: Page, asked: list[Request]) -> None:
    asked.clear()
    event = SimpleNamespace(
        phase="start", start_position=(0.1, 0.0, 0.0), end_position=(0.4, 0.2, 0.0), client_id=0
    )
    page._dragged(2, event)
    page._dragged(2, SimpleNamespace(phase="end", client_id=0))
    assert asked[0].facts["body"] == "cart"
    np.testing.assert_allclose(asked[0].facts["point"], [0.1, 0, 0], atol=1e-12)
    assert asked[1] == Request("pull", {}, 0)


@pytest.mark.parametrize("kind", ["sphere", "capsule", "cylinder", "box", "ellipsoid", "plane"])
def test_a_geom_is_drawn_in_its_own_size(kind: str) -> None:
    sizes = {"sphere": ".3", "box": ".1 .2 .3", "ellipsoid": ".1 .2 .3", "plane": "1 2 .1"}
    size = sizes.get(kind, ".1 .4")
    body = f'<geom type="{kind}" size="{size}"/>'
    model = mujoco.MjModel.from_xml_string(f"<mujoco><worldbody>{body}</worldbody></mujoco>")
    found = surface(model, 0)
    assert found is not None
    reach = np.abs(found[0]).max(axis=0)
    expected = model.geom_aabb[0, 3:] if kind != "plane" else np.array([1.0, 2.0, 0.0])
    np.testing.assert_allclose(reach, expected, atol=0.02)
    assert found[1].max() < len(found[0])


def test_a_loop_of_ones_own_has_the_page_too() -> None:
    task = tl.open_task("control/cartpole")
    with LivePage(task) as page:
        page.show(np.array([0.3, 3.0]), time=1.0)
        assert page._shown is not None
        assert not page.changed
        _, handle = page._page.controls["w_control"]
        press(handle, 0.7, 0)
        assert page.changed
        assert page.take().w_control == 0.7  # type: ignore[attr-defined]
        assert not page.changed
        page._take_request(Request("config", {"changes": {"w_control": -1.0}}))
        page.show(np.array([0.3, 3.0]))
        assert "w_control" in page._shown.said


@pytest.fixture(scope="module")
def trajectory() -> tuple[Any, dict[str, np.ndarray]]:
    """A recorded second of a cylinder that is pushed."""
    task = tl.open_task("control/cylinder_push", {"seconds": 1.0, "optimizer.num_rollouts": 4})
    from taskloom_control.closed_loop.replay import play_again

    return task, play_again(task, 50)  # type: ignore[arg-type]  # of control


def test_a_run_is_scrubbed(trajectory: tuple[Any, dict[str, np.ndarray]]) -> None:
    task, arrays = trajectory
    player = RunPlayer(task, arrays)
    later = player.at(30)
    assert later.time == pytest.approx(0.6)
    np.testing.assert_allclose(later.places[2, :2], arrays["qpos"][30, 2:4], atol=1e-12)
    assert set(later.rows) == {"controls", "cost"}


def test_pictures_are_those_of_their_moments() -> None:
    times = np.arange(51) * 0.02
    np.testing.assert_array_equal(film_steps(times, 25.0), np.arange(25) * 2)
    assert len(film_steps(times, 100.0)) == 100
    np.testing.assert_array_equal(film_steps(times[:1], 25.0), [0])


def test_a_film_has_as_many_pictures_as_it_says(
    trajectory: tuple[Any, dict[str, np.ndarray]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    iio = pytest.importorskip("imageio.v3")
    pytest.importorskip("av")
    monkeypatch.setenv("MUJOCO_GL", "off")
    task, arrays = trajectory
    said = make_film(task.task.model, arrays, tmp_path / "run.mp4", (161, 121), (25.0, 1.0))
    frames = iio.imread(tmp_path / "run.mp4", plugin="pyav")
    assert said == "25 pictures, drawn"
    assert frames.shape == (25, 120, 160, 3)
    assert frames.std() > 5
    with pytest.raises(UsageError, match=r"ends in \.mp4, \.gif, \.png"):
        make_film(task.task.model, arrays, tmp_path / "run.avi", (160, 120))


def test_the_command_ends_by_itself_and_says_where_the_run_is(tmp_path: Path) -> None:
    tasks = Path(sys.executable).with_name("tasks")
    words = ["cylinder_push", "--engine=serial", "--optimizer.num_rollouts=4", "--seconds=1"]
    done = subprocess.run(
        [tasks, "control", "watch", *words, "--headless-seconds=1", "--record.animation=no"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "TASKS_STORE": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert first.startswith("http://127.0.0.1:")
    assert "?token=" in first
    folder = Path(last.partition(": ")[2])
    record = json.loads((folder / "run.json").read_text())
    assert record["origin"] == {"kind": "watch"}
