"""A game and a robot through Gymnasium: the same loop for both, as a learner of yours has it."""

import gymnasium


def play(env: gymnasium.Env, steps: int) -> float:
    """Return what a random agent earns, by a seeded generator of its own."""
    env.action_space.seed(0)
    env.reset(seed=0)
    total = 0.0
    for _ in range(steps):
        _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        total += float(reward)
        if terminated or truncated:
            env.reset()
    env.close()
    return total


game = gymnasium.make(
    "taskloom_hci.gym:hci/Pointing-v0",
    train="user",
    assistant={"kind": "gain"},
    disable_env_checker=True,
)
print(f"pointing: {play(game, 200):.0f}")
robot = gymnasium.make(
    "taskloom_control.gym:taskloom/cartpole-v1", seconds=2.0, disable_env_checker=True
)
print(f"cart-pole: {play(robot, 100):.1f}")
