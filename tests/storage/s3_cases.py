"""What tests of S3 have in common: a payload, patience, a store, and what silence is told as."""

from __future__ import annotations

import hashlib
import re
import time

from likeness.errors import MissingError
from likeness.storage.opening import open_store
from likeness.storage.store import StorageSettings, Store

PAYLOAD = bytes(range(256)) * 64
DIGEST = hashlib.sha256(PAYLOAD).hexdigest()
QUICK = StorageSettings(retries=3, backoff_seconds=0.01, timeout_seconds=0.5)
PATIENT = QUICK.replace(timeout_seconds=20.0)  # where no fault waits: a busy machine is none


def s3_store(address: str, prefix: str, settings: StorageSettings = QUICK) -> Store:
    return open_store(f"s3://people/{prefix}", settings=settings.replace(endpoint_url=address))


def tells_of_silence(error: MissingError, server: str, seconds: float, began: float) -> None:
    """It names the server, the seconds of the last wait and the settings of patience.

    Args:
        seconds: at least. began: when the whole call began, by the monotonic clock.
    """
    told = re.search(
        r"(?:last time|failed): the server at (\S+) gave no answer for (\S+) s\.$", error.message
    )
    assert told is not None, error.message
    assert told[1] == server
    # A library may ask in several ways, one after the other; three digits are told.
    assert 0.9 * seconds <= float(told[2]) <= 1.01 * (time.monotonic() - began)
    assert "storage.timeout_seconds" in error.advice
