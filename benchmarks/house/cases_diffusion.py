"""Runs of diffusion for `same_bits.py`: every process, schedule, time sampler, loss, denoiser, sampler, tokenizer and corpus."""

from __future__ import annotations

from cases import Command, Entry, Stopped, Sweep, component, kinds

_FEW = {
    "train.steps": 10,
    "train.log_every": 1,
    "train.validate_every": 5,
    "train.peak_gflops": 1.0,
    "evaluate.num_samples": 24,
    "evaluate.num_holdout": 24,
}
_TOY = {**_FEW, "num_tokens": 3, "length": 4, "num_sequences": 300, "train.batch_size": 32}
_SMALL = {"denoiser.width": 16, "denoiser.num_layers": 2, "denoiser.num_heads": 2}
_CHAIN = {"time_sampler.kind": "low_discrepancy", **component("sampler", "ancestral", num_steps=6)}
_DIT = {"denoiser.kind": "dit", **_SMALL}
_SCHEDULES = (
    "linear",
    "loglinear",
    "cosine",
    "cosine_mdlm",
    "cosine_squared",
    "polynomial",
    "geometric",
    "linear_sigma",
    "polydiff_cosine",
    "polydiff_linear",
    "polydiff_quadratic",
)
_STEPPED = ("ancestral", "ancestral_cached", "remdm", "forward_backward", "greedy_tail", "polydiff")
_ORDERED = ("random", "left_to_right", "confidence", "margin", "entropy")
_SAMPLERS = {
    **{name: component("sampler", name, num_steps=6) for name in _STEPPED},
    **{name: component("sampler", name, num_calls=3) for name in _ORDERED},
    **kinds("sampler", "first_hitting", "entropy_bound", "threshold"),
    "semi_autoregressive": component(
        "sampler", "semi_autoregressive", block_size=2, calls_per_block=2
    ),
    **{
        f"remdm-{name}": component("sampler", "remdm", num_steps=6, variant=name, eta=0.4)
        for name in ("rescale", "confidence", "loop")
    },
    "random-independent": component("sampler", "random", num_calls=3, buckets="independent"),
    "warm": component("sampler", "first_hitting", temperature=0.7, top_p=0.8),
    "bf16": component("sampler", "first_hitting", precision="bf16"),
}
_PROCESSES = {
    "absorbing": {},
    "excited_state": {"process.kind": "excited_state"},
    "uniform": {"process.kind": "uniform", **_CHAIN},
    "marginal": {"process.kind": "marginal", **_CHAIN},
    **{
        f"d3pm-{rate}": {**component("process", "d3pm", rate=rate), **_CHAIN}
        for rate in ("absorbing", "uniform", "neighbour", "band", "gaussian")
    },
    "uniform-mean": {"process.kind": "uniform", "parameterization": "mean", **_CHAIN},
    "marginal-d3pm": {"process.kind": "marginal", "parameterization": "d3pm", **_CHAIN},
    "absorbing-d3pm": {"parameterization": "d3pm"},
    "uniform-steps": {"process.kind": "uniform", "loss.kind": "step_bound", **_CHAIN},
}
_LOSSES = {
    "nelbo": {},
    "step_bound": component("loss", "step_bound", num_steps=50),
    "cross_entropy": component("loss", "cross_entropy", power=1.0),
    "hybrid": component("loss", "hybrid", share=0.1),
    "polydiff": {"loss.kind": "polydiff"},
}
_TRAINING = {
    "muon": {**_DIT, "train.optimizer.algorithm": "muon"},
    **{
        f"curve-{name}": {"train.optimizer.schedule": name, "train.optimizer.warmup_steps": 3}
        for name in ("constant", "linear", "wsd", "inverse_sqrt")
    },
    "accumulated": {"train.accumulate": 2, "train.ema": 0.0},
    "versions": {"versions": 2, "train.optimizer.clip_norm": 0.0},
    "bf16": {**_DIT, "train.precision": "bf16"},
    "samples": {"train.sample_every": 5, "train.checkpoint_every": 5},
    "seed": {"seed": 9, "train.optimizer.weight_decay": 0.1},
}
_DENOISERS = {
    "mlp": {"denoiser.kind": "mlp"},
    "dit": _DIT,
    "dit-timed": {**_DIT, "denoiser.time_conditioning": True, "denoiser.dropout": 0.1},
    "dit-plain": {**_DIT, "denoiser.convolution": 0, "denoiser.query_key_norm": False},
    "bert": {"denoiser.kind": "bert", **_SMALL, "denoiser.feed_forward": 32},
    "bert-added": {
        "denoiser.kind": "bert",
        **_SMALL,
        "denoiser.feed_forward": 32,
        "denoiser.time_conditioning": "output_add",
    },
    "table": {
        **component("denoiser", "table", num_tokens=3, length=4),
        "train.steps": 0,
    },
    "blocks": {**_DIT, "block_size": 2, "denoiser.noised_layers": 1, "versions": 2},
    "blocks-mlp": {"denoiser.kind": "mlp", "block_size": 2},
    "eos": {"length_policy": "eos_pad", "max_length": 8},
    "bytes": {"tokenizer.kind": "byte"},
}
_MORE = {
    "devices": {"train.devices": 2},
    "d3pm-matrix": {
        **component("process", "d3pm", rate="matrix", tokens=["a", "b", "c"]),
        "process.matrix": [[0.4, 0.3, 0.3], [0.2, 0.5, 0.3], [0.25, 0.25, 0.5]],
        **_CHAIN,
    },
}
_CORPUS = {
    **_FEW,
    **_SMALL,
    "train.batch_size": 16,
    "evaluate.num_samples": 8,
    "evaluate.num_holdout": 8,
}

