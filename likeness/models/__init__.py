"""Networks two systems use, or a published architecture."""
