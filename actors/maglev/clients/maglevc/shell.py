# SPDX-License-Identifier: Apache-2.0
"""The shell: cmd2 reads the lines, keeps their history and pages; everything else is the table's.

cmd2's own commands are not offered: a line goes to `carry_out` as it was typed.  Completion and `?`
ask the table, and the daemon for names, at the moment of the key.  The state is cmd2's; look at
`Shell.onecmd_plus_hooks`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import cmd2
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import ANSI
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent, merge_key_bindings
from prompt_toolkit.shortcuts import CompleteStyle

from maglev import version
from maglev.clients.maglevc.daemon import Daemon
from maglev.clients.maglevc.help import candidate_lines
from maglev.clients.maglevc.names import on_offer
from maglev.clients.maglevc.output import Output, terminal_rows
from maglev.clients.maglevc.parse import END
from maglev.clients.maglevc.run import carry_out
from maglev.clients.maglevc.trouble import BadLine, Trouble
from maglev.clients.maglevc.words import quoted, split, words_of
from maglev.clients.render import Span, painted

PROMPT: Final = "maglev> "
HISTORY: Final = ".maglevc_history"
HISTORY_MAX: Final = 1000  # lines
EOF: Final = "_eof"  # what cmd2 makes of Ctrl-D


class Shell(cmd2.Cmd):
    """One session at a terminal."""

    def __init__(self, daemon: Daemon, output: Output, variables: Mapping[str, str]) -> None:
        super().__init__(
            allow_cli_args=False,
            allow_redirection=False,
            auto_suggest=False,
            complete_in_thread=False,
            persistent_history_file=_history(variables),
            persistent_history_length=HISTORY_MAX,
            shortcuts={},
            terminators=[],
        )
        self.prompt = PROMPT
        self.pager = variables.get("PAGER") or "less"
        # As git does: leave short texts and colours alone, and the text on the screen at the end.
        os.environ.setdefault("LESS", "FRX")
        self._daemon = daemon
        self._maglevc = replace(output, show=self._paged)
        session = self.main_session
        session.completer = _Completer(daemon)
        session.complete_style = CompleteStyle.READLINE_LIKE
        session.lexer = None
        own = KeyBindings()
        own.add("?")(self._question)
        session.key_bindings = merge_key_bindings([session.key_bindings or KeyBindings(), own])

    def preloop(self) -> None:
        """Say who this is, and who answers."""
        output = replace(self._maglevc, json=False)
        try:
            carry_out(["show", "version"], self._daemon, output)
        except (Trouble, KeyboardInterrupt) as error:
            output.write(f"{version.current().text('maglevc')}\n")
            if isinstance(error, Trouble):
                output.complain(str(error))

    def onecmd_plus_hooks(self, line: str, *, add_to_history: bool = True, **_: bool) -> bool:
        """Carry out one line, and return whether it asks to leave."""
        if line == EOF:
            self._maglevc.write("\n")
            return True
        if not line.strip():
            return False
        if add_to_history:
            self.history.append(cmd2.Statement("", raw=line))
        try:
            return carry_out(words_of(line), self._daemon, self._maglevc)
        except (BadLine, Trouble) as error:
            self._maglevc.complain(str(error))
        except KeyboardInterrupt:
            pass
        return False

    def _paged(self, text: str) -> None:
        """Print what fits on the screen; let the pager show what does not."""
        rows = terminal_rows()
        fits = rows is None or text.count("\n") < rows
        if fits or shutil.which(self.pager.split()[0]) is None:
            self._maglevc.write(text)
            return
        with self.sigint_protection:  # Ctrl-C is the pager's
            subprocess.run(self.pager, shell=True, input=text.encode(), check=False)

    def _question(self, event: KeyPressEvent) -> None:
        """Print the line with the question mark, and what may stand there."""
        document = event.current_buffer.document
        line = split(document.text_before_cursor)

        def tell() -> None:
            echo = f"{PROMPT}{document.text_before_cursor}?{document.text_after_cursor}\n"
            try:
                offered = on_offer(self._daemon, line.words, line.last)
                lines = candidate_lines(offered, self._maglevc.page())
            except BadLine as error:
                lines = [(Span(f"  {error}", "bad"),)]
            text = painted(lines, color=self._maglevc.color)
            event.app.print_text(ANSI(echo + text))

        run_in_terminal(tell)


class _Completer(Completer):
    """What Tab offers: the words and names that begin like the one at the cursor."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterator[Completion]:
        """Yield them, with what quotes they need and a blank after them."""
        text = document.text_before_cursor
        line = split(text)
        with suppress(BadLine):
            for one in on_offer(self._daemon, line.words, line.last):
                if one.kind is None and one.text != END:
                    word = f"{quoted(one.text, line.quote)} "
                    yield Completion(word, line.start - len(text), display=one.text)


def _history(variables: Mapping[str, str]) -> str:
    """Return the file of the history; empty where there is no home to write it to."""
    home = variables.get("HOME", "")
    return str(Path(home) / HISTORY) if home and os.access(home, os.W_OK) else ""
