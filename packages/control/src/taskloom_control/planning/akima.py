"""Akima's interpolation of uniformly spaced knots, for many curves at once.

H. Akima, "A new method of interpolation and smooth curve fitting based on local procedures", J. ACM 17 (1970). The slope at a
knot weighs the chords before and after it by how much the chords on the other side change. Unlike the other splines it is not
linear in the knots, so there is no matrix from knots to coefficients.
"""

from __future__ import annotations

import numpy as np


def akima_coefficients(knots: np.ndarray) -> np.ndarray:
    """Return the coefficients of the curves, shape (..., n, 4, nu), in powers of the position inside an interval.

    Args:
        knots: Values, shape (..., n, nu) with n >= 3.
    """
    chord = np.diff(knots, axis=-2)
    first, second = chord[..., :1, :], chord[..., 1:2, :]
    last, before = chord[..., -1:, :], chord[..., -2:-1, :]
    # Two chords beyond each end, continued linearly (section 2.3 of the paper).
    m = np.concatenate(
        [
            3 * first - 2 * second,
            2 * first - second,
            chord,
            2 * last - before,
            3 * last - 2 * before,
        ],
        axis=-2,
    )
    change = np.abs(np.diff(m, axis=-2))
    weight_left, weight_right = change[..., 2:, :], change[..., :-2, :]
    total = weight_left + weight_right
    # Where both weights vanish the curve has straight pieces on both sides: Akima takes the mean of the chords. The bound is
    # relative because rounding leaves differences of equal chords that are not quite zero.
    flat = total <= 1e-9 * np.max(total, axis=-2, keepdims=True, initial=0.0)
    safe = np.where(flat, 1.0, total)
    left, right = m[..., 1:-2, :], m[..., 2:-1, :]
    slope = np.where(flat, 0.5 * (left + right), (weight_left * left + weight_right * right) / safe)
    start, end = slope[..., :-1, :], slope[..., 1:, :]
    curve = np.zeros((*knots.shape[:-1], 4, knots.shape[-1]))
    curve[..., 0, :] = knots
    curve[..., :-1, 1, :] = start
    curve[..., :-1, 2, :] = 3 * chord - 2 * start - end
    curve[..., :-1, 3, :] = start + end - 2 * chord
    return curve
