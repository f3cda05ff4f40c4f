"""The same job done by other tools; each file is a program of its own, run in the peers' own environment."""
