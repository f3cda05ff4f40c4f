"""Scans: how one slice is read, and what its pages prove. Pure: no I/O, no clock."""
