"""The manifest of the diffusion domain; imports nothing heavy."""

from __future__ import annotations

from taskloom.registry.refs import ComponentRef, DomainRef, TaskRef, VerbRef

_HERE = "taskloom_diffusion"


def _parts(kind: str, *members: tuple[str, str, str]) -> tuple[ComponentRef, ...]:
    return tuple(
        ComponentRef(name, summary, f"{_HERE}.{kind}.{target}") for name, summary, target in members
    )


_SCHEDULES = _parts(
    "schedules",
    ("linear", "A mask rate that is the time itself: alpha = 1 - t.", "closed_form:LinearSchedule"),
    ("loglinear", "Default of MDLM: alpha = 1 - (1 - floor) t.", "closed_form:LogLinear"),
    ("cosine", "Cosine of MD4: alpha = 1 - cos(pi/2 (1 - t)).", "closed_form:Cosine"),
    ("cosine_mdlm", "Cosine of MDLM: alpha = floor + (1 - floor) cos(pi t / 2).", "closed_form:CosineMDLM"),
    ("cosine_squared", "Squared cosine of MDLM: alpha = floor + (1 - floor) cos(pi t / 2)^2.", "closed_form:CosineSquared"),
    ("polynomial", "Mask rate by a power of time: alpha = 1 - t^power.", "closed_form:PolynomialSchedule"),
    ("geometric", "Geometric noise of SEDD: alpha = exp(-sigma_min^(1-t) sigma_max^t).", "closed_form:Geometric"),
    ("linear_sigma", "Total noise that grows at a constant rate.", "closed_form:LinearSigma"),
    ("polydiff_cosine", "Cosine of PolyDiff, in T steps.", "polydiff:PolydiffCosine"),
    ("polydiff_linear", "Linear betas of PolyDiff.", "polydiff:PolydiffLinear"),
    ("polydiff_quadratic", "Quadratic betas of PolyDiff.", "polydiff:PolydiffQuadratic"),
    ("polydiff_exponential", "Exponential betas of PolyDiff.", "polydiff:PolydiffExponential"),
    ("polydiff_logarithmic", "Exponential betas of PolyDiff with its other defaults.", "polydiff:PolydiffLogarithmic"),
    ("object", "Schedule of your own, given as an object.", "own:OwnSchedule"),
)  # fmt: skip
_PROCESSES = _parts(
    "processes",
    ("absorbing", "Tokens that fall into the mask and stay there.", "absorbing:Absorbing"),
    ("excited_state", "PolyDiff's name for absorbing noise.", "absorbing:ExcitedState"),
    ("uniform", "Tokens that turn into uniformly drawn ones.", "uniform:Uniform"),
    ("marginal", "Tokens that turn into ones drawn by the corpus' frequencies.", "marginal:Marginal"),
    ("d3pm", "Any Markov chain between tokens.", "d3pm:D3PM"),
    ("object", "Process of your own, given as an object.", "own:OwnProcess"),
)  # fmt: skip
_TIME_SAMPLERS = _parts(
    "time_samplers",
    ("uniform", "Independent uniform times.", "times:UniformTime"),
    ("low_discrepancy", "One time in each of B equal strata: (i + u_i) / B.", "times:LowDiscrepancy"),
    ("exact_count", "Number of masked tokens drawn uniformly, for the least variance.", "exact_count:ExactCount"),
    ("log_uniform", "Mask rates uniform on a log scale.", "mask_rates:LogUniform"),
    ("history", "Importance sampling of times by past losses.", "history:History"),
    ("clipped", "Mask rates between two limits: less variance, but biased.", "mask_rates:Clipped"),
)  # fmt: skip
_DENOISERS = _parts(
    "denoisers",
    ("dit", "Transformer with rotary and absolute positions and short convolutions.", "dit:DiT"),
    ("bert", "Hugging Face's BERT, told the time with its input embeddings.", "bert:BERT"),
    ("hf", "Masked language model in a local Hugging Face folder, as BERT or ModernBERT.", "hf:PretrainedBody"),
    ("mlp", "Two hidden layers over the whole sequence, for toys.", "mlp:MLPDenoiser"),
    ("table", "Exact posterior of a toy corpus, by enumeration; nothing is trained.", "table:TableDenoiser"),
    ("object", "Network of your own, given as an object that builds it.", "own:OwnDenoiser"),
)  # fmt: skip
_LOSSES = _parts(
    "losses",
    ("nelbo", "Continuous-time bound on the negative log-likelihood.", "objectives:NELBO"),
    ("step_bound", "Bound of a chain of T equal steps.", "objectives:StepBound"),
    ("cross_entropy", "Cross-entropy of noised tokens, weighted by mask rate.", "objectives:CrossEntropy"),
    ("hybrid", "Bound plus a share of unweighted cross-entropy.", "objectives:Hybrid"),
    ("polydiff", "PolyDiff's loss, for comparison only.", "objectives:PolydiffLoss"),
    ("function", "Any callable that a plugin registered.", "function:Function"),
    ("object", "Loss of your own, given as an object.", "own:OwnLoss"),
)  # fmt: skip
_SAMPLERS = _parts(
    "samplers",
    ("ancestral", "The reverse chain on a grid of steps.", "ancestral:Ancestral"),
    ("ancestral_cached", "The reverse chain, with calls only for sequences that changed.", "ancestral:AncestralCached"),
    ("first_hitting", "One random position for each call; exact in continuous time.", "first_hitting:FirstHitting"),
    ("random", "Several random positions for each call.", "random_groups:RandomGroups"),
    ("left_to_right", "Positions from left to right, several for each call.", "left_to_right:LeftToRight"),
    ("confidence", "Likeliest drawn tokens first.", "confidence:Confidence"),
    ("margin", "Positions first where the best token leads the second by most.", "confidence:Margin"),
    ("entropy", "Positions of lowest entropy first.", "confidence:LowEntropy"),
    ("entropy_bound", "Positions of low entropy, as many as a bound on the error allows.", "entropy_bound:EntropyBound"),
    ("threshold", "Every drawn token that is likelier than a threshold, at least one.", "threshold:Threshold"),
    ("speculative", "The law of one token a call, in fewer calls: tokens are proposed and judged.", "speculative:Speculative"),
    ("semi_autoregressive", "Blocks from left to right, likeliest tokens first.", "semi_autoregressive:SemiAutoregressive"),
    ("remdm", "The reverse chain with tokens masked again on the way, marginals kept.", "remdm:ReMDM"),
    ("forward_backward", "The reverse chain with a forward-backward corrector.", "remdm:ForwardBackward"),
    ("greedy_tail", "The reverse chain, with the likeliest tokens in its last steps.", "ancestral:GreedyTail"),
    ("polydiff", "PolyDiff's loop, for comparison only: its law is that of a single step.", "polydiff:PolydiffSampler"),
    ("object", "Sampler of your own, given as an object.", "own:OwnSampler"),
)  # fmt: skip
_TOKENIZERS = _parts(
    "tokenizers",
    ("smiles", "Atoms, bonds, rings and branches of SMILES.", "symbols:RegexSmiles"),
    ("char", "Characters of the corpus.", "symbols:Char"),
    ("byte", "Bytes of UTF-8: 256 tokens, whatever the corpus.", "byte:Byte"),
    ("bpe", "Byte pairs learnt from the training part.", "bpe:BPE"),
    ("selfies", "SELFIES of molecules: whatever is drawn is a molecule.", "selfies:Selfies"),
    ("fragments", "Fragments of molecules, joined by links: for decorating, linking, growing.", "fragments:FragmentSmiles"),
    ("huggingface", "Hugging Face tokenizer in a local folder.", "huggingface:HuggingFace"),
)  # fmt: skip
_METRICS = _parts(
    "metrics",
    ("molecules", "Validity, uniqueness, novelty, diversity, properties of molecules.", "molecules:MoleculeMetrics"),
    ("polymers", "Metrics of molecules, where valid ones have two stars of degree 1.", "molecules:PolymerMetrics"),
    ("text", "Shares of distinct samples and of known words, and entropy of characters.", "text:TextMetrics"),
    ("sequences", "Shares of distinct and of new samples; for a toy, distance to its law.", "text:SequenceMetrics"),
)  # fmt: skip

