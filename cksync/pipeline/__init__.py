"""Verbs that need two rooms: each module wires them, and nothing else does."""
