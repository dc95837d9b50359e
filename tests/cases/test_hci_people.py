"""People, experts and figures: what a person sees and may do, how an expert errs, and what an interval covers."""

from __future__ import annotations

import numpy as np
from cases_tasks import Tasks
from cases_verdict import verdict
from taskloom_hci import Bundle, HciError, make_bundle, play
from taskloom_hci.exports.env import GameEnv
from taskloom_hci.metrics import mean_interval
from tests_sizes import size


def test_a_person_may_pause(tasks: Tasks) -> None:
    """Accepts a pause where no target is, and leaving a target after a stop: a person does what no simulated user does."""
    words = ("hci", "play", "pointing", "--param", "assistant=big", "--seed=1")
    wrong = []
    for moves in ("0\nq\n", "1\n0\n-1\nq\n"):
        answer = tasks.run(*words, input=moves)
        shown = (answer.stdout + answer.stderr).splitlines()
        refused = [line for line in shown if "not possible" in line]
        if answer.returncode or refused or len(answer.stdout.splitlines()) < 3:
            last = (refused or shown or ["nothing"])[-1]
            wrong.append(f"{moves.split()}: exit code {answer.returncode}, {last}")
    verdict(not wrong, f"{2 - len(wrong)} of 2 accepted; {'; '.join(wrong)}", "2 of 2 accepted")


def test_up_is_up() -> None:
    """Moves the cursor one line up for "up" and one column to the right for "right", in the text that a person sees."""

    def cursor(bundle: Bundle) -> tuple[int, int]:
        lines = [
            line
            for line in bundle.render().splitlines()
            if set(line) <= set(".xo*") and len(line) > 3
        ]
        return next(
            (row, column)
            for row, line in enumerate(lines)
            for column, mark in enumerate(line)
            if mark in "o*"
        )

    moves = {}
    for action, name in ((1, "up"), (4, "right")):
        bundle = make_bundle("pointing_2d", assistant={"kind": "gain"})
        bundle.reset(go_to=1, forced={"task_state": {"position": np.array([5, 5])}})
        row, column = cursor(bundle)
        bundle.step(user_action=action, go_to=1)
        new_row, new_column = cursor(bundle)
        moves[name] = new_row - row, new_column - column
    must = {"up": (-1, 0), "right": (0, 1)}
    verdict(moves == must, moves, must)


def test_expert_action_draws_anew() -> None:
    """Errs in 30 % of the moves of an expert with that error rate, independently in every round.

    So fewer than 25 % of the episodes with 5 moves or more are all right or all wrong. Compare
    HumanCompatibleAI/imitation#423, a stochastic expert.
    """
    user = {"kind": "careful", "error_rate": 0.3}
    env = GameEnv(make_bundle("pointing", user=user, assistant={"kind": "gain"}), "user")
    long = []
    for episode in range(size("expert_episodes")):
        seen, _ = env.reset(seed=episode)
        wrong, is_over = [], False
        while not is_over:
            cell, goal = int(seen["task_state__position"][0]), int(seen["user_state__goal"][0])
            action = env.expert_action()
            if cell != goal:
                wrong.append(np.sign(goal - cell) != action - 1)
            seen, _, done, cut, _ = env.step(action)
            is_over = done or cut
        if len(wrong) >= 5:
            long.append(float(np.mean(wrong)))
    shares = np.array(long)
    pure, mean = float(np.mean((shares == 0) | (shares == 1))), float(shares.mean())
    verdict(
        len(shares) >= 20 and pure < 0.25 and abs(mean - 0.3) < 0.05,
        f"{len(shares)} episodes, all right or all wrong {pure:.2f}, wrong moves {mean:.3f}",
        "below 0.25, 0.25 to 0.35",
    )


def _claims_to_know(rounds: np.ndarray) -> bool:
    """Return whether the interval of one episode is a point."""
    try:
        _, low, high = mean_interval(rounds[:1])
    except HciError:
        return False
    return low is not None and bool(np.isfinite(low)) and low == high


def test_intervals_of_few_episodes() -> None:
    """Covers the mean in more than 91 % of cases for 2, 3, 5 and 10 rounds of pointing, and claims nothing for one.

    Student's t does; the normal law covers 66, 79, 86 and 91 %.
    """
    user = {"kind": "careful", "error_rate": 0.05}
    bundle = make_bundle("pointing", user=user, assistant={"kind": "gain"}, seed=1)
    rounds = play(bundle, size("mean_interval_rounds")).num_rounds
    true, covered = rounds.mean(), {}
    for count in (2, 3, 5, 10):
        groups = rounds[: len(rounds) // count * count].reshape(-1, count)
        groups = groups[: size("mean_interval_groups")]
        inside = [low <= true <= high for _, low, high in map(mean_interval, groups)]
        covered[count] = round(float(np.mean(inside)), 3)
    claims = _claims_to_know(rounds)
    verdict(
        min(covered.values()) > 0.91 and not claims,
        f"coverage {covered}, an interval of one episode: {claims}",
        "above 0.91 each, an interval of one episode: False",
    )
