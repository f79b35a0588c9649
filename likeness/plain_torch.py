"""Files of torch that hold tensors and plain values, read without running anything in them."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import IO, Any


def load_plain(source: str | Path | IO[bytes]) -> Any:
    """What a file of ``torch.save`` holds, on the CPU.

    Raises:
        pickle.UnpicklingError: it asks for something else, or is damaged.
        OSError, RuntimeError, EOFError, ValueError: it cannot be read, or is damaged.
    """
    import torch

    with warnings.catch_warnings():
        # Of pickles by other hands it is said that their protocol is unusual, with a line of
        # torch's own code. Whatever is not understood is an error besides.
        warnings.simplefilter("ignore", UserWarning)
        try:
            return torch.load(source, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, OSError, RuntimeError, EOFError, ValueError):
            raise
        except Exception as error:
            # Of other files, as texts are, single bytes are taken for commands, and their
            # operands are not there.
            raise pickle.UnpicklingError(f"{type(error).__name__}: {error}") from error
