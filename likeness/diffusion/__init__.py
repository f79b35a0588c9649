"""Denoising diffusion as plain functions: schedules of noise, and the steps between two levels."""
