"""Tables and models where other tools want them: one module a format, each from the same source.

`run.export` reads like the sentence: know the target, choose the tables, write beside it, take its place.
"""
