"""What PolyDiff calls by name exists, behaves like it where it was right, and its configs import."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from taskloom.errors import ConfigError
from taskloom_diffusion import (
    BertDiffusionModel,
    CosineSchedule,
    DiffusionTask,
    ExcitedStateDiffusion,
)
from taskloom_diffusion.compat.importer import convert, read_polydiff
from taskloom_diffusion.evaluation.sampling import sample_lengths
from taskloom_diffusion.samplers.ancestral import Ancestral
from taskloom_diffusion.tasks.file import FileConfig
from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer
from torch import nn
from transformers import BertConfig, BertModel

TINY_BERT = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "hidden_dropout_prob": 0.0,
}


def tokenizer() -> SymbolTokenizer:
    return SymbolTokenizer("smiles", ["C", "O", "N"])


def seed_module(**model: object) -> DiffusionTask:
    return DiffusionTask(
        {**TINY_BERT, **model},
        {"num_timesteps": 5, "schedule_type": "cosine", "s": 0.008},
        {"lr": 1e-4, "weight_decay": 0.01},
        tokenizer(),
        max_length=12,
    )


def batch() -> dict[str, torch.Tensor]:
    ids = torch.tensor([[3, 4, 5, 3, 0, 0], [5, 4, 3, 3, 4, 5]])
    return {"input_ids": ids, "attention_mask": (ids != 0).long()}


def test_module_has_the_attributes_of_the_seed() -> None:
    task = seed_module()
    assert isinstance(task.model.body, BertDiffusionModel)
    assert (task.vocab_size, task.mask_token_id, task.pad_token_id) == (6, 1, 0)
    assert isinstance(task.timestep_embedding, nn.Embedding)
    assert task.timestep_embedding.weight.shape == (5, 16)
    assert isinstance(task.output_projection, nn.Linear)
    assert task.schedule.kind == "polydiff_cosine"
    assert task.diffusion_process.absorbing
    task.setup("fit")
    loss = task.training_step(batch(), 0)
    loss.backward()
    assert bool(torch.isfinite(task.validation_step(batch(), 0)))
    without_gradient = [n for n, p in task.named_parameters() if p.grad is None]
    assert without_gradient == []
    assert task.configure_optimizers()["optimizer"].param_groups[0]["lr"] == pytest.approx(1e-4)


def test_apply_masking_masks_at_the_rate_of_the_step_and_leaves_padding() -> None:
    task = seed_module()
    ids = torch.full((4000, 10), 3)
    ids[:, 8:] = task.pad_token_id
    z = task._apply_masking(ids, torch.full((4000,), 2))
    rate = float((z[:, :8] == task.mask_token_id).double().mean())
    expected = 1 - float(CosineSchedule(5).alphas_cumprod[2])
    assert rate == pytest.approx(expected, abs=4 * (0.25 / 32_000) ** 0.5)
    assert bool((z[:, 8:] == task.pad_token_id).all())


def test_time_reaches_the_network_as_more_than_one_shift_for_all() -> None:
    torch.manual_seed(0)
    body = BertDiffusionModel(
        BertConfig(vocab_size=9, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                   intermediate_size=32, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    ).eval()  # fmt: skip
    ids = torch.tensor([[3, 4, 5, 6]])
    ones = torch.ones_like(ids)

    def shift(model: BertDiffusionModel) -> torch.Tensor:
        time = torch.randn(1, 16, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            plain = model(input_ids=ids, attention_mask=ones).last_hidden_state
            timed = model(input_ids=ids, attention_mask=ones, timestep_embeds=time)
        return timed.last_hidden_state - plain

    spread = shift(body)[0].std(0).max()
    assert float(spread) > 1e-2
    body.add_time_to = "output"
    assert float(shift(body)[0].std(0).max()) < 1e-6


def test_masks_are_those_of_a_given_noise_and_nested_over_steps() -> None:
    process = ExcitedStateDiffusion(CosineSchedule(10), 9, mask_token_id=1, pad_token_id=0)
    x = torch.tensor([[3, 4, 5, 0], [6, 7, 8, 3]])
    noise = torch.tensor([[0.1, 0.5, 0.9, 0.0], [0.3, 0.7, 0.02, 0.99]])
    gamma = 1 - CosineSchedule(10).alphas_cumprod
    before = torch.zeros_like(x, dtype=torch.bool)
    for t in range(10):
        z, mask = process.forward_mask_process(x, t, noise)
        by_hand = (noise.double() < gamma[t]) & (x != 0)
        assert torch.equal(mask.bool(), by_hand)
        assert torch.equal(z, torch.where(by_hand, 1, x))
        assert bool((before <= by_hand).all())
        before = by_hand


def test_one_hot_input_and_wrong_axes() -> None:
    process = ExcitedStateDiffusion(CosineSchedule(10), 5)
    assert process.mask_token_id == 4
    x = torch.tensor([[0, 1, 2]])
    noise = torch.full((1, 3), 0.999999)
    assert torch.equal(process.forward_mask_process(nn.functional.one_hot(x, 5), 0, noise)[0], x)
    with pytest.raises(ValueError, match="2 or 3 axes, not 1"):
        process.forward_mask_process(torch.zeros(3), 0)


def test_progressive_masking_leaves_the_global_generator_alone() -> None:
    process = ExcitedStateDiffusion(CosineSchedule(10), 5, pad_token_id=None)
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    frames = process.progressive_masking(torch.zeros(1, 50, dtype=torch.long), [0, 5, 9])
    counts = [frame["num_masked"] for frame in frames]
    assert counts == sorted(counts, key=lambda n: int(str(n)))
    assert torch.equal(torch.rand(1), expected)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_configs_import_with_inheritance_of_any_depth(tmp_path: Path) -> None:
    write(
        tmp_path,
        "base.yaml",
        "diffusion: {num_timesteps: 100, schedule_type: cosine}\noptimizer: {lr: 0.001}\n",
    )
    write(
        tmp_path,
        "variants/small.yaml",
        "defaults: [base]\nmodel: {hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4}\n",
    )
    path = write(
        tmp_path,
        "experiments/run.yaml",
        "defaults: [variants/small]\ndata: {data_path: my.smi, batch_size: 8, train_split: 0.9}\n"
        "diffusion: {num_timesteps: 50}\ntrainer: {max_epochs: 3}\n",
    )
    ours, notes = convert(read_polydiff(path), faithful=False)
    config = FileConfig.model_validate(ours)
    assert config.schedule.model_dump()["num_timesteps"] == 50
    assert config.denoiser.model_dump()["width"] == 64
    assert config.train.optimizer.lr == 0.001
    assert config.holdout_share == pytest.approx(0.1)
    assert config.train.epochs == 3
    assert not any("max_epochs" in note for note in notes)
    faithful = FileConfig.model_validate(convert(read_polydiff(path), faithful=True)[0])
    assert (faithful.loss.kind, faithful.sampler.kind) == ("polydiff", "polydiff")


# The files that PolyDiff ships, rebuilt from what is known of them: names, sections, keys and values.
SHIPPED = {
    "base": """
