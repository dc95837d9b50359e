"""Names of the suites' tasks, for the manifest: a static table, so that a listing imports no suite."""

from __future__ import annotations

from taskloom.registry.refs import TaskRef

_PLACE = "taskloom_control.suites"
_DM = ("dm_control", "dm_env", "labmaze", "lxml", "tree")

_DM_TASKS = (
    ("acrobot.swingup", "Swing up two links.", "dm_arms:DmAcrobotSwingup"),
    ("acrobot.swingup_sparse", "Swing up two links.", "dm_arms:DmAcrobotSwingupSparse"),
    ("ball_in_cup.catch", "Swing a ball into a cup.", "dm_arms:DmBallInCupCatch"),
    ("cartpole.balance", "Balance a pole.", "dm_arms:DmCartpoleBalance"),
    ("cartpole.balance_sparse", "Balance a pole.", "dm_arms:DmCartpoleBalanceSparse"),
    ("cartpole.swingup", "Swing up a pole.", "dm_arms:DmCartpoleSwingup"),
    ("cartpole.swingup_sparse", "Swing up a pole.", "dm_arms:DmCartpoleSwingupSparse"),
    ("cheetah.run", "Run at up to 10 m/s.", "dm_gallop:DmCheetahGallop"),
    ("finger.spin", "Spin a body.", "dm_settings:DmFingerFlicks"),
    ("finger.turn_easy", "Turn a body onto a target.", "dm_bodies:DmFingerTurnEasy"),
    ("finger.turn_hard", "Turn a body onto a target.", "dm_bodies:DmFingerTurnHard"),
    ("fish.swim", "Swim to a target.", "dm_bodies:DmFishSwim"),
    ("fish.upright", "Turn upright in water.", "dm_bodies:DmFishUpright"),
    ("hopper.hop", "Hop at 2 m/s.", "dm_bodies:DmHopperHop"),
    ("hopper.stand", "Stand on one leg.", "dm_bodies:DmHopperStand"),
    ("humanoid.run", "Run at 10 m/s.", "dm_bodies:DmHumanoidRun"),
    ("humanoid.stand", "Stand up and stay.", "dm_bodies:DmHumanoidStand"),
    ("humanoid.walk", "Walk at 1 m/s.", "dm_bodies:DmHumanoidWalk"),
    ("pendulum.swingup", "Swing up a pendulum.", "dm_arms:DmPendulumSwingup"),
    ("point_mass.easy", "Move a mass to the middle.", "dm_settings:DmPointMassStraight"),
    ("point_mass.hard", "Move a mass by unknown motors.", "dm_settings:DmPointMassTurned"),
    ("reacher.easy", "Reach for a target of 5 cm.", "dm_arms:DmReacherEasy"),
    ("reacher.hard", "Reach for a target of 1.5 cm.", "dm_arms:DmReacherHard"),
    ("walker.run", "Run at 8 m/s.", "dm_bodies:DmWalkerRun"),
    ("walker.stand", "Stand up.", "dm_bodies:DmWalkerStand"),
    ("walker.walk", "Walk at 1 m/s.", "dm_bodies:DmWalkerWalk"),
)

_GYM_TASKS = (
    ("Ant-v5", "Run on four legs.", "gym_tasks:GymAnt"),
    ("HalfCheetah-v5", "Run.", "gym_tasks:GymHalfCheetah"),
    ("Hopper-v5", "Hop on one leg.", "gym_tasks:GymHopper"),
    ("Humanoid-v5", "Run on two legs.", "gym_tasks:GymHumanoid"),
    ("HumanoidStandup-v5", "Stand up from lying.", "gym_tasks:GymHumanoidStandup"),
    ("InvertedDoublePendulum-v5", "Balance two poles in a row.", "gym_tasks:GymTwoPoles"),
    ("InvertedPendulum-v5", "Balance a pole.", "gym_tasks:GymPole"),
    ("Pusher-v5", "Push a cylinder to a place.", "gym_tasks:GymPusher"),
    ("Reacher-v5", "Reach for a target with two links.", "gym_tasks:GymReacher"),
    ("Swimmer-v5", "Swim.", "gym_tasks:GymSwimmer"),
    ("Walker2d-v5", "Walk on two legs.", "gym_tasks:GymWalker"),
)

_ROBOTS = (
    ("aliengo.stand", "Stand up from a crouch.", "quadrupeds:AliengoStand"),
    ("aliengo.walk", "Walk ahead.", "quadrupeds:AliengoWalk"),
    ("go1.stand", "Stand up from a crouch.", "quadrupeds:Go1Stand"),
    ("go1.walk", "Walk ahead.", "quadrupeds:Go1Walk"),
    ("go2.stand", "Stand up from a crouch.", "quadrupeds:Go2Stand"),
    ("go2.walk", "Walk ahead.", "quadrupeds:Go2Walk"),
    ("mini_cheetah.stand", "Stand up from a crouch.", "quadrupeds:MiniCheetahStand"),
    ("mini_cheetah.walk", "Walk ahead.", "quadrupeds:MiniCheetahWalk"),
)


# A control step of these suites is rewarded with so much at most; Gymnasium's rewards know no bound.
_LARGEST = {"dm": 1.0}


def largest_return(name: str, control_steps: int) -> float | None:
    """Return the largest return of an episode of so many control steps; None if the task has none.

    Args:
        name: The task's name, `control/dm/walker.walk`.
        control_steps: The number of control steps.

    Example:
        >>> largest_return("control/dm/walker.walk", 1000), largest_return("control/gym/Ant-v5", 1000)
        (1000.0, None)
    """
    most = _LARGEST.get(name.removeprefix("control/").partition("/")[0])
    return None if most is None else most * control_steps


def _rows(
    prefix: str, rows: tuple[tuple[str, str, str], ...], needs: tuple[str, ...], extra: str
) -> tuple[TaskRef, ...]:
    """Return the references of a suite's rows: name, sentence, class."""
    install = f"'taskloom-control[{extra}]'"
    return tuple(
        TaskRef(f"{prefix}/{name}", summary, f"{_PLACE}.{target}", needs=needs, install=install)
        for name, summary, target in rows
    )


SUITES: tuple[TaskRef, ...] = (
    *_rows("dm", _DM_TASKS, _DM, "dm"),
    *_rows("gym", _GYM_TASKS, ("gymnasium",), "gym"),
    *_rows("quadruped", _ROBOTS, ("gym_quadruped",), "quadruped"),
)
