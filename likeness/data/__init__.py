"""Datasets: contracts, inspection, sources, sampling, loading."""
