"""A small terminal emulator: what a person sees of the text that a command writes, moment by moment."""

import re

_CONTROL = re.compile(r"\x1b\[(\?25[hl]|[0-9]*[AJKm]|[0-9;]*m)|\r|\n|[^\x1b\r\n]+")


class Screen:
    """The lines written so far, and where the cursor is. Lines longer than the width wrap."""

    def __init__(self, width: int) -> None:
        self._width = width
        self.lines, self._row, self._column = [""], 0, 0

    def write(self, text: str) -> None:
        """Receive what a command writes."""
        for found in _CONTROL.finditer(text):
            part, control = found[0], found[1]
            if control is None and part not in "\r\n":
                self._put(part)
            elif part == "\r":
                self._column = 0
            elif part == "\n":
                self._row, self._column = self._row + 1, 0
            elif control.endswith("A"):
                self._row -= int(control[:-1] or 1)
            elif control.endswith("J"):
                self.lines[self._row] = self.lines[self._row][: self._column]
                del self.lines[self._row + 1 :]
            while len(self.lines) <= self._row:
                self.lines.append("")

    def _put(self, text: str) -> None:
        for letter in text:
            if self._column >= self._width:
                self._row, self._column = self._row + 1, 0
                while len(self.lines) <= self._row:
                    self.lines.append("")
            line = self.lines[self._row].ljust(self._column)
            self.lines[self._row] = line[: self._column] + letter + line[self._column + 1 :]
            self._column += 1

    @property
    def text(self) -> str:
        """What is on the screen, without the blanks at the end."""
        return "\n".join(line.rstrip() for line in self.lines).rstrip("\n")
