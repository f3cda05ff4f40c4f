"""The time that Kit's tests and their account share: the system's, and ahead by the pauses that were left out."""

from datetime import datetime, timedelta
from pathlib import Path

from kit_sandbox.clock import system_clock


class SkippingClock:
    """A world's `now`. PHP writes a byte for each second of a pause into a file (bootstrap.php), whose size counts."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.touch()

    def __call__(self) -> datetime:
        return system_clock() + timedelta(seconds=self.file.stat().st_size)
