# SPDX-License-Identifier: Apache-2.0
"""Reading the configuration in a process of its own, so that no parser holds up the aggregator.

`python -m maglev.aggregator.reading FILE|-` reads a file, or a text from standard input, and writes
one Judged to standard output.  Ten thousand backends take a second of CPU and a hundred megabytes,
both of which end with that process.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import dataclass

from maglev import config
from maglev.aggregator import files
from maglev.core.settings import Settings

READ_S_MAX = 60.0
NAME_OF_ACCEPTED = "configuration in force"


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of reading: a text and the settings it means, or why there are none."""

    text: str = ""
    settings: Settings | None = None
    parse_error: str = ""
    semantic_error: str = ""
    warnings: tuple[str, ...] = ()


def judge(source: str) -> Judged:
    """Read a file, or standard input where source is '-', and judge it."""
    try:
        content = sys.stdin.buffer.read() if source == "-" else config.read(source)
        loaded = config.parse(content, NAME_OF_ACCEPTED if source == "-" else source)
    except config.ConfigError as error:
        if error.stage == "structure":
            return Judged(parse_error=str(error))
        return Judged(semantic_error=str(error))
    warnings = tuple(str(one) for one in loaded.warnings)
    return Judged(content.decode(), loaded.settings, warnings=warnings)


def _command(source: str) -> list[str]:
    return [sys.executable, "-m", "maglev.aggregator.reading", source]


def _result(status: int | None, output: bytes, errors: bytes) -> Judged:
    if status == 0:
        return files.unpacked(output, Judged)
    last = errors.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
    return Judged(parse_error=f"reading the configuration failed (status {status}): {last[0]}")


def read(source: str, text: str = "") -> Judged:
    """Judge a file, or a text where source is '-'; waits for it, 60 s at most."""
    try:
        done = subprocess.run(
            _command(source),
            input=text.encode(),
            capture_output=True,
            check=False,
            timeout=READ_S_MAX,
        )
    except subprocess.TimeoutExpired:
        return Judged(parse_error=f"{source}: not read within {READ_S_MAX:.0f} s")
    return _result(done.returncode, done.stdout, done.stderr)


async def read_aside(path: str) -> Judged:
    """Judge a file while the loop goes on; 60 s at most."""
    pipe = asyncio.subprocess.PIPE
    reader = await asyncio.create_subprocess_exec(
        *_command(path), stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
    )
    try:
        output, errors = await asyncio.wait_for(reader.communicate(), READ_S_MAX)
    except TimeoutError:
        return Judged(parse_error=f"{path}: not read within {READ_S_MAX:.0f} s")
    finally:
        if reader.returncode is None:
            reader.kill()
            await reader.wait()
    return _result(reader.returncode, output, errors)


if __name__ == "__main__":
    sys.stdout.buffer.write(files.packed(judge(sys.argv[1])))
