"""The same job as other tools do it; each file is a program of its own, run in the peers' own environment."""
