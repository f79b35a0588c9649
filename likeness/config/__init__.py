"""Configuration: typed models, layered resolution with provenance."""
