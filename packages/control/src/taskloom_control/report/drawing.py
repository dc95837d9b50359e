"""A drawn view of a MuJoCo scene: outlines of primitives, projected and filled from back to front. Needs no graphics driver."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import mujoco
import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from jaxtyping import Float

BACKGROUND = (250, 250, 252)
"""Colour behind the scene, here and where it is rendered."""
_CIRCLE = np.stack(
    [np.cos(np.linspace(0, 2 * np.pi, 17)[:-1]), np.sin(np.linspace(0, 2 * np.pi, 17)[:-1])], axis=1
)
_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=float)
_GEOM = mujoco.mjtGeom


@dataclass(frozen=True)
class Camera:
    """A parallel projection.

    Attributes:
        right: Direction of the picture's x axis in the world.
        up: Direction of the picture's upward axis in the world.
        center: Point in the middle of the picture.
        extent: Height of the picture [m].
    """

    right: Float[np.ndarray, " 3"]
    up: Float[np.ndarray, " 3"]
    center: Float[np.ndarray, " 3"]
    extent: float

    @property
    def depth(self) -> np.ndarray:
        """Direction towards the viewer."""
        return np.cross(self.right, self.up)


def choose_camera(points: Float[np.ndarray, "F B 3"], reach: float, aspect: float) -> Camera:
    """Look along the axis in which the scene hardly moves, or from above one corner if it moves in all three.

    Args:
        points: Positions of the bodies over time.
        reach: Half size of the largest body [m], drawn around the positions.
        aspect: Width of the picture over its height.
    """
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    size = high - low
    center = 0.5 * (low + high)
    still = size < 0.05 * max(float(size.max()), 1e-9)
    if still[1]:
        right, up = np.array([1.0, 0, 0]), np.array([0, 0, 1.0])
    elif still[2]:
        right, up = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    elif still[0]:
        right, up = np.array([0, 1.0, 0]), np.array([0, 0, 1.0])
    else:
        right = np.array([0.8, 0.6, 0.0])
        forward = np.array([-0.5, 0.66, -0.55]) / np.linalg.norm([-0.5, 0.66, -0.55])
        right = right - forward * (right @ forward)
        right /= np.linalg.norm(right)
        up = np.cross(right, forward)
    wide = float(np.abs(right) @ size) + 2.4 * reach
    tall = float(np.abs(up) @ size) + 2.4 * reach
    return Camera(right, up, center, max(tall, wide / aspect))


def outline(
    kind: int, size: np.ndarray, place: np.ndarray, turn: np.ndarray, camera: Camera
) -> np.ndarray:
    """Return points in the world whose projections span the silhouette of a primitive; none for what is not drawn."""
    ring = _CIRCLE[:, :1] * camera.right + _CIRCLE[:, 1:] * camera.up
    if kind == int(_GEOM.mjGEOM_SPHERE):
        return np.asarray(place + size[0] * ring)
    if kind == int(_GEOM.mjGEOM_CAPSULE):
        axis = turn[:, 2] * size[1]
        return np.concatenate([place + axis + size[0] * ring, place - axis + size[0] * ring])
    if kind == int(_GEOM.mjGEOM_CYLINDER):
        disc = size[0] * (_CIRCLE @ turn[:, :2].T)
        axis = turn[:, 2] * size[1]
        return np.concatenate([place + axis + disc, place - axis + disc])
    if kind == int(_GEOM.mjGEOM_BOX):
        return np.asarray(place + (_CORNERS * size) @ turn.T)
    if kind == int(_GEOM.mjGEOM_ELLIPSOID):
        # The silhouette point in direction d lies at A A^T d / |A^T d| with A = turn * size.
        scaled = turn * size
        ahead = ring @ scaled
        return np.asarray(place + (ahead / np.linalg.norm(ahead, axis=1, keepdims=True)) @ scaled.T)
    return np.zeros((0, 3))


def solid(
    model: mujoco.MjModel, geom: int, place: np.ndarray, turn: np.ndarray
) -> Float[np.ndarray, "n 3"]:
    """Return points in the world that span a geom that is no primitive: its convex hull, or without one its box.

    Args:
        model: The model.
        geom: Index of the geom.
        place: Its position.
        turn: Its rotation, shape (3, 3).
    """
    mesh = int(model.geom_dataid[geom])
    kind = int(model.geom_type[geom])
    if kind == int(_GEOM.mjGEOM_MESH) and mesh >= 0 and int(model.mesh_graphadr[mesh]) >= 0:
        # The graph begins with its numbers of vertices and faces; the vertices' ids come after their edges' addresses.
        graph = model.mesh_graph[int(model.mesh_graphadr[mesh]) :]
        count, first = int(graph[0]), int(model.mesh_vertadr[mesh])
        local = model.mesh_vert[first + graph[2 + count : 2 + 2 * count]]
        return np.asarray(place + local @ turn.T)
    if kind in (int(_GEOM.mjGEOM_MESH), int(_GEOM.mjGEOM_HFIELD), int(_GEOM.mjGEOM_SDF)):
        center, half = model.geom_aabb[geom, :3], model.geom_aabb[geom, 3:]
        return np.asarray(place + (center + _CORNERS * half) @ turn.T)
    return np.zeros((0, 3))


def convex_hull(points: Float[np.ndarray, "n 2"]) -> list[tuple[float, float]]:
    """Return the corners of the convex hull in order (A. Andrew, "Another efficient algorithm for convex hulls", 1979)."""
    ordered = sorted({(float(x), float(y)) for x, y in points})
    if len(ordered) < 3:
        return ordered

    def half(sequence: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
        chain: list[tuple[float, float]] = []
        for x, y in sequence:
            while len(chain) >= 2:
                (ax, ay), (bx, by) = chain[-2], chain[-1]
                if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                    break
                chain.pop()
            chain.append((x, y))
        return chain[:-1]

    return half(ordered) + half(reversed(ordered))


def draw_scene(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    camera: Camera,
    size: tuple[int, int],
    title: str = "",
) -> Image.Image:
    """Draw a state.

    Args:
        model: The model.
        data: A state with up-to-date geometry.
        camera: Where to look from.
        size: Width and height [px].
        title: Written into a corner.
    """
    picture = Image.new("RGB", size, BACKGROUND)
    pen = ImageDraw.Draw(picture)
    scale = size[1] / camera.extent
    depths = data.geom_xpos @ camera.depth
    for geom in np.argsort(depths, kind="stable"):
        colour = model.geom_rgba[geom]
        if colour[3] == 0:
            continue
        turn = data.geom_xmat[geom].reshape(3, 3)
        kind = int(model.geom_type[geom])
        points = outline(kind, model.geom_size[geom], data.geom_xpos[geom], turn, camera)
        if not len(points):
            points = solid(model, int(geom), data.geom_xpos[geom], turn)
        if not len(points):
            continue
        flat = np.stack(
            [(points - camera.center) @ camera.right, (points - camera.center) @ camera.up], 1
        )
        corners = convex_hull(flat * (scale, -scale) + (size[0] / 2, size[1] / 2))
        if len(corners) >= 3:
            # Blended by hand: the picture has no transparency.
            blend = colour[3] * 255 * colour[:3] + (1 - colour[3]) * np.array(BACKGROUND)
            fill = tuple(int(c) for c in blend)
            pen.polygon(corners, fill=fill, outline=tuple(int(0.7 * c) for c in fill))
    if title:
        pen.text((6, 4), title, fill=(60, 60, 60))
    return picture
