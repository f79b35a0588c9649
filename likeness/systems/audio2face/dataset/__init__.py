"""Datasets of speaking actors: where their files lie, reading, writing, what may be wrong."""
