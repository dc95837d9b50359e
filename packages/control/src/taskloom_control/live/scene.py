"""A model in a browser: a frame for each body, a mesh for each geom, traces of plans, contacts and forces."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

if TYPE_CHECKING:
    import viser
    from jaxtyping import Float

    from taskloom_control.live.shown import Shown

_GEOM = mujoco.mjtGeom
_VISIBLE_GROUPS = (0, 1, 2)
_NUM_GROUPS = 6
_PLANE = 10.0
# Forces are drawn as long as this for one newton, at most that long [m].
_PER_NEWTON, _LONGEST = 0.01, 0.5
_BEST, _OTHER = (20, 110, 230), (150, 170, 200)


class LiveScene:
    """The bodies of a model, moved as a whole.

    Args:
        server: The server.
        model: The simulated model.

    Attributes:
        bodies: A frame for each body.
        geoms: Index and mesh of each geom that has a surface.
        mocaps: The gizmo of each mocap body, by its name.
        shows_traces: Whether traces of plans are drawn; likewise `shows_contacts`.
    """

    def __init__(self, server: viser.ViserServer, model: mujoco.MjModel) -> None:
        self._server, self.model = server, model
        self.shows_traces, self.shows_contacts = True, False
        self.bodies: list[Any] = []
        self.geoms: list[tuple[int, Any]] = []
        self._extra: dict[str, Any] = {}
        self.mocaps: dict[str, Any] = {}
        server.scene.set_up_direction("+z")
        for body in range(model.nbody):
            self.bodies.append(server.scene.add_frame(f"/model/{body}", show_axes=False))
        for geom in range(model.ngeom):
            self._add_geom(geom)
        for index in range(model.nbody):
            if model.body_mocapid[index] >= 0:
                self._add_gizmo(index)
        self.show_groups(dict.fromkeys(_VISIBLE_GROUPS, True))

    @property
    def groups(self) -> list[int]:
        """The groups that some geom is in."""
        return sorted({int(group) for group in self.model.geom_group})

    def show_groups(self, shown: dict[int, bool]) -> None:
        """Show the geoms of some groups and hide the others."""
        for geom, handle in self.geoms:
            handle.visible = shown.get(int(self.model.geom_group[geom]), False)

    def show_frames(self, on: bool) -> None:
        """Show the axes of every body, or hide them."""
        for frame in self.bodies[1:]:
            frame.show_axes = on

    def draw(self, shown: Shown) -> None:
        """Move everything to a state."""
        with self._server.atomic():
            for frame, place, turn in zip(self.bodies, shown.places, shown.turns, strict=True):
                frame.position, frame.wxyz = place, turn
            self._draw_traces(shown.traces if self.shows_traces else [])
            self._draw_contacts(shown)

    def on_drag(self, told: Callable[[int, Any], None]) -> None:
        """Tell of each drag of a body that can move: its index, and viser's event."""
        model = self.model
        for geom, handle in self.geoms:
            body = int(model.geom_bodyid[geom])
            if not model.body_weldid[body] or not hasattr(handle, "on_drag"):
                continue

            async def dragged(event: Any, body: int = body) -> None:  # noqa: ANN401 -- viser's own
                told(body, event)

            handle.on_drag(dragged)

    def remove(self) -> None:
        """Take everything out of the browser."""
        for handle in (*self._extra.values(), *self.mocaps.values(), *self.bodies):
            handle.remove()

    def _add_geom(self, geom: int) -> None:
        model = self.model
        colour = model.geom_rgba[geom]
        material = int(model.geom_matid[geom])
        if material >= 0 and np.array_equal(colour, (0.5, 0.5, 0.5, 1.0)):
            colour = model.mat_rgba[material]
        mesh = surface(model, geom)
        if mesh is None or colour[3] == 0:
            return
        handle = self._server.scene.add_mesh_simple(
            f"/model/{int(model.geom_bodyid[geom])}/geom{geom}",
            mesh[0],
            mesh[1],
            color=np.array(colour[:3]),
            opacity=None if colour[3] >= 1 else float(colour[3]),
            flat_shading=int(model.geom_type[geom]) == int(_GEOM.mjGEOM_BOX),
            side="double",
            position=model.geom_pos[geom],
            wxyz=model.geom_quat[geom],
        )
        self.geoms.append((geom, handle))

    def _add_gizmo(self, body: int) -> None:
        name = self.model.body(body).name
        scale = max(0.1, 0.15 * float(self.model.stat.extent))
        self.mocaps[name] = self._server.scene.add_transform_controls(
            f"/mocap/{name}",
            scale=scale,
            position=self.model.body_pos[body],
            wxyz=self.model.body_quat[body],
        )

    def _draw_traces(self, traces: list[np.ndarray]) -> None:
        segments, colours = [np.zeros((0, 2, 3))], [np.zeros((0, 2, 3), dtype=np.uint8)]
        for points in traces:
            for rank, line in enumerate(points):
                pairs = np.stack([line[:-1], line[1:]], axis=1)
                segments.append(pairs)
                colour = _BEST if rank == 0 else _OTHER
                colours.append(np.broadcast_to(np.array(colour, np.uint8), pairs.shape))
        self._lines("traces", np.concatenate(segments), np.concatenate(colours), 2.0)

    def _draw_contacts(self, shown: Shown) -> None:
        places, forces = shown.contacts
        if not self.shows_contacts:
            places, forces = np.zeros((0, 3)), np.zeros((0, 3))
        length = np.linalg.norm(forces, axis=1, keepdims=True)
        drawn = forces * np.minimum(_PER_NEWTON, _LONGEST / np.maximum(length, 1e-9))
        segments = np.stack([places, places + drawn], axis=1)
        colours = np.broadcast_to(np.array((220, 40, 40), np.uint8), segments.shape)
        self._lines("contacts", segments, colours, 4.0)

    def _lines(
        self, name: str, points: Float[np.ndarray, "n 2 3"], colours: np.ndarray, width: float
    ) -> None:
        """Draw line segments in place of those of before."""
        before = self._extra.get(name)
        if not len(points):
            if before is not None:
                before.visible = False
            return
        points = points.astype(np.float32)
        if before is not None and before.points.shape == points.shape:
            before.points, before.colors, before.visible = points, np.array(colours), True
            return
        self._extra[name] = self._server.scene.add_line_segments(
            f"/{name}",
            points=points,
            colors=np.array(colours),
            thickness=width,
            thickness_units="screen",
        )


