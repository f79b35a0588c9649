"""The one training loop and its waist."""
