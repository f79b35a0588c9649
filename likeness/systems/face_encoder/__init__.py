"""face-encoder: a photograph to one vector of a person."""