model:
  {vocab_size: 768, hidden_size: 256, num_hidden_layers: 6, num_attention_heads: 8, intermediate_size: 1024,
   hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1, max_position_embeddings: 512}
diffusion: {num_timesteps: 1000, schedule_type: cosine, beta_start: 1e-4, beta_end: 0.02, s: 0.008}
data:
  {data_path: data/polymers.smi, tokenizer_name: seyonec/ChemBERTa-zinc-base-v1, train_split: 0.8, batch_size: 32,
   num_workers: 4, max_length: 512, val_subset_ratio: 1.0}
optimizer: {lr: 1e-4, weight_decay: 1e-2}
trainer:
  {accelerator: auto, devices: 1, max_epochs: 10, precision: 32, gradient_clip_val: 1.0, accumulate_grad_batches: 1}
checkpointing:
  {enable: true, dirpath: checkpoints, filename: "best-{epoch:02d}-{val_loss:.2f}", monitor: val_loss, mode: min,
   save_top_k: 1, save_last: true}
generation: {enable: true, num_samples: 10, max_length: 512, temperature: 1.0, seed: 42, log_every_n_epochs: 1}
logging: {enable: true, save_dir: logs, name: polydiff, version: null}
""",
    "model_variants/small": "model: {hidden_size: 256, num_hidden_layers: 6, num_attention_heads: 8, intermediate_size: 1024}",
    "model_variants/medium": "model: {hidden_size: 512, num_hidden_layers: 8, num_attention_heads: 8, intermediate_size: 2048}",
    "model_variants/large": "model: {hidden_size: 768, num_hidden_layers: 12, num_attention_heads: 12, intermediate_size: 3072}",
    "experiments/quick_test": "defaults: [base, model_variants/small]\ndiffusion: {num_timesteps: 5}\ntrainer: {devices: auto}",
    "experiments/smiles_generation": "defaults: [base, model_variants/medium]\ndiffusion: {schedule_type: linear}\n"
    "trainer: {precision: 16-mixed}",
    "experiments/polymer_generation": "defaults: [base, model_variants/large]\ntrainer: {precision: bf16-mixed}",
}


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """The folder of PolyDiff's configs."""
    for name, text in SHIPPED.items():
        write(tmp_path, f"{name}.yaml", text)
    return tmp_path


