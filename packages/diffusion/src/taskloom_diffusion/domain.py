"""The manifest of the diffusion domain; imports nothing heavy."""

from __future__ import annotations

from taskloom.registry import ComponentRef, DomainRef, TaskRef, VerbRef

_HERE = "taskloom_diffusion"


def _parts(kind: str, module: str, members: dict[str, tuple[str, str]]) -> tuple[ComponentRef, ...]:
    return tuple(
        ComponentRef(name, summary, f"{_HERE}.{kind}.{module}:{attribute}")
        for name, (attribute, summary) in members.items()
    )


_SCHEDULES = (
    *_parts(
        "schedules",
        "closed_form",
        {
            "linear": ("Linear", "alpha = 1 - t."),
            "loglinear": ("LogLinear", "1 - (1 - floor) t, MDLM's default."),
            "cosine": ("Cosine", "1 - cos(pi/2 (1 - t)), MD4's cosine."),
            "cosine_mdlm": ("CosineMdlm", "MDLM's cosine."),
            "cosine_squared": ("CosineSquared", "MDLM's squared cosine."),
            "polynomial": ("Polynomial", "1 - t^power."),
            "geometric": ("Geometric", "SEDD's geometric noise."),
            "linear_sigma": ("LinearSigma", "Total noise at a constant rate."),
        },
    ),
    *_parts(
        "schedules",
        "polydiff",
        {
            "polydiff_cosine": ("PolydiffCosine", "PolyDiff's cosine of T steps."),
            "polydiff_linear": ("PolydiffLinear", "PolyDiff's linear betas."),
            "polydiff_quadratic": ("PolydiffQuadratic", "PolyDiff's quadratic betas."),
            "polydiff_exponential": ("PolydiffExponential", "PolyDiff's exponential betas."),
            "polydiff_logarithmic": ("PolydiffLogarithmic", "PolyDiff's logarithmic betas."),
        },
    ),
)
_PROCESSES = _parts(
    "processes",
    "base",
    {
        "absorbing": ("Absorbing", "Tokens fall into the mask."),
        "excited_state": ("ExcitedState", "PolyDiff's name for absorbing."),
        "uniform": ("Uniform", "Tokens turn into uniform ones."),
        "marginal": ("Marginal", "Tokens turn into ones of the corpus' frequencies."),
        "d3pm": ("D3pm", "Any Markov chain between tokens."),
    },
)
_TIME_SAMPLERS = _parts(
    "time_samplers",
    "base",
    {
        "uniform": ("UniformTime", "Independent uniform times."),
        "low_discrepancy": ("LowDiscrepancy", "One time per stratum."),
        "exact_count": ("ExactCount", "The number of masks is drawn: least variance."),
        "log_uniform": ("LogUniform", "Mask rates uniform on a log scale."),
        "history": ("History", "Importance sampling by past losses."),
        "clipped": ("Clipped", "Mask rates between limits; biased."),
    },
)
_DENOISERS = _parts(
    "denoisers",
    "base",
    {
        "dit": ("Dit", "Transformer with rotary positions."),
        "bert": ("Bert", "Hugging Face's BERT."),
        "mlp": ("Mlp", "One hidden layer, for toys."),
        "table": ("Table", "The exact posterior of a toy."),
    },
)
_LOSSES = _parts(
    "losses",
    "base",
    {
        "nelbo": ("Nelbo", "Continuous-time bound."),
        "step_bound": ("StepBound", "Bound of T steps."),
        "cross_entropy": ("CrossEntropy", "Weighted cross-entropy of noised tokens."),
        "hybrid": ("Hybrid", "Bound plus a share of cross-entropy."),
        "polydiff": ("Polydiff", "PolyDiff's loss, for comparison."),
        "function": ("Function", "A callable that a plugin registered."),
    },
)
_SAMPLERS = _parts(
    "samplers",
    "base",
    {
        "ancestral": ("Ancestral", "The reverse chain on a grid."),
        "ancestral_cached": ("AncestralCached", "The chain, asking only where something changed."),
        "first_hitting": ("FirstHitting", "One random position per call; exact."),
        "random": ("RandomGroups", "Several random positions per call."),
        "left_to_right": ("LeftToRight", "From left to right."),
        "confidence": ("Confidence", "Surest tokens first."),
        "margin": ("Margin", "Largest lead first."),
        "entropy": ("LowEntropy", "Lowest entropy first."),
        "entropy_bound": ("EntropyBound", "As many as an entropy budget allows."),
        "threshold": ("Threshold", "All tokens above a probability."),
        "semi_autoregressive": ("SemiAutoregressive", "Block after block."),
        "remdm": ("Remdm", "The chain with remasking."),
        "forward_backward": ("ForwardBackward", "The chain with a forward-backward corrector."),
        "greedy_tail": ("GreedyTail", "The chain with greedy last steps."),
        "polydiff": ("Polydiff", "PolyDiff's sampler, for comparison; wrong."),
    },
)
_TOKENIZERS = _parts(
    "tokenizers",
    "base",
    {
        "smiles": ("RegexSmiles", "Atoms and bonds of SMILES."),
        "char": ("Char", "Characters."),
        "byte": ("Byte", "Bytes."),
        "huggingface": ("HuggingFace", "A Hugging Face tokenizer in a local folder."),
    },
)
_METRICS = _parts(
    "metrics",
    "base",
    {
        "molecules": ("Molecules", "Validity, uniqueness, novelty, diversity, properties."),
        "polymers": ("Polymers", "The same, and two stars."),
        "text": ("Texts", "Known words and entropy."),
        "sequences": ("Sequences", "Distinct and new sequences."),
    },
)

