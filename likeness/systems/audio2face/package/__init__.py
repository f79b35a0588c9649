"""The folder that the run-time engine loads: written, read back and checked against its rules.

The formats are those of NVIDIA's Audio2Face-3D SDK, whose reader is a variant of the cnpy library.
"""
