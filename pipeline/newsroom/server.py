"""The newsroom's HTTP server: asyncio and h11 on loopback, in a thread of its own."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import h11

from pipeline.newsroom.compose import compose
from pipeline.newsroom.replies import Responder
from pipeline.newsroom.settings import NewsroomSettings
from pipeline.newsroom.site import Site, feeds_yaml, truth
from pipeline.newsroom.sockets import BACKLOG, bind, next_request, send
from pipeline.newsroom.stories import STORIES
from pipeline.newsroom.unkind import Reply, json_reply, text_reply

_T = TypeVar("_T")


class NewsroomServer:
    """Serves an edition while its context is open.

    `port=0` takes a free port. Each outlet has a loopback address of its own, counted from
    `host_base`; where the system has only 127.0.0.1, all share it.
    """

    def __init__(
        self,
        settings: NewsroomSettings | None = None,
        port: int = 0,
        host_base: str = "127.0.0.1",
        stories: Path = STORIES,
    ) -> None:
        self.settings = settings or NewsroomSettings()
        self.edition = compose(self.settings, stories)
        self._wanted_port = port
        self._host_base = host_base
        self._log: list[dict[str, Any]] = []
        self._thread: threading.Thread | None = None

    # -- what users of the context see ---------------------------------------------------------

    @property
    def port(self) -> int:
        """The port that all outlets share."""
        return self._site.port

    @property
    def base_url(self) -> str:
        """The address of the first outlet; the control paths are reached there too."""
        return self._site.base(0)

    def feeds_yaml(self) -> str:
        """Return a feeds file with every feed."""
        return feeds_yaml(self.edition, self._site, self.settings.interval)

    def truth(self) -> dict[str, Any]:
        """Return what a flawless reader would know, as JSON-able data."""
        return truth(self.edition, self._site)

    def log(self) -> list[dict[str, Any]]:
        """Return the requests answered so far, control requests left out."""
        return self._in_loop(lambda: list(self._log))

    def edit(self) -> None:
        """Publish the edits: texts, the stamps of their feed entries, validators."""
        self._in_loop(self._responder.edit)

    def publish(self, count: int) -> int:
        """Let feeds list so many of the articles that are held back; how many these were."""
        return self._in_loop(lambda: self._responder.publish(count))

    def _in_loop(self, call: Callable[[], _T]) -> _T:
        """Run a call between two requests; what was answered before is then in the log."""

        async def turn() -> _T:
            return call()

        return asyncio.run_coroutine_threadsafe(turn(), self._loop).result()

    def __enter__(self) -> NewsroomServer:
        """Bind and serve."""
        sockets, hosts = bind(self._host_base, self._wanted_port, len(self.edition.outlets))
        self._site = Site(hosts, sockets[0].getsockname()[1])
        self._responder = Responder(self.edition, self._site, self.settings)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(sockets, ready), name="newsroom", daemon=True
        )
        self._thread.start()
        ready.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop serving; open connections are dropped."""
        self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join()

    # -- the thread ----------------------------------------------------------------------------

    def _run(self, sockets: list[socket.socket], ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve(sockets, ready))
        finally:
            self._loop.close()

    async def _serve(self, sockets: list[socket.socket], ready: threading.Event) -> None:
        servers = [
            await asyncio.start_server(self._connected, sock=sock, backlog=BACKLOG)
            for sock in sockets
        ]
        ready.set()
        await self._stop.wait()
        for server in servers:
            server.close()
        talks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        except (OSError, h11.ProtocolError, asyncio.CancelledError):
            pass  # the client went away, talks something else, or the newsroom closes
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = h11.Connection(h11.SERVER)
        while True:
            request = await next_request(talk, reader)
            if request is None:
                return
            await self._answer(request, talk, writer)
            if talk.our_state is not h11.DONE or talk.their_state is not h11.DONE:
                return
            talk.start_next_cycle()

    async def _answer(
        self, request: h11.Request, talk: h11.Connection, writer: asyncio.StreamWriter
    ) -> None:
        started = time.monotonic()
        headers = {name.decode(): value.decode("latin-1") for name, value in request.headers}
        target = request.target.decode("latin-1")
        path = target.partition("?")[0]
        control = path.startswith("/_control/")
        reply = await self._reply(request.method.decode(), path, headers, control)
        if reply.delay:
            await asyncio.sleep(reply.delay)
        sent = 0
        try:
            async for size in send(reply, talk, writer):
                sent += size
        finally:
            if not control:
                self._note(target, headers, reply, started, sent)

    async def _reply(self, method: str, path: str, headers: dict[str, str], control: bool) -> Reply:
        if control:
            return self._control(method, path)
        if self.settings.latency_ms:
            await asyncio.sleep(self.settings.latency_ms / 1000)
        if method != "GET":
            return text_reply(405, "Only GET here.\n", (("allow", "GET"),))
        return self._responder.answer(path, headers)

    def _note(
        self, target: str, headers: dict[str, str], reply: Reply, started: float, sent: int
    ) -> None:
        self._log.append(
            {
                "host": headers.get("host", ""),
                "path": target,
                "status": reply.status,
                "started": started,
                "ended": time.monotonic(),
                "conditional": "if-none-match" in headers or "if-modified-since" in headers,
                "bytes": sent,
            }
        )

    def _control(self, method: str, path: str) -> Reply:
        action = f"{method} {path.removeprefix('/_control/')}"
        if action == "GET truth":
            return json_reply(self.truth())
        if action == "GET log":
            return json_reply(self._log)
        if action == "GET feeds.yaml":
            return text_reply(200, self.feeds_yaml())
        if action == "POST reset-log":
            self._log.clear()
            return text_reply(200, "The log is empty.\n")
        if action == "GET published":
            return json_reply(self._responder.published())
        if action == "POST edit":
            self._responder.edit()
            return text_reply(200, "The edits are published.\n")
        verb, *words = action.split("/")
        if verb == "POST publish" and len(words) == 1 and words[0].isdecimal():
            return text_reply(200, f"{self._responder.publish(int(words[0]))} published.\n")
        if verb == "POST outlet" and len(words) == 2 and self._responder.fall_ill(*words):
            return text_reply(200, f"{words[0]} is {words[1]}.\n")
        return text_reply(404, "There is no such control.\n")


def serve(
    settings: NewsroomSettings,
    port: int,
    on_ready: Callable[[NewsroomServer], None],
    publish_every: float | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; `on_ready` is called once requests are answered.

    With `publish_every` an article that was held back is published each so many seconds.
    """
    stopped = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stopped.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with NewsroomServer(settings, port) as server:
            on_ready(server)
            while not stopped.wait(publish_every):
                server.publish(1)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
