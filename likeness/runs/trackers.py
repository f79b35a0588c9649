"""Mirrors of the metrics: TensorBoard and Weights & Biases, both optional extras.

They show what ``metrics.jsonl`` holds; nothing is read back from them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from likeness.extras import require

from .record import Tracker, TrackingSettings
from .run import Run

logger = logging.getLogger(__name__)

_IMAGES = {".png", ".jpg", ".jpeg"}
_TEXTS = {".txt", ".md", ".json", ".yaml"}


class TensorBoard:
    """Event files in ``<run>/tensorboard``: scalars, images, texts, settings as hyperparameters."""

    def __init__(self, run: Run, *, step: int, settings: Mapping[str, Any]) -> None:
        tensorboard = _tensorboard()
        # Events after this step are hidden, as their lines are cut from the metrics.
        self._writer = tensorboard.SummaryWriter(
            str(run.path / "tensorboard"), purge_step=step + 1 if step else None
        )
        for summary in tensorboard.summary.hparams(_scalars(settings), {}):
            self._writer.file_writer.add_summary(summary)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def media(self, step: int, name: str, path: Path) -> None:
        if path.suffix.lower() in _IMAGES:
            self._writer.add_image(name, _pixels(path), step, dataformats="HWC")
        elif path.suffix.lower() in _TEXTS:
            text = path.read_text(encoding="utf-8").rstrip("\n")
            is_code = path.suffix.lower() in (".json", ".yaml")  # and would be set as Markdown
            self._writer.add_text(name, f"```\n{text}\n```" if is_code else text, step)

    def close(self) -> None:
        self._writer.close()


class WeightsAndBiases:
    """A Weights & Biases run under ``<run>/wandb``: scalars, images, texts, settings as config."""

    def __init__(
        self,
        run: Run,
        *,
        mode: Literal["offline", "online"],
        project: str,
        settings: Mapping[str, Any],
    ) -> None:
        self._wandb = _wandb()
        self._run = self._wandb.init(
            project=project,
            name=run.name,
            id=run.name,
            resume="allow" if mode == "online" else None,
            mode=mode,
            dir=str(run.path),
            config=_scalars(settings),
            settings=self._wandb.Settings(console="off", silent=True),
        )
        # Rows of one training step arrive in several calls, so the step is a metric of its own.
        self._run.define_metric("step")
        self._run.define_metric("*", step_metric="step")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log({**values, "step": step})

    def media(self, step: int, name: str, path: Path) -> None:
        if path.suffix.lower() in _IMAGES:
            self._run.log({name: self._wandb.Image(str(path)), "step": step})
        elif path.suffix.lower() in _TEXTS:
            text = path.read_text(encoding="utf-8")
            html = self._wandb.Html(f"<pre>{_escaped(text)}</pre>", inject=False)
            self._run.log({name: html, "step": step})

    def close(self) -> None:
        self._run.finish()


def open_trackers(
    run: Run, settings: TrackingSettings, *, step: int, config: Mapping[str, Any]
) -> list[Tracker]:
    """The trackers a run asks for.

    Args:
        step: the step training continues from.
        config: the resolved configuration as nested plain data.

    Raises:
        MissingError: the extra of one is not installed.
    """
    trackers: list[Tracker] = []
    if settings.tensorboard:
        trackers.append(TensorBoard(run, step=step, settings=config))
    if settings.wandb != "off":
        trackers.append(
            WeightsAndBiases(
                run, mode=settings.wandb, project=settings.wandb_project, settings=config
            )
        )
    return trackers


def check_installed(settings: TrackingSettings) -> None:
    """Raises MissingError where the extra of a tracker that is asked for is not installed."""
    if settings.tensorboard:
        _tensorboard()
    if settings.wandb != "off":
        _wandb()


def _tensorboard() -> Any:
    purpose = "mirror metrics to TensorBoard (tracking.tensorboard)"
    require("tensorboard", extra="tensorboard", purpose=purpose)
    return require("torch.utils.tensorboard", extra="tensorboard", purpose=purpose)


def _wandb() -> Any:
    return require(
        "wandb", extra="wandb", purpose="mirror metrics to Weights & Biases (tracking.wandb)"
    )


def _scalars(config: Mapping[str, Any], prefix: str = "") -> dict[str, str | int | float | bool]:
    """Nested settings as "section.key" to a scalar; lists and empty values as text."""
    flat: dict[str, str | int | float | bool] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= _scalars(value, f"{prefix}{key}.")
        else:
            plain = isinstance(value, str | int | float | bool)
            flat[f"{prefix}{key}"] = value if plain else str(value)
    return flat


def _pixels(path: Path) -> Any:
    """(H, W, 3) uint8."""
    import numpy as np
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _escaped(text: str) -> str:
    from html import escape

    return escape(text)
