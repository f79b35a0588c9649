"""From recordings of an actor to the spaces its face moves in, and what a package needs of it."""
