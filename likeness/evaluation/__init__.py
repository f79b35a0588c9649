"""Scores, each beside a baseline."""
