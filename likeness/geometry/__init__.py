"""Geometry of heads: rotations, cameras, meshes, the head model, the rasteriser."""
