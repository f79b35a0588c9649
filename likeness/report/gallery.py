"""Pictures, films, sounds and texts of a run inside the page itself, scaled for a screen."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from likeness.errors import DataError, first_few
from likeness.media.image import encode_image, load_image, probe_image, resize
from likeness.report.contents import Contents, preview_files
from likeness.report.markup import details, number, text

_IMAGES = {".png", ".jpg", ".jpeg", ".webp", ".gif"}
_SOUNDS = {".wav": "audio/wav", ".mp3": "audio/mpeg", ".flac": "audio/flac", ".ogg": "audio/ogg"}
_TEXTS = {".txt", ".md", ".log"}
_MAX_FILE = 4_000_000
"""Films, sounds and animations above this many bytes are named, not shown."""
_MAX_PAGE = 24_000_000
_MAX_NAMES = 24
_MAX_STEPS = 8
_MAX_LETTERS = 4_000
_WIDE, _LARGE, _SMALL = 1560, 1040, 400


class Embedder:
    """Turns files into HTML that needs no other file, until the page is full."""

    def __init__(self, max_bytes: int = _MAX_PAGE) -> None:
        self._left = max_bytes

    def figure(self, path: Path, caption: str, *, width: int) -> str:
        """A file as a figure; one that cannot be shown is named, with the reason.

        Args:
            caption: HTML.
            width: pixels a picture is scaled down to.
        """
        try:
            body = self._body(path, width)
        except (OSError, DataError) as error:
            message = error.message if isinstance(error, DataError) else str(error)
            body = f'<p class="warning">{text(message)}</p>'
        return f"<figure>{body}<figcaption>{caption}</figcaption></figure>"

    def image(self, path: Path, width: int) -> str:
        """A still or moving picture as an ``img`` element. Raises DataError."""
        info = probe_image(path)
        if info.num_frames > 1 and path.stat().st_size <= _MAX_FILE:
            kind = "gif" if info.format == "GIF" else "webp"
            source = self._data(path.read_bytes(), f"image/{kind}")
        else:
            pixels = load_image(path)
            if pixels.shape[1] > width:
                height = max(1, round(pixels.shape[0] * width / pixels.shape[1]))
                pixels = resize(pixels, (height, width), filter="area")
            source = self._data(encode_image(pixels, "WEBP", quality=86), "image/webp")
        if not source:
            return _named(path, "the page is full")
        return f'<img src="{source}" alt="{text(path.stem)}" loading="lazy">'

    def _body(self, path: Path, width: int) -> str:
        suffix, size = path.suffix.lower(), path.stat().st_size
        if suffix in _IMAGES:
            return self.image(path, width)
        if suffix in _TEXTS:
            words = path.read_text(encoding="utf-8", errors="replace")
            more = "\n…" if len(words) > _MAX_LETTERS else ""
            return f"<pre>{text(words[:_MAX_LETTERS])}{more}</pre>"
        if suffix != ".mp4" and suffix not in _SOUNDS:
            return _named(path, f"{number(size)} bytes")
        if size > _MAX_FILE:
            return _named(path, f"{size / 1e6:.1f} MB: open it in the run's folder")
        kind = _SOUNDS.get(suffix, "video/mp4")
        source = self._data(path.read_bytes(), kind)
        if not source:
            return _named(path, "the page is full")
        if suffix in _SOUNDS:
            return f'<audio controls preload="none" src="{source}"></audio>'
        return f'<video controls loop playsinline src="{source}"></video>'

    def _data(self, content: bytes, kind: str) -> str:
        """A data address, or "" when the page has no room for it."""
        if len(content) > self._left:
            return ""
        self._left -= len(content)
        return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def previews(contents: Contents, embedder: Embedder) -> str:
    """Every preview at its last step, large, and how it came about in earlier steps, folded."""
    files = preview_files(contents.run)
    parts = []
    for name in list(files)[:_MAX_NAMES]:
        versions = files[name]
        step, path = versions[-1]
        latest = embedder.figure(path, f"{text(name)} <small>step {step}</small>", width=_LARGE)
        earlier = [
            embedder.figure(old, f"step {at}", width=_SMALL)
            for at, old in evenly(versions[:-1], _MAX_STEPS)
        ]
        if earlier:
            grid = f'<div class="gallery">{"".join(earlier)}</div>'
            counted = f"{len(versions) - 1} earlier step{'s' if len(versions) > 2 else ''}"
            latest += details(f"<small>{counted}</small>", grid)
        parts.append(f'<div class="{shape_of(path)}">{latest}</div>')
    if not parts:
        return ""
    rest = len(files) - _MAX_NAMES
    more = f'<p class="lead">{rest} more files lie in the run\'s folder.</p>' if rest > 0 else ""
    return f'<div class="gallery large">{"".join(parts)}</div>{more}'


def predictions(contents: Contents) -> str:
    """What ``predict`` wrote into the run: pictures, films, sounds and texts, other files by name.

    They have a third of a page's room of their own, so that however many there are, previews keep
    theirs.
    """
    folder = contents.run.predictions_path
    found = [p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith(".")]
    shown = [p for p in found if p.suffix.lower() in _IMAGES | _TEXTS | {".mp4", *_SOUNDS}]
    embedder = Embedder(_MAX_PAGE // 3)
    parts = []
    for path in shown[:_MAX_NAMES]:
        shape = shape_of(path)
        name = text(path.relative_to(folder).as_posix())
        figure = embedder.figure(path, name, width=_WIDE if shape else _LARGE)
        parts.append(f'<div class="{shape}">{figure}</div>')
    gallery = f'<div class="gallery large">{"".join(parts)}</div>' if parts else ""
    rest = [path for path in found if path not in set(shown[:_MAX_NAMES])]
    named = first_few([text(p.relative_to(folder).as_posix()) for p in rest], _MAX_NAMES)
    listed = f'<p class="lead">Also in the run\'s folder: {named}.</p>' if rest else ""
    return gallery + listed


def evaluation_pictures(folder: Path, embedder: Embedder) -> str:
    """The pictures beside a scores.json, folded."""
    paths = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in (_IMAGES | {".mp4"})]
    figures = [embedder.figure(p, text(p.stem), width=_LARGE) for p in paths[:_MAX_NAMES]]
    if not figures:
        return ""
    grid = f'<div class="gallery large">{"".join(figures)}</div>'
    return details(f"Pictures of this evaluation <small>{len(figures)}</small>", grid, is_open=True)


def evenly(versions: Sequence[tuple[int, Path]], count: int) -> list[tuple[int, Path]]:
    """At most ``count`` entries spread evenly, the first and the last among them."""
    if len(versions) <= count:
        return list(versions)
    return [versions[round(i * (len(versions) - 1) / (count - 1))] for i in range(count)]


def shape_of(path: Path) -> str:
    """ "span" for pictures so wide that they want the whole row."""
    if path.suffix.lower() not in _IMAGES:
        return ""
    try:
        info = probe_image(path)
    except DataError:
        return ""
    return "span" if info.width > 2.2 * info.height and info.width > 600 else ""


def _named(path: Path, remark: str) -> str:
    return f"<p><code>{text(path.name)}</code> <small>{text(remark)}</small></p>"