def other(key: str, value: object) -> object:
    """Another value that is allowed as well."""
    named = {
        "schedule_type": "quadratic",
        "precision": "bf16-mixed" if value == 32 else 32,
        "lr": 5e-4,
    }
    named |= {"weight_decay": 0.5, "beta_start": 5e-4}
    if key in named:
        return named[key]
    if isinstance(value, float):
        return value / 2
    return value * 2 if isinstance(value, int) else f"other {value}"


@pytest.mark.parametrize("faithful", [False, True])
@pytest.mark.parametrize("name", ["quick_test", "smiles_generation", "polymer_generation"])
def test_every_key_of_a_shipped_config_carries_over_or_is_named(
    shipped: Path, name: str, faithful: bool
) -> None:
    """Seen from outside: a key whose change changes nothing is named as left out."""
    theirs = read_polydiff(shipped / f"experiments/{name}.yaml")
    ours, said = convert(theirs, faithful=faithful)
    silent = []
    for section, keys in theirs.items():
        for key, value in keys.items():
            changed = {**theirs, section: {**keys, key: other(key, value)}}
            written, notes = convert(changed, faithful=faithful)
            named = any(f"{section}.{key} = " in note for note in [*said, *notes])
            if written == ours and not named:
                silent.append(f"{section}.{key}")
    assert sum(len(section) for section in theirs.values()) > 40
    assert silent == []
    config = FileConfig.model_validate(ours)
    width, steps, kind = {
        "quick_test": (256, 5, "polydiff_cosine"),
        "smiles_generation": (512, 1000, "polydiff_linear"),
        "polymer_generation": (768, 1000, "polydiff_cosine"),
    }[name]
    assert config.denoiser.model_dump()["width"] == width
    assert config.schedule.model_dump()["num_timesteps"] == steps
    assert config.schedule.kind == kind
    assert (config.train.optimizer.lr, config.train.optimizer.weight_decay) == (1e-4, 1e-2)
    assert config.train.precision == ("bf16" if name == "polymer_generation" else "fp32")


def test_numbers_without_a_dot_are_numbers(shipped: Path) -> None:
    """PolyDiff's reader takes 1e-4 for a number, plain YAML for text."""
    ours, _ = convert(read_polydiff(shipped / "experiments/smiles_generation.yaml"), faithful=False)
    assert ours["train"]["optimizer"]["lr"] == 1e-4
    assert ours["schedule"]["beta_start"] == 1e-4


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"model": {"hidden_size": 30, "num_attention_heads": 4}}, "must divide width = 30"),
        ({"diffusion": {"num_timesteps": 1}}, r"diffusion\.num_timesteps: must be .*, not 1$"),
        ({"optimizer": {"lr": "fast"}}, r"optimizer\.lr: must be a valid number, .*, not 'fast'$"),
        (
            {"trainer": {"gradient_clip_val": -1}},
            r"trainer\.gradient_clip_val: must be .*, not -1$",
        ),
        (
            {"data": {"train_split": 1.0}},
            r"data\.train_split = 1\.0 must be a number between 0 and 1",
        ),
        ({"diffusion": {"schedule_type": [1]}}, r"schedule_type: \[1\] is none of cosine"),
    ],
)
def test_values_that_are_not_allowed_are_named_as_they_were_given(
    config: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        convert(config, faithful=False)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("defaults: base\n", "must be a list of names"),
        ("", "must hold sections such as 'model:' and 'diffusion:', not nothing"),
        ("defaults: [a]\n", "inherits from itself"),
        ("defaults: [missing]\n", "cannot be read"),
        ("model: [\n", "is not YAML"),
        ("[1, 2]\n", "not a list"),
        ("a,b\n1,2\n", "not one text"),
        ("3\n", "not the single value 3"),
    ],
)
def test_broken_configs_are_one_sentence(tmp_path: Path, text: str, complaint: str) -> None:
    path = write(tmp_path, "experiments/a.yaml", text)
    with pytest.raises(ConfigError, match=complaint) as caught:
        read_polydiff(path)
    assert "\n" not in caught.value.message


