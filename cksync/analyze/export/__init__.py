"""Export tables and models for other tools: one module per format, each from the same source.

`run.export` does it in four steps: parse the target, choose the tables, write to a staging folder, replace the target.
"""
