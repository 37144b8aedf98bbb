# SPDX-License-Identifier: Apache-2.0
"""A small web server, to be checked: `python -m maglev.clients.demo.server NAME ADDRESS PORT`.

It answers every request with 200 and its name, and changes its mood by a word on a line of standard
input (see Mood); it ends when that is closed.  The state is the mood.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Final, Literal, get_args

Mood = Literal["ok", "error", "hang"]
"""Answer 200; answer 503; take the request and never answer."""

MOODS: Final[dict[str, Mood]] = {mood: mood for mood in get_args(Mood)}

REQUEST_BYTES_MAX: Final = 8192
CLOSE_S: Final = 30.0  # a client that is never answered, or sends nothing, is let go then


def answer(name: str, mood: Mood) -> bytes:
    """Return what is sent to a client; empty for nothing at all."""
    if mood == "hang":
        return b""
    status = "200 OK" if mood == "ok" else "503 Service Unavailable"
    body = f"{mood} from {name}\n"
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}"
    return f"{head}\r\nConnection: close\r\n\r\n{body}".encode()


class Server:
    """One server of a name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._mood: Mood = "ok"

    async def serve(self, address: str, port: int) -> None:
        """Serve until standard input ends."""
        server = await asyncio.start_server(
            self._client, address, port, limit=REQUEST_BYTES_MAX, reuse_address=True
        )
        ended = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(0, self._listen, ended)
        await ended
        server.close()

    def _listen(self, ended: asyncio.Future[None]) -> None:
        words = os.read(0, 4096).decode(errors="replace")
        if not words and not ended.done():
            ended.set_result(None)
        for word in words.split():
            self._mood = MOODS.get(word, self._mood)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                await reader.readuntil(b"\r\n\r\n")
                told = answer(self._name, self._mood)
                if not told:
                    await reader.read()  # until the client gives up
                writer.write(told)
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()


def main() -> None:
    """Run one server; exit with the reason if the address cannot be had."""
    name, address, port = sys.argv[1:]
    try:
        asyncio.run(Server(name).serve(address, int(port)))
    except OSError as error:
        sys.exit(f"{name}: {error}")


if __name__ == "__main__":
    main()
