"""The parameters of people by NUTS, for more parameters than a grid holds: NumPyro samples, the user model is the likelihood.

The members of a population are sampled in the coordinates of `whitening`, which have no funnel; arithmetic is in 64 bits.
"""

# ruff: noqa: ANN401 -- arrays of JAX and distributions of NumPyro have no types here

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.errors import HciError
from taskloom_hci.fitting.grid import Belief
from taskloom_hci.fitting.population import CENTRE_SD, DEVIATION_SCALE, People, Population
from taskloom_hci.fitting.whitening import Curve, curve_of, placed
from taskloom_hci.models.model import UserModel, log_likelihood
from taskloom_hci.models.parameters import UserParameter

Float: TypeAlias = NDArray[np.float64]
Likelihood: TypeAlias = Callable[[Mapping[str, Any]], Any]

# Half of it left an effective sample of 229 in a population of two parameters, below what is trusted.
CHAINS, WARM_UP, SAMPLES = 2, 1000, 3000
# With the usual share of .8, one chain in four had a step that diverged in a population that is hardly spread.
ACCEPTED = 0.9
MOST_R_HAT, LEAST_EFFECTIVE = 1.01, 400.0


@dataclass(frozen=True, slots=True)
class Trust:
    """The checks of a sampler.

    Attributes:
        r_hat: The largest R-hat of any number.
        effective: The smallest effective sample.
        divergences: Steps that diverged.
    """

    r_hat: float
    effective: float
    divergences: int

    def problems(self) -> list[str]:
        """Return the reasons not to trust the samples; none if every check is passed."""
        found = []
        # Written so that a NaN fails as well.
        if not self.r_hat <= MOST_R_HAT:
            found.append(f"R-hat is {self.r_hat:.3f}, above {MOST_R_HAT}")
        if not self.effective >= LEAST_EFFECTIVE:
            found.append(
                f"the effective sample is {self.effective:.0f}, below {LEAST_EFFECTIVE:.0f}"
            )
        if self.divergences:
            found.append(f"{self.divergences} steps diverged")
        return found


def sample_people(
    model: UserModel,
    situations: Mapping[str, NDArray[Any]],
    counts: Float,
    parameters: tuple[UserParameter, ...],
    *,
    mode: People,
    seed: int,
) -> tuple[tuple[Belief, ...], Belief, tuple[Population, ...], Trust]:
    """Return the belief about each person and about a new one, the population, and the sampler's checks.

    Args:
        model: The model; its `log_prob` uses `namespace`, so that JAX can differentiate it.
        situations: What it reads, (S, ...) by name.
        counts: How often each person did each action in each situation, (P, S, A).
        parameters: The parameters.
        mode: See `fit_people`.
        seed: Root of the random numbers.

    Raises:
        HciError: If NumPyro is not installed.
    """
    try:
        import jax  # heavy
        from numpyro.infer import MCMC, NUTS  # heavy
    except ModuleNotFoundError:
        raise HciError("NUTS needs NumPyro: pip install 'taskloom-hci[fit]'.") from None
    used = counts.sum(axis=0, keepdims=True) if mode == "pooled" else counts
    likelihood = _likelihood(model, situations, used, parameters)
    with jax.enable_x64(True):
        curve = _curve(likelihood, parameters, len(used)) if mode == "hierarchical" else None
        kernel = NUTS(_programme, target_accept_prob=ACCEPTED)
        sampler = MCMC(
            kernel,
            num_warmup=WARM_UP,
            num_samples=SAMPLES,
            num_chains=CHAINS,
            chain_method="sequential",
            progress_bar=False,
        )
        sampler.run(
            jax.random.PRNGKey(seed),
            likelihood,
            parameters,
            len(used),
            curve,
            extra_fields=("diverging",),
        )
        by_chain = {
            name: np.asarray(values)
            for name, values in sampler.get_samples(group_by_chain=True).items()
        }
        trust = _trust(by_chain, int(np.asarray(sampler.get_extra_fields()["diverging"]).sum()))
    flat = {name: values.reshape(-1, *values.shape[2:]) for name, values in by_chain.items()}
    people = tuple(
        _belief(parameters, {item.name: flat[item.name][:, i] for item in parameters})
        for i in range(len(used))
    )
    if mode == "pooled":
        return people * len(counts), people[0], (), trust
    if mode == "separate":
        every = {item.name: flat[item.name].ravel() for item in parameters}
        return people, _belief(parameters, every), (), trust
    return people, _new(parameters, flat, seed), _populations(parameters, flat), trust


def _programme(
    likelihood: Likelihood,
    parameters: tuple[UserParameter, ...],
    number: int,
    curve: Curve | None,
) -> None:
    """Describe priors and likelihood to NumPyro: with a curve, those of the members of a population."""
    import numpyro  # heavy

    if curve is None:
        points = {item.name: _of_prior(item, number) for item in parameters}
    else:
        points = _of_population(parameters, number, curve)
    numpyro.factor("data", likelihood(points).sum())


