"""Bundles: exported models with a proof that they equal the trained one."""
