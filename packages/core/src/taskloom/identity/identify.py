"""The identity of what is asked for now, and the differences of a recorded run from it.

now = identify(loaded, config, store=store)
run = ...                               # the newest run with the same `identity` or the same `config_id`
reasons = differences(run, now)         # empty: the run is the answer
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from taskloom.config import Config
from taskloom.identity.canonical import canonical, digest_of
from taskloom.identity.filecache import FileCache
from taskloom.identity.inputs import collect_inputs, input_forms
from taskloom.identity.leaves import absolute
from taskloom.identity.machine import GivenDevices
from taskloom.identity.mixture import mixed
from taskloom.identity.packages import recorded_only
from taskloom.identity.records import Input, Reason
from taskloom.identity.verify import changed_program
from taskloom.registry.entries import Given, LoadedTask
from taskloom.runs.layout import default_store
from taskloom.runs.record import RunRecord
from taskloom.runs.run import Run


@dataclass(frozen=True, slots=True)
class Identified:
    """A config with everything that it names outside of itself.

    Attributes:
        config_id: Digest of task, version and config as written: finds the same command again.
        identity: Digest of task, version and config with inputs by content: what a finished run is looked up by.
        inputs: The content of what the config names.
        cwd: The folder against which its relative paths count.
        config: The config with absolute paths, for building the task; records keep the config as written.
        store: The store in which digests of files are remembered.
        asked: Task, version and config as written: what the identity is of, but for the inputs.
        devices: The devices that it is given; None for those of the run that goes on.
        given: Place of the task's code, if it is not installed.
    """

    config_id: str
    identity: str
    inputs: tuple[Input, ...]
    cwd: Path
    config: Config
    store: Path
    asked: tuple[str, int, Config] | None = None
    devices: GivenDevices | None = None
    given: Given | None = None

    def identity_with(self, inputs: tuple[Input, ...]) -> str:
        """Return the identity that the same config has with other inputs, such as those that an earlier run began with."""
        return _identity_of(*self.asked, inputs) if self.asked else self.identity


def identify(
    loaded: LoadedTask,
    config: Config,
    *,
    cwd: Path | None = None,
    store: Path | None = None,
    by_time: bool = False,
    recorded: Iterable[Input] = (),
    devices: GivenDevices | None = None,
) -> Identified:
    """Return the identity of a config, with the content of every input as it is now.

    Args:
        loaded: The task.
        config: Its resolved config, as it was written.
        cwd: The folder against which relative paths count; the current one by default.
        store: The store in which runs are looked up and digests remembered.
        by_time: Take size and time of the files in a folder for their content.
        recorded: Inputs of the run that is continued: `@last` means the run that it meant then.
        devices: The devices that it is given; None for those of the run that goes on.

    Raises:
        UsageError: A field names a pipe, a device, a folder that is too large, or a run that has not finished.
        RunNotFoundError: A field names no run.
        PluginError: A field is of a type that has no identity.
        ConfigError: The settings of the store cannot be read.
    """
    here = Path.cwd() if cwd is None else cwd
    kept = default_store(store)
    recorded_only(kept)  # settings that cannot be read are refused before anything runs
    with FileCache(kept) as files:
        inputs = collect_inputs(config, here, kept, files, by_time=by_time, recorded=recorded)
    ref = loaded.entry.ref
    task = f"{loaded.entry.domain}/{ref.name}"
    runs = {item.field: item.path for item in inputs if item.kind == "run"}
    return Identified(
        config_id=config_id_of(task, ref.version, config),
        identity=_identity_of(task, ref.version, config, inputs),
        inputs=inputs,
        cwd=here,
        config=absolute(config, here, runs),
        store=kept,
        asked=(task, ref.version, config),
        devices=devices,
        given=loaded.given,
    )


def _identity_of(task: str, version: int, config: Config, inputs: tuple[Input, ...]) -> str:
    forms = canonical(config, input_forms(inputs, config))
    return digest_of({"task": task, "version": version, "config": forms})


def config_id_of(task: str, version: int, config: Config) -> str:
    """Return the digest of a task, its version and a config as it was written.

    Args:
        task: The task's name, `domain/task`.
        version: Its version.
        config: The config; its inputs count by their paths, and the values of its secrets do not.
    """
    form = canonical(config, as_written=True)
    return digest_of({"task": task, "version": version, "config": form})


def differences(run: Run, now: Identified, files: FileCache | None = None) -> list[Reason]:
    """Return in what a run's config, inputs, code and packages differ from those of now; empty if it is the answer.

    Args:
        run: A run of the same task, finished or not.
        now: What is asked for.
        files: The digests that are known; those of the store by default.
    """
    if files is None:
        with FileCache(now.store) as own:
            return differences(run, now, own)
    record = run.record
    if not record.config_id:
        told = "recorded by an older taskloom"
        pair = ("taskloom", record.identity, now.identity)
        return [Reason("config", f"{record.id} was {told}", told, (pair,))]
    found = list(_changed_config(record, now))
    if not record.reusable:
        told = record.code.get("reason") or "something changed while it was going"
        found.append(Reason("inputs", f"{told}: {record.id}", told))
    here = {item.path for item in now.inputs}
    paths = {path for path in changed_paths(record.inputs, found) if path in here}
    found += changed_program(run, now.store, files, now.cwd, now.devices, now.given, told=paths)
    if record.changes:
        present = {("inputs", item.field): item.sha256 for item in now.inputs}
        present |= {("config", "secret"): now.identity, ("config", "config"): now.config_id}
        found += mixed(record, found, present)
    return found


def _changed_config(record: RunRecord, now: Identified) -> Iterator[Reason]:
    if record.identity == now.identity:
        return
    changed = list(changed_inputs(record.inputs, now.inputs, record.id))
    yield from changed
    if record.config_id != now.config_id and not changed:
        about, pair = "the config differs", ("config", record.config_id, now.config_id)
        yield Reason("config", f"{about} from that of {record.id}", about, (pair,))
    elif not changed and now.identity_with(record.inputs) != record.identity:
        about, pair = "a secret differs", ("secret", record.identity, now.identity)
        yield Reason("config", f"{about} from that of {record.id}", about, (pair,))


def changed_inputs(before: Iterable[Input], now: Iterable[Input], run: str) -> Iterable[Reason]:
    """Yield a difference for each input whose content is not that of a run; files that the run wrote itself do not count."""
    old, new = _keyed(before), _keyed(now)
    # What the run wrote itself may lie there now, or not.
    own = {key for key, item in old.items() if item.written}
    old, new = ({k: v for k, v in part.items() if k not in own} for part in (old, new))
    for key, item in new.items():
        known = old.get(key)
        if known is None:
            yield _reason(item, f"{item.typed} is new", run, "", item.sha256)
        elif _name(known) != _name(item) or not known.is_same(item):
            yield _change(known, item, run)
    for key, item in old.items():
        if key not in new:
            yield _reason(item, f"{item.typed} is no input any more", run, item.sha256, "")


def changed_paths(inputs: Iterable[Input], reasons: Iterable[Reason]) -> set[str]:
    """Return the paths of the inputs that reasons tell of."""
    fields = {pair[0] for reason in reasons if reason.kind == "inputs" for pair in reason.pairs}
    return {item.path for item in inputs if item.field in fields}


def _change(known: Input, item: Input, run: str) -> Reason:
    before, now = known.sha256, item.sha256
    if known.kind == "absent":
        return _reason(item, f"{item.typed} exists now", run, before, now)
    if item.kind == "absent":
        return _reason(item, f"{item.typed} is gone", run, before, now)
    about = f"{known.typed} -> {item.typed}"
    if item.name == known.name or item.kind == "run":
        about = f"{item.typed} changed"
    digests = f"(sha {before[:4]} -> {now[:4]})"
    pair = (item.field, before, now)
    return Reason("inputs", f"{about} since {run} {digests}", f"{about} {digests}", (pair,))


def _reason(item: Input, about: str, run: str, before: str, now: str) -> Reason:
    return Reason("inputs", f"{about} since {run}", about, ((item.field, before, now),))


def _keyed(inputs: Iterable[Input]) -> dict[tuple[str, str], Input]:
    """Return inputs by their fields, however the paths were typed; a command names several in one, told apart by name."""
    found: dict[tuple[str, str], Input] = {}
    for item in inputs:
        key = (item.field, "") if (item.field, "") not in found else (item.field, item.name)
        found[key] = item
    return found


def _name(item: Input) -> str:
    """Return the name as far as it counts: that of a run says nothing of what it computed."""
    return "" if item.kind == "run" else item.name
