"""Residual trunks: the names and shapes of the common checkpoints, and which files are refused."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from likeness.errors import DataError, MissingError, UnsafeFileError, UsageError
from likeness.models.resnet import BasicBlock, ResNet, build_trunk, load_pretrained

DEPTHS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3), "resnet50": (3, 4, 6, 3)}
# Parameters of the published networks without their classifier (He et al. 2016).
NUM_PARAMETERS = {"resnet18": 11_176_512, "resnet34": 21_284_672, "resnet50": 23_508_032}


def published(architecture: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the ImageNet checkpoints without ``fc``, from their description."""

    def norm(name: str, channels: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            table[f"{name}.{part}"] = (channels,)
        table[f"{name}.num_batches_tracked"] = ()

    is_deep = architecture == "resnet50"
    table: dict[str, tuple[int, ...]] = {"conv1.weight": (64, 3, 7, 7)}
    norm("bn1", 64)
    inputs = 64
    for layer, (depth, width) in enumerate(zip(DEPTHS[architecture], (64, 128, 256, 512)), start=1):
        out = 4 * width if is_deep else width
        for block in range(depth):
            base = f"layer{layer}.{block}"
            if is_deep:
                kernels = [(inputs, width, 1), (width, width, 3), (width, out, 1)]
            else:
                kernels = [(inputs, width, 3), (width, width, 3)]
            for number, (a, b, size) in enumerate(kernels, start=1):
                table[f"{base}.conv{number}.weight"] = (b, a, size, size)
                norm(f"{base}.bn{number}", b)
            # A projection where size or number of channels changes, in the first block only.
            if block == 0 and (layer > 1 or inputs != out):
                table[f"{base}.downsample.0.weight"] = (out, inputs, 1, 1)
                norm(f"{base}.downsample.1", out)
            inputs = out
    return table


@pytest.mark.parametrize("architecture", sorted(DEPTHS))
def test_names_and_shapes_are_those_of_the_checkpoints(architecture):
    with torch.device("meta"):
        trunk = build_trunk(architecture)
    found = {name: tuple(value.shape) for name, value in trunk.state_dict().items()}
    assert found == published(architecture)
    assert sum(p.numel() for p in trunk.parameters()) == NUM_PARAMETERS[architecture]
    assert trunk.channels == (2048 if architecture == "resnet50" else 512)


@pytest.mark.parametrize("architecture", ["tiny", "small", "resnet18", "resnet50"])
def test_features_have_the_size_the_stride_says(architecture):
    with torch.device("meta"):
        trunk = build_trunk(architecture)
        features = trunk(torch.zeros(2, 3, 96, 96))
    assert features.shape == (2, trunk.channels, 96 // trunk.stride, 96 // trunk.stride)


def test_the_stride_of_a_bottleneck_sits_on_its_3x3_convolution():
    """The weights in circulation were trained this way ("v1.5"), not as the paper draws it."""
    with torch.device("meta"):
        block = build_trunk("resnet50").layer2[0]
    assert [block.conv1.stride, block.conv2.stride, block.conv3.stride] == [(1, 1), (2, 2), (1, 1)]


def small_trunk() -> ResNet:
    torch.manual_seed(1)
    return ResNet(BasicBlock, (1, 1, 1, 1), widths=(4, 4, 8, 8), stem=4)


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(2)
    state = ResNet(BasicBlock, (1, 1, 1, 1), widths=(4, 4, 8, 8), stem=4).state_dict()
    return {name: torch.rand_like(value.float()).to(value.dtype) for name, value in state.items()}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("wrapping", ["plain", "checkpoint"])
def test_loads_strictly_without_the_classifier(tmp_path, state, suffix, wrapping):
    path = tmp_path / f"weights{suffix}"
    extended = {**state, "fc.weight": torch.zeros(10, 8), "fc.bias": torch.zeros(10)}
    if wrapping == "checkpoint":
        extended = {f"module.{name}": value for name, value in extended.items()}
    if suffix == ".safetensors":
        save_file(extended, path)
    else:
        torch.save({"state_dict": extended} if wrapping == "checkpoint" else extended, path)
    trunk = small_trunk()
    load_pretrained(trunk, path)
    for name, value in trunk.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_loads_checkpoints_from_before_batches_were_counted(tmp_path, state):
    old = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    torch.save(old, tmp_path / "old.pth")
    trunk = small_trunk()
    load_pretrained(trunk, tmp_path / "old.pth")
    assert torch.equal(trunk.conv1.weight, state["conv1.weight"])


def test_names_and_shapes_that_differ_are_named(tmp_path, state):
    del state["bn1.weight"]
    state["layer9.0.conv1.weight"] = torch.zeros(1)
    state["conv1.weight"] = torch.zeros(5, 3, 7, 7)
    torch.save(state, tmp_path / "other.pth")
    trunk = small_trunk()
    before = {name: value.clone() for name, value in trunk.state_dict().items()}
    with pytest.raises(UsageError) as caught:
        load_pretrained(trunk, tmp_path / "other.pth")
    message = str(caught.value)
    assert "missing [bn1.weight]" in message
    assert "unexpected [layer9.0.conv1.weight]" in message
    assert "conv1.weight (5, 3, 7, 7) instead of (4, 3, 7, 7)" in message
    assert "model.backbone" in message
    for name, value in trunk.state_dict().items():
        assert torch.equal(value, before[name]), f"{name} changed although the file was refused"


class _Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.system, (f"touch {self.path}",))


def test_a_hostile_pickle_is_refused_and_not_run(tmp_path):
    trace = tmp_path / "was_here"
    with open(tmp_path / "hostile.pth", "wb") as file:
        pickle.dump({"conv1.weight": _Hostile(trace)}, file, protocol=2)
    with pytest.raises(UnsafeFileError, match="would run code") as caught:
        load_pretrained(small_trunk(), tmp_path / "hostile.pth")
    assert caught.value.exit_code == 4
    assert not trace.exists()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", bytes(range(256))])
def test_damaged_files_are_data_errors(tmp_path, suffix, content):
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        load_pretrained(small_trunk(), path)


def test_a_truncated_download_is_a_data_error(tmp_path, state):
    torch.save(state, tmp_path / "whole.pth")
    data = (tmp_path / "whole.pth").read_bytes()
    (tmp_path / "half.pth").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"half\.pth"):
        load_pretrained(small_trunk(), tmp_path / "half.pth")


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3, "best": 0.1}, torch.zeros(3)])
def test_something_else_than_a_state_dict_is_a_data_error(tmp_path, content):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(DataError, match="Expected tensors by name"):
        load_pretrained(small_trunk(), tmp_path / "other.pth")


