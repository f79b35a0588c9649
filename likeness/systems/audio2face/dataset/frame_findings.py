"""What is said about single frames of a cache; the look at them is :mod:`.cache_frames`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from likeness.data.inspection import Finding
from likeness.errors import first_few
from likeness.systems.audio2face.dataset.cache_frames import LookedAtFrames

_NAMED = 6
"""Vertices a finding names."""
_AGAIN = "Export the shot again, or leave it out."
_MEND = "Mend the frame: a network learns such a jump as if it had been said."


def look_at_frame_faults(look: LookedAtFrames, place: str) -> Iterable[Finding]:
    """Faults of frames of the cache at ``place``."""
    if look.broken is not None:
        message = f"Frame {look.broken} holds coordinates that are no numbers, or absurd ones."
        yield Finding("error", "not-finite", place, message, _AGAIN)
    if look.collapsed is not None:
        message = f"In frame {look.collapsed} all vertices lie at one place."
        yield Finding("error", "collapsed", place, message, _AGAIN)
    if look.stray is not None:
        frame, vertex, where = look.stray
        message = f"In frame {frame} vertex {vertex} lies at {where}, far from all others."
        yield Finding("error", "vertex-stray", place, message, _AGAIN)
        return
    if look.exchanged is not None:
        frame, vertices = look.exchanged
        message = (
            f"Expected one order of vertices in all frames; from frame {frame} on "
            f"{exchanged_vertices(vertices)} in frame {frame - 1}."
        )
        yield Finding("error", "vertex-order", place, message, _AGAIN)
        return
    if look.jump is not None:
        frame, vertex, distance = look.jump
        message = (
            f"From frame {frame} on vertex {vertex} is {distance:.3g} cm from where it was in "
            f"frame {frame - 1}, while the vertices around it stay."
        )
        yield Finding("error", "vertex-jump", place, message, _AGAIN)
    if look.spike is not None:
        frame, vertex, distance = look.spike
        message = (
            f"In frame {frame} vertex {vertex} is {distance:.3g} cm from where it is before "
            "and after, which no face does in one frame."
        )
        yield Finding("warning", "vertex-spike", place, message, _MEND)


def look_at_head(look: LookedAtFrames, place: str) -> Iterable[Finding]:
    """A face that jumps as a whole, in a cache of the skin; tongues do."""
    if look.whole.jump is not None:
        frame, distance, usual = look.whole.jump
        message = (
            f"Expected a head that is held still; in frame {frame} the whole face is "
            f"{distance:.2g} cm from where it was in frame {frame - 1}, and in the frames around "
            f"it gets {usual:.1g} cm."
        )
        yield Finding("warning", "head-jump", place, message, _MEND)


def exchanged_vertices(vertices: Sequence[int]) -> str:
    """Vertices that lie at each other's places."""
    named = first_few([str(vertex) for vertex in vertices], _NAMED, others="others")
    return f"vertices {named} lie at each other's places"