DOMAIN = DomainRef(
    name="diffusion",
    summary="Train and sample discrete diffusion models of sequences.",
    extra="diffusion",
    tasks=(
        TaskRef("smiles", "Molecules that ship with RDKit.", f"{_HERE}.tasks.smiles:Smiles"),
        TaskRef("qm9", "Molecules of up to nine heavy atoms.", f"{_HERE}.tasks.qm9:Qm9"),
        TaskRef(
            "polymers", "Polymer repeat units with two stars.", f"{_HERE}.tasks.polymers:Polymers"
        ),
        TaskRef("text", "Shakespeare as letters and spaces.", f"{_HERE}.tasks.text:Text"),
        TaskRef("toy", "A law of known entropy.", f"{_HERE}.tasks.toy:Toy"),
        TaskRef("file", "A user's own sequences.", f"{_HERE}.tasks.file:File"),
        TaskRef("moses", "Drug-like molecules of MOSES.", f"{_HERE}.tasks.moses:Moses"),
    ),
    components={
        f"{_HERE}.schedules": _SCHEDULES,
        f"{_HERE}.processes": _PROCESSES,
        f"{_HERE}.time_samplers": _TIME_SAMPLERS,
        f"{_HERE}.denoisers": _DENOISERS,
        f"{_HERE}.losses": _LOSSES,
        f"{_HERE}.samplers": _SAMPLERS,
        f"{_HERE}.tokenizers": _TOKENIZERS,
        f"{_HERE}.metrics": _METRICS,
    },
    verbs=(
        VerbRef("sample", "Generate from a trained model.", f"{_HERE}.verbs.sample:sample"),
        VerbRef("infill", "Complete a template.", f"{_HERE}.verbs.infill:infill"),
        VerbRef(
            "likelihood",
            "Bound the likelihood of sequences.",
            f"{_HERE}.verbs.likelihood:likelihood",
        ),
        VerbRef("evaluate", "Judge a trained model again.", f"{_HERE}.verbs.evaluate:evaluate"),
        VerbRef("schedules", "Compare the noise schedules.", f"{_HERE}.verbs.schedules:schedules"),
        VerbRef(
            "import-config", "Read PolyDiff's YAML.", f"{_HERE}.verbs.import_config:import_config"
        ),
    ),
    report=f"{_HERE}.report.section:report",
)
