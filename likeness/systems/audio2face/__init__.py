"""Speech to a moving 3D face: skin, tongue, jaw and eyes."""
