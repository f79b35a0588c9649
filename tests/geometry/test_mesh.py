"""What follows from triangles, against loops, and mesh files against trimesh and by hand."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from likeness.errors import DataError, MissingError, UnsafeFileError, UsageError
from likeness.geometry.mesh import (
    Mesh,
    faces_within,
    select_faces,
    triangulate,
    vertex_normals,
)
from likeness.geometry.mesh_files import read_mesh, write_mesh
from likeness.geometry.mesh_glb import Skeleton, write_glb

SPHERE = trimesh.creation.icosphere(subdivisions=2, radius=0.1)


def textured_square() -> Mesh:
    """Two triangles, five UV points (a seam at one vertex), a 4 x 8 texture."""
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]]) / 3
    rng = np.random.default_rng(0)
    return Mesh(
        vertices=vertices,
        faces=np.array([[0, 1, 2], [0, 2, 3]]),
        uv=np.array([[0, 0], [0.5, 0], [0.5, 1], [0.6, 0.1], [1, 0.9]]),
        uv_faces=np.array([[0, 1, 2], [3, 2, 4]]),
        texture=rng.integers(0, 256, (4, 8, 3)) / 255,
    )


def test_normals_of_a_sphere_point_outward() -> None:
    normals = vertex_normals(SPHERE.vertices, SPHERE.faces)
    cosine = (normals * SPHERE.vertices / 0.1).sum(axis=1)
    assert cosine.min() > 0.999


def test_normals_equal_a_loop_and_are_zero_without_triangles() -> None:
    rng = np.random.default_rng(1)
    vertices = rng.normal(size=(12, 3))
    faces = rng.integers(0, 10, (20, 3))
    expected = np.zeros((12, 3))
    for face in faces:
        a, b, c = vertices[face]
        for corner in face:
            expected[corner] += np.cross(b - a, c - a)
    for i in range(12):
        length = np.linalg.norm(expected[i])
        expected[i] = expected[i] / length if length else 0
    np.testing.assert_allclose(vertex_normals(vertices, faces), expected, atol=1e-12)
    assert not vertex_normals(vertices, faces)[10:].any()


def test_triangulation_covers_the_polygon_area_and_keeps_triangles() -> None:
    polygons = np.array([[0, 1, 2, 3], [4, 5, 6, -1]])
    assert triangulate(polygons).tolist() == [[0, 1, 2], [4, 5, 6], [0, 2, 3]]
    with pytest.raises(DataError, match="Polygon 1 has fewer than three corners"):
        triangulate(np.array([[0, 1, 2], [0, 1, -1]]))


def test_faces_within_need_all_three_corners() -> None:
    faces = np.array([[0, 1, 2], [1, 2, 3], [2, 3, 4]])
    assert faces_within(faces, np.array([0, 1, 2, 3]), 5).tolist() == [0, 1]


def test_selected_faces_keep_their_geometry() -> None:
    mesh = textured_square()
    part, kept = select_faces(mesh, np.array([1]))
    assert kept.tolist() == [0, 2, 3]
    np.testing.assert_array_equal(part.vertices[part.faces], mesh.vertices[mesh.faces[1:]])
    np.testing.assert_array_equal(part.uv[part.uv_faces], mesh.uv[mesh.uv_faces[1:]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vertices": np.zeros((4, 2))}, r"'vertices' .* \(any, 3\), found \(4, 2\)"),
        ({"faces": np.array([[0, 1, 4]])}, "number 4, but there are 4 vertices"),
        ({"uv": None}, "both UV points and UV faces"),
        ({"uv_faces": np.array([[0, 1, 5], [0, 1, 2]])}, "number 5, but there are 5 UV"),
        ({"colours": np.zeros((3, 3))}, "'colours'"),
    ],
)
def test_defects_are_named(changes, message) -> None:
    mesh = textured_square()
    fields = {
        name: getattr(mesh, name) for name in ("vertices", "faces", "uv", "uv_faces", "texture")
    }
    with pytest.raises(DataError, match=message):
        Mesh(**(fields | changes))


def test_obj_round_trip_with_texture(tmp_path) -> None:
    mesh = textured_square()
    write_mesh(tmp_path / "deep" / "face.obj", mesh)
    # Not face.png, which may be the photograph of that face.
    assert {p.name for p in (tmp_path / "deep").iterdir()} == {
        "face.obj", "face.mtl", "face.texture.png",
    }  # fmt: skip
    back = read_mesh(tmp_path / "deep" / "face.obj")
    np.testing.assert_allclose(back.vertices, mesh.vertices, rtol=1e-8)
    np.testing.assert_array_equal(back.faces, mesh.faces)
    np.testing.assert_array_equal(back.uv_faces, mesh.uv_faces)
    np.testing.assert_allclose(back.uv, mesh.uv, rtol=1e-8)
    np.testing.assert_allclose(back.texture, mesh.texture, atol=1e-6)


def test_names_with_spaces_and_options_before_them_find_their_texture(tmp_path) -> None:
    mesh = textured_square()
    write_mesh(tmp_path / "my face.obj", mesh)
    np.testing.assert_allclose(read_mesh(tmp_path / "my face.obj").texture, mesh.texture, atol=1e-6)
    (tmp_path / "my face.texture.png").rename(tmp_path / "face.png")
    (tmp_path / "my face.mtl").write_text("newmtl a\nmap_Kd -s 1 1 1 face.png\n")
    np.testing.assert_allclose(read_mesh(tmp_path / "my face.obj").texture, mesh.texture, atol=1e-6)


def test_obj_is_read_by_trimesh(tmp_path) -> None:
    write_mesh(tmp_path / "sphere.obj", Mesh(SPHERE.vertices, SPHERE.faces))
    other = trimesh.load(tmp_path / "sphere.obj", process=False)
    np.testing.assert_allclose(other.vertices, SPHERE.vertices, atol=1e-9)
    np.testing.assert_array_equal(other.faces, SPHERE.faces)


def test_obj_of_other_programs(tmp_path) -> None:
    (tmp_path / "other.obj").write_text(
        "# comment\no head\ng skin\n"
        "v 0 0 0 # first\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0.5 2 0\n"
        "vn 0 0 1\nvt 0 0\nvt 1 0\nvt 1 1 0\nvt 0 1\n"
        "s off\nusemtl none\n"
        "f 1/1/1 2/2/1 \\\n 3/3/1 4/4/1\n"
        "f -2/-1 -3/-2 -1/-4\n",
        encoding="utf-8",
    )
    mesh = read_mesh(tmp_path / "other.obj")
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3], [3, 2, 4]]
    assert mesh.uv_faces.tolist() == [[0, 1, 2], [0, 2, 3], [3, 2, 0]]
    (tmp_path / "bare.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1//1 2//1 3//1\n")
    bare = read_mesh(tmp_path / "bare.obj")
    assert bare.uv is None
    assert bare.faces.tolist() == [[0, 1, 2]]
    (tmp_path / "coloured.obj").write_text("v 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 0 1 0 0 0 1\nf 1 2 3\n")
    assert read_mesh(tmp_path / "coloured.obj").colours.tolist() == np.eye(3).tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("v 0 0\n", "line 1: expected 3 numbers, found 2"),
        ("v 0 0 0\nv 0 zero 0\n", "line 2: expected numbers: .*zero"),
        ("v 0 0 0\nv 0 nan 0\n", "line 2: a coordinate is not finite"),
        ("v 0 0 0\n\nf 1 2 3\n", "line 3: '2' names one of vertices 1..1"),
        ("v 0 0 0\nf 0 1 1\n", "line 2: '0' names"),
        ("v 0 0 0\nf -2 1 1\n", "line 2: '-2' names"),
        ("v 0 0 0\nf 1 1\n", "line 2: a face needs three corners"),
        ("v 0 0 0\nf 1/1 1/1 1/1\n", "line 2: '1/1' names one of vt lines 1..0"),
        ("v 0 0 0\nf 1/x 1 1\n", "line 2: '1/x' is not a face corner"),
        ("hello\n", "has no vertices"),
    ],
)
def test_obj_errors_name_the_line(tmp_path, text, message) -> None:
    (tmp_path / "bad.obj").write_text(text)
    with pytest.raises(DataError, match=message):
        read_mesh(tmp_path / "bad.obj")


def test_obj_does_not_leave_its_folder(tmp_path) -> None:
    (tmp_path / "evil.obj").write_text("mtllib ../secret.mtl\nv 0 0 0\n")
    with pytest.raises(UnsafeFileError, match=r"line 1: '../secret.mtl' lies outside"):
        read_mesh(tmp_path / "evil.obj")


def test_broken_texture_is_named(tmp_path) -> None:
    write_mesh(tmp_path / "face.obj", textured_square())
    (tmp_path / "face.texture.png").write_bytes(b"not a picture")
    with pytest.raises(DataError, match=r"texture 'face.texture.png' named in .*face.mtl"):
        read_mesh(tmp_path / "face.obj")


def test_ply_round_trip_and_trimesh(tmp_path) -> None:
    rng = np.random.default_rng(2)
    colours = rng.integers(0, 256, (SPHERE.vertices.shape[0], 3)) / 255
    normals = SPHERE.vertices / 0.1
    mesh = Mesh(SPHERE.vertices, SPHERE.faces, normals=normals, colours=colours)
    write_mesh(tmp_path / "sphere.ply", mesh)
    for back in (read_mesh(tmp_path / "sphere.ply"), None):
        if back is None:
            loaded = trimesh.load(tmp_path / "sphere.ply", process=False)
            vertices, faces = loaded.vertices, loaded.faces
            found = loaded.visual.vertex_colors[:, :3] / 255
        else:
            vertices, faces, found = back.vertices, back.faces, back.colours
            np.testing.assert_allclose(back.normals, normals, atol=1e-6)
        np.testing.assert_allclose(vertices, SPHERE.vertices, atol=1e-8)
        np.testing.assert_array_equal(faces, SPHERE.faces)
        np.testing.assert_allclose(found, colours, atol=1e-9)


@pytest.mark.parametrize("encoding", ["ascii", "binary"])
def test_ply_written_by_trimesh(tmp_path, encoding) -> None:
    path = tmp_path / "sphere.ply"
    path.write_bytes(trimesh.exchange.ply.export_ply(SPHERE, encoding=encoding))
    back = read_mesh(path)
    np.testing.assert_allclose(back.vertices, SPHERE.vertices, atol=1e-7)
    np.testing.assert_array_equal(back.faces, SPHERE.faces)


def test_ply_big_endian_with_mixed_polygons(tmp_path) -> None:
    header = (
        "ply\nformat binary_big_endian 1.0\ncomment made by hand\nelement vertex 5\n"
        "property double x\nproperty uchar quality\nproperty double y\nproperty double z\n"
        "element face 2\nproperty list uchar ushort vertex_index\nend_header\n"
    )
    body = b"".join(struct.pack(">dBdd", x, 9, y, 0.5) for x, y in
                    ((0, 0), (1, 0), (1, 1), (0, 1), (2, 2)))  # fmt: skip
    body += struct.pack(">B4H", 4, 0, 1, 2, 3) + struct.pack(">B3H", 3, 1, 4, 2)
    (tmp_path / "mixed.ply").write_bytes(header.encode() + body)
    mesh = read_mesh(tmp_path / "mixed.ply")
    assert mesh.vertices[4].tolist() == [2, 2, 0.5]
    assert mesh.faces.tolist() == [[0, 1, 2], [1, 4, 2], [0, 2, 3]]


def test_ply_defects(tmp_path) -> None:
    path = tmp_path / "bad.ply"
    path.write_bytes(b"solid\n")
    with pytest.raises(DataError, match="does not begin with 'ply'"):
        read_mesh(path)
    path.write_bytes(
        b"ply\nformat ascii 1.0\nelement vertex 10000000000\nproperty float x\nend_header\n1\n"
    )
    with pytest.raises(UnsafeFileError, match="declares 10,000,000,000 'vertex' rows but has 2"):
        read_mesh(path)
    path.write_bytes(b"ply\nformat ascii 1.0\nproperty float x\n")
    with pytest.raises(DataError, match="line 3: PLY header not understood"):
        read_mesh(path)
    write_mesh(path, Mesh(SPHERE.vertices, SPHERE.faces))
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(DataError, match="ends in the middle of 'face'"):
        read_mesh(path)
    path.write_bytes(
        b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\n"
        b"property float z\nend_header\n1 2\n"
    )
    with pytest.raises(DataError, match="row 0 of 'vertex' ends early"):
        read_mesh(path)


def test_npz_round_trip_and_quads(tmp_path) -> None:
    mesh = textured_square()
    write_mesh(tmp_path / "mesh.npz", mesh)
    back = read_mesh(tmp_path / "mesh.npz")
    np.testing.assert_array_equal(back.vertices, mesh.vertices)
    np.testing.assert_array_equal(back.uv_faces, mesh.uv_faces)
    np.testing.assert_array_equal(back.texture, mesh.texture)
    np.savez(
        tmp_path / "quads.npz",
        vertices=mesh.vertices,
        faces=np.array([[0, 1, 2, 3], [0, 1, 2, -1]]),
    )
    assert read_mesh(tmp_path / "quads.npz").faces.tolist() == [[0, 1, 2], [0, 1, 2], [0, 2, 3]]
    np.savez(tmp_path / "other.npz", points=mesh.vertices)
    with pytest.raises(DataError, match="no faces and no vertices; found points"):
        read_mesh(tmp_path / "other.npz")


def test_formats_refuse_what_they_cannot_hold(tmp_path) -> None:
    mesh = textured_square()
    coloured = Mesh(mesh.vertices, mesh.faces, colours=np.zeros((4, 3)))
    with pytest.raises(UsageError, match="no place for vertex colours"):
        write_mesh(tmp_path / "a.obj", coloured)
    with pytest.raises(UsageError, match="no place for UV"):
        write_mesh(tmp_path / "a.ply", mesh)
    with pytest.raises(UsageError, match=r"expected .obj, .ply, .npz, .glb"):
        write_mesh(tmp_path / "a.stl", mesh)
    (tmp_path / "a.stl").write_bytes(b"")
    with pytest.raises(UsageError, match=r"expected .obj, .ply, .npz"):
        read_mesh(tmp_path / "a.stl")
    with pytest.raises(MissingError):
        read_mesh(tmp_path / "none.obj")


def glb_parts(path) -> tuple[dict, bytes]:
    data = path.read_bytes()
    magic, version, total = struct.unpack_from("<4sII", data)
    assert (magic, version, total) == (b"glTF", 2, len(data))
    length, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON"
    document = json.loads(data[20 : 20 + length])
    assert (20 + length) % 4 == 0
    size, kind = struct.unpack_from("<I4s", data, 20 + length)
    assert kind == b"BIN\0"
    return document, data[28 + length : 28 + length + size]


def accessor(document: dict, binary: bytes, index: int) -> np.ndarray:
    entry = document["accessors"][index]
    view = document["bufferViews"][entry["bufferView"]]
    width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}[entry["type"]]
    kind = {5126: "<f4", 5123: "<u2", 5125: "<u4"}[entry["componentType"]]
    data = np.frombuffer(binary, kind, entry["count"] * width, view["byteOffset"])
    assert view["byteOffset"] % 4 == 0
    return data.reshape(entry["count"], width)


def test_glb_is_read_by_trimesh_with_its_texture(tmp_path) -> None:
    mesh = textured_square()
    write_mesh(tmp_path / "face.glb", mesh)
    scene = trimesh.load(tmp_path / "face.glb", process=False)
    loaded = next(iter(scene.geometry.values()))
    # One vertex lies on the seam and is doubled; the geometry of the corners is unchanged.
    assert loaded.vertices.shape == (5, 3)
    np.testing.assert_allclose(loaded.vertices[loaded.faces], mesh.vertices[mesh.faces], atol=1e-7)
    np.testing.assert_allclose(loaded.visual.uv[loaded.faces], mesh.uv[mesh.uv_faces], atol=1e-6)
    picture = np.asarray(loaded.visual.material.baseColorTexture.convert("RGB")) / 255
    np.testing.assert_allclose(picture, mesh.texture, atol=1e-6)


def test_glb_with_morph_targets_and_skin(tmp_path) -> None:
    mesh = textured_square()
    rng = np.random.default_rng(3)
    morphs = {"jawOpen": rng.normal(size=(4, 3)), "smile": rng.normal(size=(4, 3))}
    weights = rng.random((4, 6))
    weights /= weights.sum(1, keepdims=True)
    skeleton = Skeleton(
        names=tuple("abcdef"),
        parents=np.array([-1, 0, 1, 1, 3, 0]),
        positions=rng.normal(size=(6, 3)),
        weights=weights,
    )
    write_glb(tmp_path / "face.glb", mesh, morphs=morphs, skeleton=skeleton)
    document, binary = glb_parts(tmp_path / "face.glb")
    body = document["meshes"][0]
    primitive = body["primitives"][0]
    assert body["extras"]["targetNames"] == ["jawOpen", "smile"]
    assert body["weights"] == [0, 0]
    position = accessor(document, binary, primitive["attributes"]["POSITION"])
    source = [int(np.abs(mesh.vertices - p).sum(1).argmin()) for p in position]
    for target, offsets in zip(primitive["targets"], morphs.values(), strict=True):
        found = accessor(document, binary, target["POSITION"])
        np.testing.assert_allclose(found, offsets[source], atol=1e-6)
        assert document["accessors"][target["POSITION"]]["min"] == found.min(0).tolist()
    skin = document["skins"][0]
    inverse = accessor(document, binary, skin["inverseBindMatrices"]).reshape(6, 4, 4)
    # Nodes give each joint's place by adding translations up the tree.
    places = {}
    for name, node in zip("abcdef", (document["nodes"][i] for i in skin["joints"]), strict=True):
        places[name] = np.array(node["translation"])
    for joint, parent in enumerate(skeleton.parents):
        if parent >= 0:
            places["abcdef"[joint]] = places["abcdef"[joint]] + places["abcdef"[parent]]
    for joint, name in enumerate("abcdef"):
        np.testing.assert_allclose(places[name], skeleton.positions[joint], atol=1e-6)
        np.testing.assert_allclose(inverse[joint].T[:3, 3], -skeleton.positions[joint], atol=1e-6)
    assert document["nodes"][skin["joints"][1]]["children"] == [
        skin["joints"][2],
        skin["joints"][3],
    ]
    kept = accessor(document, binary, primitive["attributes"]["WEIGHTS_0"])
    joints = accessor(document, binary, primitive["attributes"]["JOINTS_0"])
    np.testing.assert_allclose(kept.sum(1), 1, atol=1e-6)
    assert joints[:, 0].tolist() == weights[source].argmax(1).tolist()
    assert trimesh.load(tmp_path / "face.glb").geometry


def test_glb_shows_the_weights_and_turns_it_is_given(tmp_path) -> None:
    mesh = textured_square()
    rng = np.random.default_rng(4)
    # Half turns have a trace of -1, where the usual formula divides by nothing.
    turns = Rotation.from_rotvec([[0, 0, 0], [np.pi, 0, 0], rng.normal(size=3)]).as_matrix()
    skeleton = Skeleton(
        ("a", "b", "c"), np.array([-1, 0, 1]), rng.normal(size=(3, 3)), np.ones((4, 3)) / 3, turns
    )
    morphs = {"smile": rng.normal(size=(4, 3)), "blink": rng.normal(size=(4, 3))}
    write_glb(
        tmp_path / "a.glb", mesh, morphs=morphs, morph_weights=[0.25, -1.5], skeleton=skeleton
    )
    document, _ = glb_parts(tmp_path / "a.glb")
    assert document["meshes"][0]["weights"] == [0.25, -1.5]
    written = [document["nodes"][i]["rotation"] for i in document["skins"][0]["joints"]]
    np.testing.assert_allclose(Rotation.from_quat(written).as_matrix(), turns, atol=1e-12)
    with pytest.raises(ValueError, match="2 morphs came with 1 weights"):
        write_glb(tmp_path / "b.glb", mesh, morphs=morphs, morph_weights=[1.0])


def test_glb_colours_are_linear(tmp_path) -> None:
    mesh = Mesh(textured_square().vertices, [[0, 1, 2]], colours=np.full((4, 3), 0.5))
    write_mesh(tmp_path / "c.glb", mesh)
    document, binary = glb_parts(tmp_path / "c.glb")
    index = document["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"]
    np.testing.assert_allclose(accessor(document, binary, index), 0.21404114, atol=1e-6)
