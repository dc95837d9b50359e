"""The server of a study: good words are played once, bad ones are refused, and strangers get none."""

# ruff: noqa: ANN401 -- messages are JSON

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from study_people import HELLO, STUDY, Person, Serving, meet, study_of
from taskloom_hci.recordings.blocks import session_files
from taskloom_hci.recordings.journal import read_lines


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("serving")
    served = Serving(folder / "run", study_of(folder).model_copy(update={"links": 3}))
    yield served
    served.stop()


def test_an_action_is_played_once_however_often_it_is_sent(serving: Serving) -> None:
    async def talk(person: Person) -> None:
        await person.arrive()
        await person.until_game()
        first = person.seq
        await person.act(1)
        effect = await person.hear("effect")
        for _ in range(3):
            person.seq = first
            await person.act(-1)
            assert await person.hear("effect") == effect
        person.seq = first + 5
        await person.act(1)
        assert (await person.hear("error"))["code"] == "gap"
        assert (await person.hear("state"))["seq"] == first + 1

    person = Person(None)

    async def noted(one: Person) -> None:
        await talk(one)
        person.session = one.session

    meet(serving, noted)
    kinds = Counter(event.kind for event in serving.events(person.session))
    assert (kinds["action"], kinds["duplicate"], kinds["refused"]) == (1, 3, 1)


GARBAGE = [
    "",
    "\x00",
    "{",
    "[]",
    "null",
    "[" * 3000,
    '{"type": "action"}',
    '{"type": "action", "seq": -1, "value": 1, "device": "key", "client_t": 1, "client_shown": 1}',
    '{"type": "action", "seq": 99, "value": 1, "device": "nose", "client_t": 1, "client_shown": 1}',
    '{"type": "action", "seq": 1e400, "value": 1, "device": "key", "client_t": NaN, "client_shown": 1}',
    '{"type": "ping", "t": 1, "more": 1}',
    '{"type": "answer", "seq": 0, "page": "consent", "values": {"agree": "yes"}}',
    '{"type": "answer", "seq": 0, "page": "elsewhere", "values": {}}',
    '{"type": "ping", "t": "' + "x" * 5000 + '"}',
    b"bytes",
    b"\xff\xfe",
]


def test_garbage_is_refused_by_name_and_the_visit_goes_on(serving: Serving) -> None:
    async def talk(person: Person) -> None:
        await person.arrive()
        page = await person.hear("page")
        for word in GARBAGE:
            await person.socket.send(word)
            assert (await person.hear("error"))["code"] in ("schema", "illegal")
        await person.answer(page, agree=True)
        assert (await person.hear("page"))["id"] == "instructions-0"

    meet(serving, talk)


@pytest.mark.parametrize("value", [2, -2, 0.5, True, None, "1", [1], {}, 10**14])
def test_a_move_that_is_none_leaves_the_game_as_it_was(serving: Serving, value: Any) -> None:
    async def talk(person: Person) -> None:
        await person.arrive()
        before = await person.until_game()
        await person.act(value)
        assert (await person.hear("error"))["code"] == "illegal"
        await person.act(0)
        assert (await person.hear("effect"))["seq"] == before["seq"]

    meet(serving, talk)


def test_a_flood_is_cut_off_and_others_are_served(serving: Serving) -> None:
    from websockets.exceptions import ConnectionClosed

    async def flood(person: Person) -> int:
        await person.arrive()
        try:
            for _ in range(5000):
                await person.say(type="ping", t=1)
            await person.hear("never")
        except ConnectionClosed as closed:
            return int(closed.rcvd.code) if closed.rcvd else 0
        return 0

    assert meet(serving, flood) == 4008
    assert meet(serving, Person.arrive)["type"] == "welcome"


def test_a_person_without_the_key_gets_no_word(serving: Serving) -> None:
    from websockets.exceptions import InvalidStatus

    for how in (
        {"cookie": ""},
        {"cookie": f"taskloom_study_{serving.port}=wrong"},
        {"origin": "http://elsewhere.example"},
        {"cookie": serving.cookie("desk")},
    ):
        with pytest.raises(InvalidStatus) as refused:
            meet(serving, Person.arrive, **how)
        assert refused.value.response.status_code == 403


def test_the_first_word_is_hello_and_comes_soon(serving: Serving) -> None:
    from websockets.exceptions import ConnectionClosed

    async def talk(person: Person) -> None:
        await person.say(type="ping", t=1)
        with pytest.raises(ConnectionClosed) as closed:
            await person.hear("never")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4001

    meet(serving, talk)


def test_the_newer_of_two_windows_wins(serving: Serving) -> None:
    from websockets.exceptions import ConnectionClosed

    async def talk(first: Person) -> None:
        await first.arrive()
        second = Person(await serving.connect())
        assert (await second.arrive(session=first.session))["session"] == first.session
        with pytest.raises(ConnectionClosed) as closed:
            await first.hear("never")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4002
        await second.socket.close()

    meet(serving, talk)


def test_a_link_is_for_one_visit_and_a_person_takes_part_once(serving: Serving) -> None:
    async def session(person: Person) -> str:
        return str((await person.arrive())["session"])

    cookie = serving.cookie("link-2")
    assert meet(serving, session, cookie=cookie) == meet(serving, session, cookie=cookie)

    async def named(person: Person) -> dict[str, Any]:
        return await person.arrive(ids={"PROLIFIC_PID": "5f3", "STUDY_ID": "x"})

    assert meet(serving, named)["type"] == "welcome"
    assert meet(serving, named)["code"] == "closed"
    opened = [read_lines(path)[0][0].data for path in session_files(serving.ctx.dir)]
    assert any(one["person"] == "5f3" and one["ids"]["STUDY_ID"] == "x" for one in opened)


def test_a_person_who_does_not_agree_or_is_not_eligible_is_sent_away_with_the_code(
    tmp_path: Path,
) -> None:
    text = STUDY.replace("[consent]", 'completion = {{screened = "NO1"}}\n[consent]')
    config = study_of(tmp_path, text + "[eligibility]\nage = 18\nwidth = 600\n")
    served = Serving(tmp_path / "run", config)

    async def refuses(person: Person) -> dict[str, Any]:
        await person.arrive()
        page = await person.hear("page")
        assert page["id"] == "eligibility"
        await person.answer(page, age=40)
        await person.answer(await person.hear("page"), agree=False)
        return await person.hear("page")

    async def young(person: Person) -> dict[str, Any]:
        await person.arrive()
        await person.answer(await person.hear("page"), age=17)
        return await person.hear("page")

    async def narrow(person: Person) -> dict[str, Any]:
        await person.say(**{**HELLO, "size": [320, 800]})
        return await person.hear("page")

    for talk in (refuses, young, narrow):
        assert "NO1" in meet(served, talk)["html"]
    served.stop()
    reasons = [read_lines(path)[0][-1].data["reason"] for path in session_files(served.ctx.dir)]
    assert reasons == ["screened"] * 3