def test_unknown_keys_and_schedules_are_named() -> None:
    with pytest.raises(ConfigError, match="'wrong' is no section"):
        convert({"wrong": {}}, faithful=False)
    with pytest.raises(ConfigError, match="'sigmoid' is none of cosine"):
        convert({"diffusion": {"schedule_type": "sigmoid"}}, faithful=False)
    with pytest.raises(ConfigError, match=r"model\.layers is no key"):
        convert({"model": {"layers": 3}}, faithful=False)


@pytest.mark.parametrize("name", ["cosine", "linear", "quadratic", "exponential", "logarithmic"])
def test_module_takes_every_schedule_of_the_seed(name: str) -> None:
    """PolyDiff's own task refuses four of its five schedules, one shipped experiment among them."""
    task = DiffusionTask(
        TINY_BERT, {"num_timesteps": 50, "schedule_type": name}, {"lr": 1e-4}, tokenizer(), max_length=12
    )  # fmt: skip
    assert task.schedule.kind == f"polydiff_{name}"
    assert bool(torch.isfinite(task.training_step(batch(), 0)))


def test_body_is_hugging_faces_bert_with_the_time_where_the_seed_puts_it() -> None:
    """A second implementation: transformers' own BertModel with our weights, and a linear head."""
    task = seed_module().eval()
    body = BertModel(task.model.body.config, add_pooling_layer=False).eval()
    body.load_state_dict(task.model.body.bert.state_dict())
    ids, mask = batch()["input_ids"], batch()["attention_mask"]
    noise = torch.tensor([0.2, 0.9])
    with torch.no_grad():
        hidden = body(input_ids=ids, attention_mask=mask).last_hidden_state
        rows = (noise * (task.model.num_timesteps - 1)).round().long()
        hidden = hidden + task.timestep_embedding(rows)[:, None]
        assert torch.allclose(task(ids, noise, mask.bool()), task.output_projection(hidden))


def test_loss_of_the_compatibility_mode_is_the_seeds_mean_over_all_positions() -> None:
    task = seed_module()
    corrupted = task.corrupt(batch(), torch.Generator().manual_seed(1))
    expected = nn.functional.cross_entropy(corrupted.logits.flatten(0, 1), corrupted.x.flatten())
    assert task.loss(corrupted).item() == pytest.approx(expected.item(), rel=1e-6)


def test_more_sampling_steps_than_training_steps_are_no_error() -> None:
    """PolyDiff indexes its embedding by the sampler's step and leaves it."""
    made = sample_lengths(
        seed_module().eval(), Ancestral(num_steps=40), [4, 6], seed=1, batch_size=2
    )
    assert [len(ids) for ids in made.tokens] == [4, 6]


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"data": {"data_pth": "x"}}, r"data\.data_pth is no key"),
        ({"optimizer": {"learning_rate": 1}}, r"optimizer\.learning_rate is no key"),
        ({"trainer": {"epochs": 1}}, r"trainer\.epochs is no key"),
        ({"generation": [1]}, "'generation' must hold keys, not a list"),
    ],
)
def test_unknown_keys_of_any_section_are_named(config: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        convert(config, faithful=False)
