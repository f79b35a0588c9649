"""Finding, aligning and judging faces in pictures."""