def surface(model: mujoco.MjModel, geom: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Return vertices and triangles of a geom in its own axes; None for what has no surface."""
    import trimesh  # heavy: comes with viser

    kind, size = int(model.geom_type[geom]), model.geom_size[geom]
    made: Any = None
    if kind == int(_GEOM.mjGEOM_PLANE):
        half = [s if s > 0 else _PLANE for s in size[:2]]
        made = trimesh.creation.box(extents=(2 * half[0], 2 * half[1], 0.002))
        made.apply_translation((0, 0, -0.001))
    elif kind == int(_GEOM.mjGEOM_SPHERE):
        made = trimesh.creation.icosphere(subdivisions=3, radius=size[0])
    elif kind == int(_GEOM.mjGEOM_ELLIPSOID):
        made = trimesh.creation.icosphere(subdivisions=3, radius=1.0)
        made.apply_scale(size)
    elif kind == int(_GEOM.mjGEOM_CAPSULE):
        made = trimesh.creation.capsule(height=2 * size[1], radius=size[0], count=(16, 24))
        made.apply_translation((0, 0, -made.bounds.mean(axis=0)[2]))
    elif kind == int(_GEOM.mjGEOM_CYLINDER):
        made = trimesh.creation.cylinder(radius=size[0], height=2 * size[1], sections=32)
    elif kind == int(_GEOM.mjGEOM_BOX):
        made = trimesh.creation.box(extents=2 * size)
    elif kind == int(_GEOM.mjGEOM_HFIELD):
        return _height_field(model, int(model.geom_dataid[geom]))
    elif kind in (int(_GEOM.mjGEOM_MESH), int(_GEOM.mjGEOM_SDF)):
        mesh = int(model.geom_dataid[geom])
        if mesh < 0:
            return None
        first, count = int(model.mesh_vertadr[mesh]), int(model.mesh_vertnum[mesh])
        start, faces = int(model.mesh_faceadr[mesh]), int(model.mesh_facenum[mesh])
        return (
            np.array(model.mesh_vert[first : first + count], dtype=np.float32),
            np.array(model.mesh_face[start : start + faces], dtype=np.uint32),
        )
    if made is None:
        return None
    return np.array(made.vertices, dtype=np.float32), np.array(made.faces, dtype=np.uint32)


def _height_field(model: mujoco.MjModel, field: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the upper surface of a height field."""
    rows, columns = int(model.hfield_nrow[field]), int(model.hfield_ncol[field])
    first = int(model.hfield_adr[field])
    x, y, z, _ = model.hfield_size[field]
    heights = z * np.array(model.hfield_data[first : first + rows * columns])
    across, along = np.meshgrid(np.linspace(-x, x, columns), np.linspace(-y, y, rows))
    vertices = np.stack([across.ravel(), along.ravel(), heights], axis=1)
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    faces = np.concatenate(
        [
            np.stack([corner, corner + 1, corner + columns], axis=1),
            np.stack([corner + 1, corner + columns + 1, corner + columns], axis=1),
        ]
    )
    return vertices.astype(np.float32), faces.astype(np.uint32)