def _likelihood(
    model: UserModel,
    situations: Mapping[str, NDArray[Any]],
    counts: Float,
    parameters: tuple[UserParameter, ...],
) -> Likelihood:
    """Return the log-likelihood of each person's decisions (P,) by the values (P,) of the parameters, by name."""
    import jax.numpy as jnp  # heavy

    # Each person's own situations, padded with some that count nothing: neither a table of every situation for every person,
    # nor gathers, whose slopes XLA adds up one by one.
    met = counts.any(axis=2)
    size = int(met.sum(axis=1).max())
    own = np.argsort(~met, axis=1, kind="stable")[:, :size]
    done = counts[np.arange(len(counts))[:, None], own]
    seen = {name: np.asarray(values)[own] for name, values in situations.items()}

    def at(points: Mapping[str, Any]) -> Any:
        each = {item.name: points[item.name][:, None] for item in parameters}
        log_p = log_likelihood(model, seen, {**seen, **each})
        # A count of 0 takes nothing from an action that is impossible.
        return (done * jnp.where(done > 0.0, log_p, 0.0)).sum(axis=(1, 2))

    return at


def _curve(likelihood: Likelihood, parameters: tuple[UserParameter, ...], number: int) -> Curve:
    return curve_of(
        lambda z: likelihood(_values_of(parameters, z)),
        [item.centre for item in parameters],
        float(np.hypot(CENTRE_SD, DEVIATION_SCALE)),
        number,
    )


def _of_population(
    parameters: tuple[UserParameter, ...], number: int, curve: Curve
) -> dict[str, Any]:
    """Return the values (P,) of the members of a population, by name, in the coordinates of `whitening`."""
    import jax.numpy as jnp  # heavy
    import numpyro  # heavy
    from numpyro import distributions as dist  # heavy

    mean = jnp.stack(
        [
            numpyro.sample(f"{item.name}/mean", dist.Normal(item.centre, CENTRE_SD))
            for item in parameters
        ]
    )
    law = dist.HalfNormal(DEVIATION_SCALE)
    spread = jnp.stack([numpyro.sample(f"{item.name}/deviation", law) for item in parameters])
    standard = numpyro.sample(
        "standard", dist.ImproperUniform(dist.constraints.real, (), (number, len(parameters)))
    )
    z, volume = placed(curve, standard, mean, spread)
    numpyro.factor("people", dist.Normal(mean, spread).log_prob(z).sum() + volume)
    return {
        name: numpyro.deterministic(name, values)
        for name, values in _values_of(parameters, z).items()
    }


def _of_prior(item: UserParameter, number: int) -> Any:
    import jax.numpy as jnp  # heavy
    import numpyro  # heavy
    from numpyro import distributions as dist  # heavy

    prior = item.prior
    low, high = prior.support()
    if prior.law == "uniform":
        law: Any = dist.Uniform(low, high)
    elif prior.law == "beta":
        law = dist.Beta(prior.first, prior.second)
    else:
        is_log = prior.law == "lognormal"
        # An end that is none must not be a large number: the truncated density would be 0 / 0 there.
        ends = [
            None if not np.isfinite(end) or (is_log and end <= 0.0) else end for end in (low, high)
        ]
        if is_log:
            ends = [None if end is None else float(np.log(end)) for end in ends]
        cut = any(end is not None for end in ends)
        law = dist.Normal(prior.first, prior.second)
        if cut:
            law = dist.TruncatedNormal(prior.first, prior.second, low=ends[0], high=ends[1])
        if is_log:
            inner = numpyro.sample(f"{item.name}/log", law.expand([number]).to_event(1))
            return numpyro.deterministic(item.name, jnp.exp(inner))
    return numpyro.sample(item.name, law.expand([number]).to_event(1))


def _values_of(parameters: tuple[UserParameter, ...], z: Any) -> dict[str, Any]:
    """Return the values (P,) at places (P, K) on the lines, by name."""
    return {item.name: _values(item, z[:, k]) for k, item in enumerate(parameters)}


def _values(item: UserParameter, z: Any) -> Any:
    """Return the values of places on the line, as `UserParameter.values` does, in JAX."""
    import jax  # heavy

    if item.line == "logit":
        return jax.nn.sigmoid(z)
    return jax.numpy.exp(z) if item.line == "log" else z


def _trust(by_chain: Mapping[str, Float], divergences: int) -> Trust:
    from numpyro.diagnostics import effective_sample_size, split_gelman_rubin  # heavy

    r_hats = [float(np.max(split_gelman_rubin(values))) for values in by_chain.values()]
    sizes = [float(np.min(effective_sample_size(values))) for values in by_chain.values()]
    return Trust(max(r_hats), min(sizes), divergences)


def _belief(parameters: tuple[UserParameter, ...], draws: dict[str, Float]) -> Belief:
    size = len(next(iter(draws.values())))
    return Belief(parameters, draws, np.full(size, -np.log(size)))


def _new(parameters: tuple[UserParameter, ...], flat: Mapping[str, Float], seed: int) -> Belief:
    """Return what is believed of one more member of the population: one draw for every sample of it."""
    rng = np.random.default_rng([seed, 1])
    draws = {}
    for item in parameters:
        mean, spread = flat[f"{item.name}/mean"], flat[f"{item.name}/deviation"]
        draws[item.name] = item.values(mean + spread * rng.standard_normal(len(mean)))
    return _belief(parameters, draws)


def _populations(
    parameters: tuple[UserParameter, ...], flat: Mapping[str, Float]
) -> tuple[Population, ...]:
    found = []
    for item in parameters:
        mean, spread = flat[f"{item.name}/mean"], flat[f"{item.name}/deviation"]
        numbers = (mean.mean(), mean.std(), spread.mean(), spread.std())
        found.append(Population(item.name, *(float(number) for number in numbers)))
    return tuple(found)
