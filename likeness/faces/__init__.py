"""Faces in pictures: where they are, how they are aligned, how good the picture is."""
