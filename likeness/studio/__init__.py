"""Synthetic people and their photographs, from a seed, with exact truth."""
