"""Changes to a good package: each gives a function that makes one in a folder."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from likeness.systems.audio2face.package.network_info import network_inputs, network_outputs
from likeness.systems.audio2face.package.network_info import shape_of as shape_of_info
from tests.systems.audio2face.package.packages import write_graph

Change = Callable[[Path], None]
DATA, CONFIG, EMO = "model_data.npz", "model_config.json", "implicit_emo_db.npz"
SKIN, SKIN_CONFIG = "bs_skin_ada.npz", "bs_skin_config_ada.json"
TONGUE = "bs_tongue_ada.npz"


def document(name: str, *keys: Any, to: Any) -> Change:
    """Set a value in a JSON file; ``...`` deletes it."""

    def change(folder: Path) -> None:
        whole = inner = json.loads((folder / name).read_text())
        for key in keys[:-1]:
            inner = inner[key]
        if to is ...:
            del inner[keys[-1]]
        else:
            inner[keys[-1]] = to
        (folder / name).write_text(json.dumps(whole))

    return change


def text(name: str, content: str) -> Change:
    return lambda folder: void((folder / name).write_text(content))


def gone(*names: str) -> Change:
    return lambda folder: [(folder / name).unlink() for name in names] and None


def void(_: object) -> None:
    return None


def arrays(name: str, save: Callable[..., Any] = np.savez, **changes: Any) -> Change:
    """Save an npz file again with other arrays: a function of the old one, a value, or ... ."""

    def change(folder: Path) -> None:
        with np.load(folder / name) as file:
            content = dict(file)
        for key, to in changes.items():
            if to is ...:
                del content[key]
            else:
                content[key] = to(content[key]) if callable(to) else to
        save(folder / name, **content)

    return change


def whole_poses(name: str, neutral: str, *poses: str) -> Change:
    """The poses themselves where their differences from a neutral belong."""

    def change(folder: Path) -> None:
        with np.load(folder / name) as file:
            still = file[neutral]
        arrays(name, **dict.fromkeys(poses, lambda delta: delta + still))(folder)

    return change


def graph(edit: Callable[[dict[str, Any], dict[str, Any]], None], **options: Any) -> Change:
    """Export the graph again with other inputs and outputs."""

    def change(folder: Path) -> None:
        info = json.loads((folder / "network_info.json").read_text())
        shape = shape_of_info(info)
        inputs = dict(network_inputs(shape, len(info["params"]["identities"]), 2))
        outputs = dict(network_outputs(shape))
        edit(inputs, outputs)
        write_graph(folder / "network.onnx", inputs, outputs, **options)

    return change


def cut(name: str, keep: float) -> Change:
    def change(folder: Path) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: int(len(data) * keep)])

    return change


def nan_at_first(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flat[0] = np.nan
    return array


def flat(array: np.ndarray) -> np.ndarray:
    return array * np.array([1, 0, 1], array.dtype)


def renamed(names: np.ndarray) -> np.ndarray:
    return np.array([b"rest", *names[1:]])


def external_weights(folder: Path) -> None:
    model = onnx.load(folder / "network.onnx")
    tensor = onnx.numpy_helper.from_array(np.zeros(400, np.float32), "w")
    model.graph.initializer.append(tensor)
    onnx.save(model, folder / "network.onnx", save_as_external_data=True, location="w.bin",
              size_threshold=16)  # fmt: skip


def second_number_as_unicode(folder: Path) -> None:
    """A scalar text in unicode in front of everything, as export scripts write rig_version."""
    with np.load(folder / SKIN) as file:
        content = {"rig_version": np.array("1.0"), **dict(file)}
    np.savez(folder / SKIN, **content)


def version_2_header(folder: Path) -> None:
    with np.load(folder / DATA) as file:
        content = dict(file)
    last = list(content)[-1]
    with zipfile.ZipFile(folder / DATA, "w") as archive:
        for name, array in content.items():
            with archive.open(f"{name}.npy", "w") as member:
                version = (2, 0) if name == last else (1, 0)
                np.lib.format.write_array(member, array, version=version)


def hidden_tail(folder: Path) -> None:
    """A member that only the central directory knows: bytes between two members."""
    name = "saccade_rot_matrix"
    with np.load(folder / DATA) as file:
        content = dict(file)
    tail = content.pop(name)
    with zipfile.ZipFile(folder / DATA, "w") as archive:
        for key, array in content.items():
            with archive.open(f"{key}.npy", "w") as member:
                np.lib.format.write_array(member, array)
        archive.fp.write(b"\0" * 64)  # type: ignore[union-attr]
        archive.start_dir = archive.fp.tell()  # type: ignore[union-attr]
        with archive.open(f"{name}.npy", "w") as member:
            np.lib.format.write_array(member, tail)


def with_objects(folder: Path) -> None:
    with np.load(folder / DATA) as file:
        content = dict(file)
    np.savez(folder / DATA, **content, zz=np.array([{}], object), allow_pickle=True)


def transposed(*axes: int) -> Callable[[np.ndarray], np.ndarray]:
    """Another order of axes, with the values moved: as many bytes as before."""
    return lambda array: np.ascontiguousarray(array.transpose(axes))


def flipped_value(folder: Path) -> None:
    """One bit of the middle value of an array, as a bad disk leaves it."""
    with zipfile.ZipFile(folder / DATA) as archive:
        member = archive.getinfo("shapes_mean_skin.npy")
        end = member.header_offset + member.file_size
    content = bytearray((folder / DATA).read_bytes())
    content[end - 40] ^= 1
    (folder / DATA).write_bytes(content)


def nodes(edit: Callable[[onnx.GraphProto], object]) -> Change:
    """Change what the graph computes."""

    def change(folder: Path) -> None:
        model = onnx.load(str(folder / "network.onnx"))
        edit(model.graph)
        onnx.save(model, str(folder / "network.onnx"))

    return change


def weights(values: np.ndarray, *, constant: bool = False) -> Change:
    """Add an initialiser, or the value of a Constant node, to the graph."""

    def change(folder: Path) -> None:
        model = onnx.load(folder / "network.onnx")
        tensor = onnx.numpy_helper.from_array(values, "w")
        if constant:
            node = onnx.helper.make_node("Constant", [], ["w"], value=tensor)
            model.graph.node.insert(0, node)
        else:
            model.graph.initializer.append(tensor)
        onnx.save(model, folder / "network.onnx")

    return change
