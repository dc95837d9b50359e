"""Keys by which the elements of two models are one another's counterpart: the name, or what tells an unnamed one apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable

import mujoco

Key = tuple[Hashable, ...]

_OBJECTS = {
    "body": mujoco.mjtObj.mjOBJ_BODY,
    "joint": mujoco.mjtObj.mjOBJ_JOINT,
    "actuator": mujoco.mjtObj.mjOBJ_ACTUATOR,
    "sensor": mujoco.mjtObj.mjOBJ_SENSOR,
    "equality": mujoco.mjtObj.mjOBJ_EQUALITY,
    "tendon": mujoco.mjtObj.mjOBJ_TENDON,
    "site": mujoco.mjtObj.mjOBJ_SITE,
}
# The kind of object that an actuator's transmission names; what is not listed drives a joint.
_TARGETS = {
    int(mujoco.mjtTrn.mjTRN_TENDON): "tendon",
    int(mujoco.mjtTrn.mjTRN_SITE): "site",
    int(mujoco.mjtTrn.mjTRN_BODY): "body",
}


def name_of(model: mujoco.MjModel, kind: str, index: int) -> str:
    """Return the name of an element, empty if it has none."""
    return mujoco.mj_id2name(model, _OBJECTS[kind], index) or "" if index >= 0 else ""


def numbered(keys: Iterable[Key]) -> list[Key]:
    """Return keys that end in how many equal ones came before: what tells unnamed elements of one place apart."""
    seen: Counter[Key] = Counter()
    found = []
    for key in keys:
        found.append((*key, seen[key]))
        seen[key] += 1
    return found


def joint_keys(model: mujoco.MjModel) -> list[Key]:
    """Return the keys of all joints: the name; unnamed: the body's name, the number within the body, and the type."""
    keys: list[Key] = []
    for j in range(model.njnt):
        name, body = name_of(model, "joint", j), int(model.jnt_bodyid[j])
        number = j - int(model.body_jntadr[body])
        unnamed = ("", name_of(model, "body", body), number, int(model.jnt_type[j]))
        keys.append((name,) if name else unnamed)
    return keys


def actuator_keys(model: mujoco.MjModel) -> list[Key]:
    """Return the keys of all actuators: the name; unnamed: the transmission, its target, and the number among those."""
    joints = joint_keys(model)
    found: list[Key] = []
    places: list[Key] = []
    for i in range(model.nu):
        kind, target = int(model.actuator_trntype[i]), int(model.actuator_trnid[i, 0])
        object_kind = _TARGETS.get(kind)
        place = joints[target] if object_kind is None else (name_of(model, object_kind, target),)
        places.append(("", kind, place))
    for i, place in enumerate(numbered(places)):
        name = name_of(model, "actuator", i)
        found.append((name,) if name else place)
    return found


def equality_keys(model: mujoco.MjModel) -> list[Key]:
    """Return the keys of all equalities: the name; unnamed: the type, the names of both objects, and the number."""
    joints = joint_keys(model)
    places: list[Key] = []
    for i in range(model.neq):
        kind = int(model.eq_type[i])
        ids = int(model.eq_obj1id[i]), int(model.eq_obj2id[i])
        if kind == int(mujoco.mjtEq.mjEQ_JOINT):
            ends: Key = tuple(joints[j] if j >= 0 else () for j in ids)
        else:
            tendon = kind == int(mujoco.mjtEq.mjEQ_TENDON)
            object_kind = "tendon" if tendon else _kind_of(int(model.eq_objtype[i]))
            ends = tuple(name_of(model, object_kind, j) for j in ids)
        places.append(("", kind, *ends))
    return [
        (name,) if (name := name_of(model, "equality", i)) else place
        for i, place in enumerate(numbered(places))
    ]


def _kind_of(object_type: int) -> str:
    return "site" if object_type == int(mujoco.mjtObj.mjOBJ_SITE) else "body"


def sensor_keys(model: mujoco.MjModel) -> list[Key]:
    """Return the keys of all sensors: the name; unnamed: the type, what it looks at and from where, and the number."""
    places: list[Key] = [
        (
            "",
            int(model.sensor_type[i]),
            _object_name(model, int(model.sensor_objtype[i]), int(model.sensor_objid[i])),
            _object_name(model, int(model.sensor_reftype[i]), int(model.sensor_refid[i])),
        )
        for i in range(model.nsensor)
    ]
    return [
        (name,) if (name := name_of(model, "sensor", i)) else place
        for i, place in enumerate(numbered(places))
    ]


def _object_name(model: mujoco.MjModel, object_type: int, index: int) -> Key:
    """Return the type and the name of what a sensor refers to."""
    if index < 0 or object_type == int(mujoco.mjtObj.mjOBJ_UNKNOWN):
        return (object_type,)
    return (object_type, mujoco.mj_id2name(model, object_type, index) or "")


def mocap_keys(model: mujoco.MjModel) -> list[Key]:
    """Return the keys of all mocap bodies, in the order of their poses: the body's name."""
    bodies = sorted(
        (int(model.body_mocapid[b]), b) for b in range(model.nbody) if model.body_mocapid[b] >= 0
    )
    return [(name_of(model, "body", b),) for _, b in bodies]


def body_keys(model: mujoco.MjModel) -> list[Key]:
    """Return the keys of all bodies: the name; unnamed: the parent's key and the number among its unnamed children."""
    keys: list[Key] = [("world",)]
    seen: Counter[Key] = Counter()
    for b in range(1, model.nbody):
        name, parent = name_of(model, "body", b), keys[int(model.body_parentid[b])]
        keys.append((name,) if name else ("", parent, seen[parent]))
        seen[parent] += not name
    return keys


def words(key: Key, kind: str) -> str:
    """Return an element in words: `joint 'x'`, or where an unnamed one is."""
    if key and key[0]:
        return f"{kind} '{key[0]}'"
    return f"unnamed {kind} {key[1:]}"
