"""A user model of your own: one method, and it acts, is scored, and is inferred from, thousands at a time."""

import numpy as np
from taskloom_hci.inference.exact import hypotheses, marginal, posterior
from taskloom_hci.models.model import UserModel, choose, probabilities, score


class Preference(UserModel):
    """Picks one of three items, the better liked the more often."""

    actions = np.arange(3)
    hidden = ("liked", "rationality")

    def log_prob(self, observation, theta):
        value = observation["prices"] * -0.5 + np.where(
            np.arange(3) == np.asarray(theta["liked"])[..., None], 1.0, 0.0
        )
        logits = np.asarray(theta["rationality"])[..., None] * value
        return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


model, rng = Preference(), np.random.default_rng(0)
prices = {"prices": np.array([1.0, 0.2, 0.5])}
truth = {"liked": np.full(40, 2), "rationality": np.full(40, 3.0)}
acted = choose(probabilities(model, prices, truth), rng.random(40))
print("chosen:", np.bincount(acted, minlength=3))
print("log-probability of all:", round(float(score(model, prices, truth, acted).sum()), 2))

theta = hypotheses(liked=[0, 1, 2], rationality=[1.0, 3.0, 9.0])
belief = np.full(9, -np.log(9))
for action in acted:
    belief, _ = posterior(model, belief, prices, theta, action)
for name in model.hidden:
    values, chances = marginal(belief, theta[name])
    print(
        name, {float(value): round(float(p), 3) for value, p in zip(values, chances, strict=True)}
    )
