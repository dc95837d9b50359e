"""Importing this registers the tasks' ids: `gymnasium.make("taskloom_hci.gym:hci/Pointing-v0")`.

gymnasium 1.0 stopped reading the entry-point group `gymnasium.envs` by itself; the group is still declared for those who
read it, and its function is the one below.
"""

from __future__ import annotations

from taskloom_hci.exports.register import env_ids, register

register()

__all__ = ["env_ids", "register"]
