"""Pictures, sound and video in and out of files."""
