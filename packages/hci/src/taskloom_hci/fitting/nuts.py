"""The parameters of people by NUTS, for more parameters than a grid holds: NumPyro samples, the user model is the likelihood.

The population is written in its non-centred form, z_i = mu + sigma e_i with e_i ~ N(0, 1), which has no funnel
(Betancourt and Girolami, 2015); arithmetic is in 64 bits.
"""

# ruff: noqa: ANN401 -- arrays of JAX and distributions of NumPyro have no types here

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.errors import HciError
from taskloom_hci.fitting.grid import Belief
from taskloom_hci.fitting.population import CENTRE_SD, DEVIATION_SCALE, People, Population
from taskloom_hci.models.model import UserModel, log_likelihood
from taskloom_hci.models.parameters import UserParameter

Float: TypeAlias = NDArray[np.float64]

# Half of it left an effective sample of 229 in a population of two parameters, below what is trusted.
CHAINS, WARM_UP, SAMPLES = 2, 1000, 3000
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
    with jax.enable_x64(True):
        kernel = NUTS(_programme)
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
            model,
            situations,
            used,
            parameters,
            mode == "hierarchical",
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
    model: UserModel,
    situations: Mapping[str, NDArray[Any]],
    counts: Float,
    parameters: tuple[UserParameter, ...],
    hierarchical: bool,
) -> None:
    """Describe priors and likelihood to NumPyro."""
    import jax.numpy as jnp  # heavy
    import numpyro  # heavy

    number = len(counts)
    points = {
        item.name: _of_population(item, number) if hierarchical else _of_prior(item, number)
        for item in parameters
    }
    # Each person's own situations, padded with some that count nothing: neither a table of every situation for every person,
    # nor gathers, whose slopes XLA adds up one by one.
    met = counts.any(axis=2)
    size = int(met.sum(axis=1).max())
    own = np.argsort(~met, axis=1, kind="stable")[:, :size]
    done = counts[np.arange(number)[:, None], own]
    seen = {name: np.asarray(values)[own] for name, values in situations.items()}
    each = {name: values[:, None] for name, values in points.items()}
    log_p = log_likelihood(model, seen, {**seen, **each})
    # A count of 0 takes nothing from an action that is impossible.
    numpyro.factor("data", (done * jnp.where(done > 0.0, log_p, 0.0)).sum())


def _of_population(item: UserParameter, number: int) -> Any:
    import numpyro  # heavy
    from numpyro import distributions as dist  # heavy

    mean = numpyro.sample(f"{item.name}/mean", dist.Normal(item.centre, CENTRE_SD))
    spread = numpyro.sample(f"{item.name}/deviation", dist.HalfNormal(DEVIATION_SCALE))
    raw = numpyro.sample(f"{item.name}/raw", dist.Normal(0.0, 1.0).expand([number]).to_event(1))
    return numpyro.deterministic(item.name, _values(item, mean + spread * raw))


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
