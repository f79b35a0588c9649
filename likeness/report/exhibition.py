"""One page of pictures, films and sounds that belong together; open offline.

Owns the arrangement of files that somebody else made. Runs have :mod:`likeness.report.page`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from likeness.report.gallery import Embedder
from likeness.report.markup import document, section, text
from likeness.runs.files import write_text

_WIDTH = 1560


def build_exhibition(
    out: str | Path,
    title: str,
    facts: Mapping[str, str],
    parts: Sequence[tuple[str, Path, str]],
) -> Path:
    """Write one self-contained HTML file.

    Args:
        out: the file.
        title: above everything.
        facts: name to value, in a line under the title.
        parts: title, file and caption of each, in the order shown; a file that cannot be shown is
            named, with the reason.
    """
    out = Path(out)
    embedder = Embedder()
    meta = "".join(f"<span>{text(name)}: {text(value)}</span>" for name, value in facts.items())
    body = "".join(
        section(path.stem, name, embedder.figure(path, text(caption), width=_WIDTH))
        for name, path, caption in parts
    )
    write_text(
        out,
        document(
            title,
            f'<header><div><p class="eyebrow">studio</p><h1>{text(title)}</h1>'
            f'<div class="meta">{meta}</div></div></header><main>{body}</main>',
        ),
    )
    return out
