# SPDX-License-Identifier: Apache-2.0
"""What a terminal shows: a small one, that knows what prompt_toolkit and less send to it."""

import re

_ESCAPE = re.compile(r"\x1b(?:\[([?>0-9;]*)([@-~])|[()][A-Z0-9]|[=>78]|\].*?\x07)|([^\x1b])", re.S)


class Screen:
    """Rows of text, and everything that was scrolled off at the top."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self.scrolled: list[str] = []
        self._cells = [[" "] * columns for _ in range(rows)]
        self._row = self._column = 0
        self._rest = ""

    def feed(self, text: str) -> None:
        """Take what a program has written."""
        text = self._rest + text
        at = 0
        for found in _ESCAPE.finditer(text):
            if found.start() != at:
                break
            at = found.end()
            if found[3]:
                self._character(found[3])
            elif found[2]:
                self._sequence(found[1], found[2])
        self._rest = text[at:]

    def text(self) -> str:
        """Return all lines, those above the screen among them."""
        lines = [*self.scrolled, *("".join(row).rstrip() for row in self._cells)]
        return "\n".join(lines).rstrip("\n")

    def _character(self, char: str) -> None:
        if char == "\r":
            self._column = 0
        elif char == "\n":
            self._line_feed()
        elif char == "\b":
            self._column = max(0, self._column - 1)
        elif char.isprintable():
            if self._column == self.columns:
                self._column = 0
                self._line_feed()
            self._cells[self._row][self._column] = char
            self._column += 1

    def _line_feed(self) -> None:
        if self._row == self.rows - 1:
            self.scrolled.append("".join(self._cells.pop(0)).rstrip())
            self._cells.append([" "] * self.columns)
        else:
            self._row += 1

    def _sequence(self, parameters: str, final: str) -> None:
        numbers = [int(one) for one in parameters.split(";") if one.isdecimal()]
        count = max(1, numbers[0]) if numbers else 1
        match final:
            case "A":
                self._row = max(0, self._row - count)
            case "B":
                self._row = min(self.rows - 1, self._row + count)
            case "C":
                self._column = min(self.columns - 1, self._column + count)
            case "D":
                self._column = max(0, min(self._column, self.columns - 1) - count)
            case "H":
                self._row, self._column = ([one - 1 for one in numbers] + [0, 0])[:2]
            case "K":
                self._erase(self._row, self._column)
            case "J":
                start = 0 if numbers[:1] == [2] else self._row
                self._erase(start, 0 if numbers[:1] == [2] else self._column)
                for row in range(start + 1, self.rows):
                    self._erase(row, 0)
            case _:
                assert final in "mhlntc", f"the terminal does not know {parameters}{final}"

    def _erase(self, row: int, column: int) -> None:
        self._cells[row][column:] = [" "] * (self.columns - column)