ENTRIES: tuple[Entry, ...] = (
    Sweep("processes", "toy", _PROCESSES, _TOY),
    Sweep(
        "schedules",
        "toy",
        {
            name: {"schedule.kind": name, "time_sampler.kind": "low_discrepancy"}
            for name in _SCHEDULES
        },
        _TOY,
    ),
    Sweep("losses", "toy", _LOSSES, {**_TOY, "time_sampler.kind": "low_discrepancy"}),
    Sweep(
        "times",
        "toy",
        kinds(
            "time_sampler",
            "uniform",
            "low_discrepancy",
            "exact_count",
            "log_uniform",
            "history",
            "clipped",
        ),
        _TOY,
    ),
    Sweep("denoisers", "toy", _DENOISERS, _TOY),
    Sweep("samplers", "toy", _SAMPLERS, _TOY),
    Sweep("training", "toy", _TRAINING, _TOY),
    Sweep(
        "smiles",
        "smiles",
        {"default": {}, "eos": {"length_policy": "eos_pad"}},
        {**_CORPUS, "num_molecules": 300},
    ),
    Sweep(
        "text",
        "text",
        {"default": {}, "blocks": {"block_size": 4, "denoiser.noised_layers": 1}},
        {**_CORPUS, "num_characters": 20000, "max_length": 32},
    ),
    Sweep("qm9", "qm9", {"default": {}}, {**_CORPUS, "num_molecules": 300}),
    Sweep(
        "polymers",
        "polymers",
        {"default": {}, "blocks": {"block_size": 4}},
        {**_CORPUS, "num_polymers": 60},
    ),
    Sweep("moses", "moses", {"default": {}}, {**_CORPUS, "num_molecules": 300}),
    Sweep(
        "file",
        "file",
        {"lines": {"content": "lines", "tokenizer.kind": "char", "metrics.kind": "sequences"}},
        {**_CORPUS, "path": "{files}/words.txt", "holdout_share": 0.2},
    ),
    Sweep("more", "toy", _MORE, _TOY),
    Stopped(
        "stopped", "toy", {**_TOY, "train.steps": 1500, "train.checkpoint_every": 200}, lines=100
    ),
    Command(
        "sample",
        (
            "diffusion",
            "sample",
            "{run:smiles/default}",
            "--num=5",
            "--json",
            "--trajectory={dir}/states.json",
        ),
        stored=True,
    ),
    Command(
        "infill",
        ("diffusion", "infill", "{run:smiles/default}", "CC[MASK]{4}O", "--num=3", "--json"),
        stored=True,
    ),
    Command(
        "likelihood",
        ("diffusion", "likelihood", "{run:smiles/default}", "--draws=2", "--each", "--json"),
        stored=True,
    ),
    Command(
        "evaluate",
        (
            "diffusion",
            "evaluate",
            "{run:smiles/default}",
            "--num=10",
            "--sampler=remdm",
            "--with=num_steps=6",
            "--json",
        ),
        stored=True,
    ),
    Command("schedules", ("diffusion", "schedules", "--json")),
)
