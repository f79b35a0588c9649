"""Residual networks (He et al., 2016, arXiv:1512.03385) named like the common checkpoints.

``conv1, bn1, layer1.0.conv1, …, layer4.1.bn2``: a state dict of the usual ImageNet weights loads
strictly once its ``fc.*`` entries are dropped. Owns convolutional trunks only; pooling and heads
belong to the systems.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from likeness.errors import MissingError, UsageError, first_few
from likeness.models.weight_files import read_tensors

Architecture = Literal["tiny", "small", "resnet18", "resnet34", "resnet50"]


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut (ResNet-18/34)."""

    expansion = 1

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(in_channels, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out = self.relu(out + (x if self.downsample is None else self.downsample(x)))
        return out


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 around a shortcut; the stride sits on the 3x3 (ResNet-50 "v1.5")."""

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        wide = channels * self.expansion
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, wide, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(wide)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(in_channels, wide, stride)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out = self.relu(out + (x if self.downsample is None else self.downsample(x)))
        return out


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
    )


class ResNet(nn.Module):
    """A residual trunk: image (B, 3, H, W) to a feature map (B, ``channels``, H/32, W/32)."""

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        depths: Sequence[int],
        *,
        widths: Sequence[int] = (64, 128, 256, 512),
        stem: int = 64,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, stem, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = stem
        for number, (depth, width) in enumerate(zip(depths, widths, strict=True), start=1):
            blocks = []
            for position in range(depth):
                stride = 2 if position == 0 and number > 1 else 1
                blocks.append(block(channels, width, stride))
                channels = width * block.expansion
            setattr(self, f"layer{number}", nn.Sequential(*blocks))
        self.channels = channels
        self.stride = 32
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for number in range(1, 5):
            x = getattr(self, f"layer{number}")(x)
        return x


class SmallNet(nn.Module):
    """A narrow residual trunk for small pictures on a CPU: strided stem, no max-pooling, stride 16.

    Position survives better than in a ResNet of the same cost because nothing is pooled away before
    the features are 16 times smaller than the picture.
    """

    def __init__(self, widths: Sequence[int], depths: Sequence[int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 5, 2, 2, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.relu = nn.ReLU(inplace=True)
        channels, number = widths[0], 0
        for number, (width, depth) in enumerate(zip(widths[1:], depths, strict=True), start=1):
            blocks = [BasicBlock(channels, width, 2)]
            blocks += [BasicBlock(width, width, 1) for _ in range(depth - 1)]
            setattr(self, f"layer{number}", nn.Sequential(*blocks))
            channels = width
        self._num_layers = number
        self.channels = channels
        self.stride = 2 ** (number + 1)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        for number in range(1, self._num_layers + 1):
            x = getattr(self, f"layer{number}")(x)
        return x


def initialise(module: nn.Module) -> None:
    """Kaiming-normal convolutions (fan out), unit batch norms."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)


def build_trunk(architecture: Architecture) -> ResNet | SmallNet:
    """The named trunk, randomly initialised. It has ``channels`` and ``stride``."""
    if architecture == "tiny":
        return SmallNet(widths=(12, 24, 48, 72), depths=(1, 1, 1))
    if architecture == "small":
        return SmallNet(widths=(16, 32, 64, 128), depths=(1, 1, 2))
    if architecture == "resnet18":
        return ResNet(BasicBlock, (2, 2, 2, 2))
    if architecture == "resnet34":
        return ResNet(BasicBlock, (3, 4, 6, 3))
    if architecture == "resnet50":
        return ResNet(Bottleneck, (3, 4, 6, 3))
    raise ValueError(f"unknown architecture '{architecture}'")


def load_pretrained(trunk: nn.Module, path: str | Path) -> None:
    """Load a trunk's weights from a ``.safetensors``, ``.pth`` or ``.pt`` state dict, strictly.

    The classifier (``fc.*``) and a ``module.`` prefix are dropped; :func:`.read_tensors` reads.

    Raises:
        MissingError: there is no such file.
        UnsafeFileError: the pickle asks for more than tensors.
        DataError: the file is damaged, holds no state dict, or values that no weights have.
        UsageError: names or shapes differ from the trunk's; the message lists the first few.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingError(
            f"Pretrained weights were expected at '{path}', but there is no such file.",
            advice="Set model.pretrained to a ResNet state dict (.safetensors, .pth), or to null.",
        )
    state = {k.removeprefix("module."): v for k, v in read_tensors(path).items()}
    state = {k: v for k, v in state.items() if not k.startswith("fc.")}
    own = trunk.state_dict()
    missing = sorted(own.keys() - state.keys())
    unexpected = sorted(state.keys() - own.keys())
    differing = [
        f"{k} {tuple(state[k].shape)} instead of {tuple(own[k].shape)}"
        for k in sorted(own.keys() & state.keys())
        if state[k].shape != own[k].shape
    ]
    # num_batches_tracked is absent from checkpoints older than torch 0.4.1 and carries no weight.
    missing = [k for k in missing if not k.endswith("num_batches_tracked")]
    if missing or unexpected or differing:
        raise UsageError(
            f"'{path}' does not fit the backbone: missing [{first_few(missing, 4)}], unexpected "
            f"[{first_few(unexpected, 4)}], of another shape [{first_few(differing, 4)}].",
            advice="Choose the model.backbone that the weights were trained for.",
        )
    trunk.load_state_dict(state, strict=False)
