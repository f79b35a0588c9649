"""Bytes at a URI: local folders, S3 and HTTPS."""
