"""The settings of the loop. What only one system needs is in that system's own configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from likeness.config.schema import ConfigModel

Cadence = Annotated[int, Field(ge=0)]
PositiveInt = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class TrainSettings(ConfigModel):
    """How the loop runs. A step is one optimiser update; every cadence counts steps."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Decides the order of samples, augmentation, noise and dropout."""
    steps: PositiveInt | None = None
    """Steps in total: scales all stages in proportion; null: as the stages say."""
    batch_size: PositiveInt = 8
    """Samples per micro-batch and process; a stage can set its own."""
    accumulation: PositiveInt = 1
    """Micro-batches per step and process; the gradient is their mean."""
    optimizer: Literal["adamw", "adam", "sgd", "adafactor"] = "adamw"
    """The update rule: adamw and adam as published, sgd with momentum betas[0], adafactor."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    """Peak learning rate; a stage can set its own and a factor per group."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """Decay of weight matrices; norms, biases and other vectors are never decayed."""
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    """Decay of the optimiser's running means of the gradient and of its square."""
    clip_norm: Annotated[float, Field(ge=0)] = 1.0
    """Largest norm of the whole gradient; longer ones are shortened. 0: no limit."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Of the forward pass. auto: bf16 on a GPU that has it, else fp16; fp32 on a CPU."""
    ema_decay: Fraction = 0.0
    """Decay of the running average of the weights, used for evaluation. 0: no average."""
    sampling: Literal["shuffled", "weighted"] = "shuffled"
    """Every sample once per epoch, or in proportion to the weights the dataset gives."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Processes that load data; 0 loads in the training process. Changes no result."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    """auto, cpu, cuda or cuda:N. auto takes a GPU when there is one."""
    log_every: PositiveInt = 10
    """Steps per line of the metrics; each line is the mean over them."""
    preview_every: Cadence = 500
    """Steps between previews; also before the first step and after the last. 0: none."""
    evaluate_every: Cadence = 500
    """Steps between evaluations, each with a checkpoint; also after the last step. 0: none."""
    save_every: Cadence = 500
    """Steps between checkpoints; also at the end of each stage. 0: only there."""
    keep_checkpoints: Annotated[int, Field(ge=0)] = 2
    """How many of the last checkpoints stay, besides the best. 0: all."""
    best_score: str | None = None
    """Name of the score that decides which checkpoint is the best."""
    patience: Annotated[int, Field(ge=0)] = 0
    """Evaluations in a row without a better best_score that end training, in the last stage. 0: it
    goes on to its last step."""
    max_nonfinite: PositiveInt = 10
    """Training stops after this many steps in a row with a loss or gradient that is not finite."""
