"""The number that changes whenever a seed would make another person or another picture."""

from __future__ import annotations

STUDIO_VERSION = 2
"""Part of every fingerprint of studio heads, people and data."""