def test_more_names_than_are_listed_are_counted(tmp_path, state):
    kept = {k: v for k, v in state.items() if not k.startswith("layer4")}
    torch.save(kept, tmp_path / "short.pth")
    with pytest.raises(UsageError) as caught:
        load_pretrained(small_trunk(), tmp_path / "short.pth")
    lost = [k for k in state if k.startswith("layer4") and not k.endswith("batches_tracked")]
    assert f"and {len(lost) - 4} more], unexpected []" in caught.value.message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_by_the_name_of_their_file(tmp_path, state, value):
    state["layer2.0.conv1.weight"].view(-1)[3] = value
    torch.save(state, tmp_path / "diverged.pth")
    with pytest.raises(DataError) as caught:
        load_pretrained(small_trunk(), tmp_path / "diverged.pth")
    assert "diverged.pth' holds NaN or infinity in 1 of " in caught.value.message
    assert "first in 'layer2.0.conv1.weight'" in caught.value.message


def test_pickles_of_other_hands_are_refused_without_a_warning_of_torch(tmp_path, recwarn):
    with open(tmp_path / "other.pth", "wb") as file:
        pickle.dump({"conv1.weight": _Hostile(tmp_path / "trace")}, file, protocol=4)
    with pytest.raises(UnsafeFileError):
        load_pretrained(small_trunk(), tmp_path / "other.pth")
    assert [str(w.message) for w in recwarn] == []


def test_a_missing_file_says_which_and_exits_with_3(tmp_path):
    with pytest.raises(MissingError, match=r"nowhere\.pth") as caught:
        load_pretrained(small_trunk(), tmp_path / "nowhere.pth")
    assert caught.value.exit_code == 3
    assert "model.pretrained" in caught.value.advice


def test_an_unknown_architecture_is_a_programming_error():
    with pytest.raises(ValueError, match="vgg"):
        build_trunk("vgg")