# Figures of samples are of the suite of metrics that the config chooses.
_FIGURES = (
    *("nelbo/nats_per_token", "nelbo/standard_error", "nelbo/bits_per_token"),
    *("nelbo/bits_per_character", "nelbo/bits_per_byte"),
    *("nelbo/perplexity", "nelbo/perplexity_error"),
    *("nelbo/nats_per_sequence", "nelbo/null_nats_per_token", "samples/calls"),
    *("samples/*", "benchmark/*"),
    *("baseline/order", "baseline/nats_per_token"),
    *("baseline/difference", "baseline/difference_error"),
    *("corpus/train", "corpus/too_long", "corpus/left_out", "model/parameters", "train/steps"),
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
        TaskRef(
            "text", "Shakespeare as letters and spaces.", f"{_HERE}.tasks.text:ShakespeareText"
        ),
        TaskRef("toy", "A law of known entropy.", f"{_HERE}.tasks.toy:ToyTask"),
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
        VerbRef(
            "sample",
            "Generate from a trained model.",
            f"{_HERE}.verbs.sample:sample",
            on="run",
            overrides=("sampler",),
            named=("condition",),
        ),
        VerbRef(
            "infill",
            "Complete a template.",
            f"{_HERE}.verbs.infill:infill",
            on="run",
            overrides=("sampler",),
        ),
        VerbRef(
            "likelihood",
            "Bound the likelihood of sequences.",
            f"{_HERE}.verbs.likelihood:likelihood",
            on="run",
        ),
        VerbRef(
            "evaluate",
            "Judge a trained model again.",
            f"{_HERE}.verbs.evaluate:evaluate",
            on="run",
            overrides=("sampler", "metrics", "evaluate"),
        ),
        *(
            VerbRef(name, summary, f"{_HERE}.verbs.{name}:{name}", on="run", overrides=("sampler",))
            for name, summary in (
                ("decorate", "Let something grow at the points of a scaffold."),
                ("link", "Draw a linker between two fragments."),
                ("grow", "Let something grow on a molecule."),
                ("optimise", "Search for molecules of high score, fragment by fragment."),
            )
        ),
        VerbRef(
            "calls",
            "Compare samplers at equal network calls.",
            f"{_HERE}.verbs.calls:calls",
            on="run",
        ),
        VerbRef(
            "export",
            "Write a trained model for other programs.",
            f"{_HERE}.verbs.export:export",
            on="run",
            overrides=("sampler",),
        ),
        VerbRef(
            "classifier",
            "Train a classifier of noised sequences.",
            f"{_HERE}.verbs.classifier:classifier",
            on="run",
        ),
        VerbRef(
            "benchmark",
            "Compare molecules with published figures.",
            f"{_HERE}.verbs.benchmark:benchmark",
        ),
        VerbRef("schedules", "Compare the noise schedules.", f"{_HERE}.verbs.schedules:schedules"),
        VerbRef(
            "import-config", "Read PolyDiff's YAML.", f"{_HERE}.verbs.import_config:import_config"
        ),
    ),
    report=f"{_HERE}.report.section:report",
    compare=f"{_HERE}.report.comparison:compare",
    samples=f"{_HERE}.report.samples:samples",
    protocol=f"{_HERE}.task:CorpusTask",
    config=f"{_HERE}.config:DiffusionConfig",
    driver=f"{_HERE}.driver",
    metrics=_FIGURES,
    lead=("nelbo/nats_per_token", "validation/nelbo", "train/loss"),
    loaders={"model": f"{_HERE}.evaluation.trained:model_of_run"},
    scaffold="taskloom_diffusion/scaffold",
)
