"""The number that grows when a seed would make another person, another picture or another truth."""

from __future__ import annotations

STUDIO_VERSION = 14
"""Part of every fingerprint of studio heads, people and data."""
