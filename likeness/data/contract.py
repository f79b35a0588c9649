"""Contract: what a dataset must be. One per system; the studio writes, training reads by it."""

from __future__ import annotations

from typing import Any, Literal, Protocol, runtime_checkable

from likeness.data.inspection import Inspection
from likeness.data.source import Sample, Source

Split = Literal["train", "validation", "test", "all"]


class Writer(Protocol):
    """Writes one layout of a contract. A context manager: nothing counts until it closes."""

    def __enter__(self) -> Writer: ...

    def __exit__(self, *exc: object) -> None: ...

    def write(self, sample: Sample) -> None:
        """Add one sample; its keys are documented by the contract."""


@runtime_checkable
class Contract(Protocol):
    """A dataset is a folder or a URI that satisfies a contract."""

    name: str
    layouts: tuple[str, ...]
    """The accepted layouts, one line each, as shown to a person whose folder fits none."""

    def inspect(self, uri: str) -> Inspection:
        """Look at everything; never raise on bad data."""

    def open(self, uri: str, split: Split, **options: Any) -> Source:
        """The samples of a split. Raises DataError when the dataset cannot be used."""

    def writer(self, uri: str, **options: Any) -> Writer:
        """A writer for the native layout, used by the studio and by ``data prepare``."""
