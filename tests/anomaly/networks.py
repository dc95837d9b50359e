"""Networks as people have them, built small from their configs: of transformers, and in the style of torchvision.

torchvision itself does not fit beside the pinned torch, so its networks are written down here with what makes them hard: activations
that write in place, one `relu` that is used twice, attention that calls its output map as a function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn


class Network(NamedTuple):
    """A network of the table.

    Attributes:
        build: Makes the module.
        shape: Shape of a sample: (t,) tokens, (t, d) steps or (c, h, w) pixels.
        trunk: A layer that the default layers must hold one of, by the beginning of its name.
    """

    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    trunk: str


def inputs_of(network: Network, count: int, seed: int = 0) -> np.ndarray:
    """Return samples for a network: tokens below 90, or normal numbers, in images about a colour of each."""
    rng = np.random.default_rng(seed)
    if len(network.shape) == 1:
        return rng.integers(3, 90, (count, *network.shape))
    rows = rng.normal(size=(count, *network.shape))
    if len(network.shape) == 3:
        # An average over the pixels of noise alone is the same for every image.
        rows += rng.normal(size=(count, network.shape[0], 1, 1))
    return rows.astype(np.float32)


def _hf(name: str, model: str = "", **sizes: Any) -> Callable[[], nn.Module]:  # noqa: ANN401
    def build() -> nn.Module:
        import transformers

        config = getattr(transformers, f"{name}Config")(**sizes)
        return getattr(transformers, model or f"{name}Model")(config)

    return build


_ENCODER = {
    "vocab_size": 99, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 36,
    "max_position_embeddings": 40,
}  # fmt: skip
_DECODER = {**_ENCODER, "num_key_value_heads": 2}


def _bfloat16(build: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    return lambda: build().to(torch.bfloat16)


class Basic(nn.Module):
    """A residual block whose one `relu` writes in place and runs twice."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = (
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.relu = nn.ReLU(inplace=True)
        self.conv2, self.bn2 = (
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x
        return self.relu(out)


class ResNet18(nn.Module):
    """Stages of residual blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 12, 3, 2, 1), nn.BatchNorm2d(12)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(Basic(12), Basic(12))
        self.layer2 = nn.Sequential(nn.Conv2d(12, 14, 1), Basic(14))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(14, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.fc(torch.flatten(self.avgpool(self.layer2(self.layer1(x))), 1))


class Permute(nn.Module):
    """Axes in another order."""

    def __init__(self, *axes: int) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.axes)


class NeXtBlock(nn.Module):
    """Channels last inside, channels first outside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(width, width, 7, padding=3, groups=width),
            Permute(0, 2, 3, 1),
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Linear(4 * width, width),
            Permute(0, 3, 1, 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x)


class Flat(nn.Module):
    """A trunk, an average over pixels, and a linear map."""

    def __init__(self, features: nn.Module, width: int) -> None:
        super().__init__()
        self.features = features
        self.avgpool, self.classifier = nn.AdaptiveAvgPool2d(1), nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def convnext() -> nn.Module:
    """Return a ConvNeXt."""
    stem = nn.Conv2d(3, 10, 4, 4)
    return Flat(nn.Sequential(stem, nn.Sequential(NeXtBlock(10), NeXtBlock(10))), 10)


class DenseLayer(nn.Module):
    """New channels beside the old ones."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.relu1 = nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(width, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv1(self.relu1(self.norm1(x)))], 1)


def densenet() -> nn.Module:
    """Return a DenseNet."""
    features = nn.Sequential()
    features.add_module("conv0", nn.Conv2d(3, 8, 3, 2, 1))
    features.add_module("denseblock1", nn.Sequential(DenseLayer(8), DenseLayer(12)))
    features.add_module("transition1", nn.Sequential(nn.Conv2d(16, 8, 1), nn.AvgPool2d(2)))
    features.add_module("denseblock2", nn.Sequential(DenseLayer(8), DenseLayer(12)))
    return Flat(features, 16)


def vgg() -> nn.Module:
    """Return a VGG with batch norm."""
    parts: list[nn.Module] = []
    for before, after in ((3, 9), (9, 11)):
        parts += [
            nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        ]  # fmt: skip
    return Flat(nn.Sequential(*parts), 11)


def convolution(before: int, after: int, *sizes: int, padding: int = 0) -> nn.Module:
    """Return a convolution with batch norm and an activation."""
    inner = nn.Conv2d(before, after, *sizes, padding=padding, bias=False)
    return nn.Sequential(inner, nn.BatchNorm2d(after, eps=0.001), nn.ReLU(inplace=True))


class Inception(nn.Module):
    """Branches side by side."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch1, self.branch2 = convolution(width, 5, 1), convolution(width, 6, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch1(x), self.branch2(x)], 1)


class GoogLeNet(nn.Module):
    """Blocks under names that no list holds."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = convolution(3, 7, 3, 2, padding=1)
        self.inception3a, self.inception3b = Inception(7), Inception(11)
        self.maxpool3, self.inception4a = nn.MaxPool2d(3, 2, 1), Inception(11)
        self.avgpool, self.dropout, self.fc = (
            nn.AdaptiveAvgPool2d(1),
            nn.Dropout(),
            nn.Linear(11, 5),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.inception3b(self.inception3a(self.conv1(x)))
        x = self.avgpool(self.inception4a(self.maxpool3(x)))
        return self.fc(self.dropout(torch.flatten(x, 1)))


class EncoderBlock(nn.Module):
    """A block of a vision transformer, with torch's own attention."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.self_attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 30), nn.GELU(), nn.Linear(30, width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.ln_1(x)
        x = x + self.self_attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class ViT(nn.Module):
    """A vision transformer of a fixed size."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_proj = nn.Conv2d(3, 20, 8, 8)
        self.class_token = nn.Parameter(torch.randn(1, 1, 20))
        self.pos_embedding = nn.Parameter(torch.randn(1, 17, 20) * 0.02)
        self.layers = nn.Sequential(EncoderBlock(20), EncoderBlock(20))
        self.ln, self.head = nn.LayerNorm(20), nn.Linear(20, 5)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.conv_proj(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(x), -1, -1), tokens], 1)
        return self.head(self.ln(self.layers(tokens + self.pos_embedding))[:, 0])


class WindowBlock(nn.Module):
    """Attention inside of windows, whose rows are windows and not samples."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.attn = nn.LayerNorm(width), nn.Linear(width, width)
        self.mlp = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, h, w, c = x.shape
        y = self.norm(x).reshape(n, h // 4, 4, w // 4, 4, c).transpose(2, 3).reshape(-1, 16, c)
        y = self.attn(y).softmax(1) * y
        y = y.reshape(n, h // 4, w // 4, 4, 4, c).transpose(2, 3).reshape(n, h, w, c)
        return x + self.mlp(y)


class Swin(nn.Module):
    """Windowed blocks over channels-last images."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 18, 4, 4)
        self.features = nn.Sequential(WindowBlock(18), WindowBlock(18))
        self.norm, self.head = nn.LayerNorm(18), nn.Linear(18, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(self.patch(x).permute(0, 2, 3, 1))
        return self.head(self.norm(x).mean((1, 2)))


class UNet(nn.Module):
    """Down and up again, with group norm."""

    def __init__(self) -> None:
        super().__init__()
        self.inc = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.SiLU())
        self.down = nn.Sequential(nn.Conv2d(8, 12, 3, 2, 1), nn.GroupNorm(2, 12), nn.SiLU())
        self.up = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(12, 8, 3, padding=1))
        self.outc = nn.Conv2d(16, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        high = self.inc(x)
        return self.outc(torch.cat([high, self.up(self.down(high))], 1))


class Audio(nn.Module):
    """Convolutions over time."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv1d(2, 9, 5, 2, 2), nn.BatchNorm1d(9), nn.ReLU(), nn.Conv1d(9, 11, 5, 2, 2), nn.ReLU(inplace=True)
        )  # fmt: skip
        self.pool, self.head = nn.AdaptiveAvgPool1d(1), nn.Linear(11, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.pool(self.encoder(x)).squeeze(-1))


class Sequences(nn.Module):
    """Torch's transformer, in either order of its axes."""

    def __init__(self, *, batch_first: bool) -> None:
        super().__init__()
        self.batch_first = batch_first
        self.embed = nn.Linear(3, 14)
        layer = nn.TransformerEncoderLayer(14, 2, 22, dropout=0.1, batch_first=batch_first)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(14, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        x = self.encoder(x if self.batch_first else x.transpose(0, 1))
        return self.head(x.mean(1 if self.batch_first else 0))


class Recurrent(nn.Module):
    """An LSTM, which returns its states beside its output."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = nn.LSTM(3, 13, 2, batch_first=True), nn.Linear(13, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.rnn(x)[0][:, -1])


TOKENS, PIXELS = (12,), (3, 32, 32)
# fmt: off
_VISION = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 36, "image_size": 32}
NETWORKS: dict[str, Network] = {
    "bert": Network(_hf("Bert", **_ENCODER), TOKENS, "encoder.layer"),
    "roberta": Network(_hf("Roberta", **_ENCODER), TOKENS, "encoder.layer"),
    "distilbert": Network(_hf("DistilBert", "DistilBertForSequenceClassification", vocab_size=99, dim=24, n_layers=2, n_heads=2, hidden_dim=36, max_position_embeddings=40), TOKENS, "distilbert.transformer.layer"),
    "gpt2": Network(_hf("GPT2", "GPT2LMHeadModel", vocab_size=99, n_embd=24, n_layer=2, n_head=2, n_positions=40, use_cache=False, bos_token_id=1, eos_token_id=2), TOKENS, "transformer.h"),
    "llama": Network(_hf("Llama", **_DECODER), TOKENS, "layers"),
    "gpt_neox": Network(_hf("GPTNeoX", **_ENCODER), TOKENS, "layers"),
    "qwen2": Network(_hf("Qwen2", **_DECODER), TOKENS, "layers"),
    "mamba": Network(_hf("Mamba", vocab_size=99, hidden_size=24, num_hidden_layers=2, state_size=4, expand=2, use_cache=False), TOKENS, "layers"),
    "llama_bfloat16": Network(_bfloat16(_hf("Llama", **_DECODER)), TOKENS, "layers"),
    "t5": Network(_hf("T5", "T5EncoderModel", vocab_size=99, d_model=24, d_kv=12, d_ff=36, num_layers=2, num_heads=2), TOKENS, "encoder.block"),
    "mixtral": Network(_hf("Mixtral", **_DECODER, num_local_experts=4), TOKENS, "layers"),
    "vit": Network(_hf("ViT", patch_size=8, **_VISION), PIXELS, "layers"),
    "swin": Network(_hf("Swin", image_size=32, patch_size=4, embed_dim=12, depths=[1, 1], num_heads=[2, 2], window_size=4), PIXELS, "encoder.layers"),
    "convnext": Network(_hf("ConvNext", depths=[1, 1], hidden_sizes=[12, 16], num_stages=2), PIXELS, "encoder.stages"),
    "resnet": Network(_hf("ResNet", embedding_size=10, hidden_sizes=[12, 16], depths=[1, 1]), PIXELS, "encoder.stages"),
    "mobilenet_v2": Network(_hf("MobileNetV2", depth_multiplier=0.25, finegrained_output=False, image_size=32), PIXELS, "layer"),
    "efficientnet": Network(_hf("EfficientNet", image_size=32, width_coefficient=0.2, depth_coefficient=0.3, hidden_dim=256, depth_divisor=4, num_hidden_layers=4), PIXELS, "encoder.blocks"),
    "tv_resnet18": Network(ResNet18, PIXELS, "layer"),
    "tv_convnext": Network(convnext, PIXELS, "features"),
    "tv_densenet": Network(densenet, PIXELS, "features.denseblock"),
    "tv_vgg": Network(vgg, PIXELS, "features"),
    "tv_googlenet": Network(GoogLeNet, PIXELS, "inception"),
    "tv_vit": Network(ViT, PIXELS, "layers"),
    "tv_swin": Network(Swin, PIXELS, "features"),
    "unet": Network(UNet, (3, 16, 16), "down"),
    "audio": Network(Audio, (2, 40), "encoder"),
    "sequences": Network(lambda: Sequences(batch_first=True), (9, 3), "encoder.layers"),
    "sequences_tokens_first": Network(lambda: Sequences(batch_first=False), (9, 3), "encoder.layers"),
    "lstm": Network(Recurrent, (9, 3), "rnn"),
}
# fmt: on


def build(name: str) -> nn.Module:
    """Return a network of the table whose activations vary from sample to sample as in one that was trained.

    Weights are moved a little, as in a fresh network many units are the same for all inputs. Maps get the size that keeps the size of
    what they are given: transformers draws with a deviation of .02, which is meant for a width of 768. Batch norm has seen samples.
    """
    torch.manual_seed(0)
    module = NETWORKS[name].build()
    norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    with torch.no_grad():
        for value in module.parameters():
            if value.is_floating_point():
                spread = float(value.float().std(correction=0))
                step = 0.1 * (spread if value.ndim > 1 else spread + 1)
                value.add_((step * torch.randn(value.shape)).to(value.dtype))
                if value.ndim > 1 and spread > 0:
                    value.mul_(max(1.0, value[0].numel() ** -0.5 / spread))
        if norms:
            module.eval()
            for norm in norms:
                norm.train()
                norm.momentum = None  # a plain average
            module(torch.tensor(inputs_of(NETWORKS[name], 64, seed=5)))
            module.train()
    return module
