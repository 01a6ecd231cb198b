"""Runs the application until somebody stops it: sockets, uvicorn, the card that says where it is."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import http.client
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uvicorn

from samj_bridge.errors import FileError, SamjError
from samj_bridge.progress import CancelToken
from samj_bridge.server.access import Access, is_loopback
from samj_bridge.server.app import make_app
from samj_bridge.server.bounds import BoundedProtocol
from samj_bridge.server.services import Services
from samj_bridge.version import __version__

__all__ = ["Card", "ask_state", "card_of", "cards", "listen", "serve", "shown"]

_BACKLOG = 512
_MOST_TRIES = 50
_GRACE_S = 3


@dataclass(frozen=True)
class Card:
    """Where a server is, for other commands of the same user."""

    pid: int
    """Its process."""
    host: str
    """Interface that it listens on."""
    port: int
    """And the port."""
    token: str
    """Secret that its own API asks for."""
    version: str = __version__
    """Of samj-bridge."""
    started: float = 0.0
    """When, in seconds since 1970."""

    @property
    def address(self) -> str:
        """Address without the token."""
        return f"http://{self.host}:{self.port}"


def listen(host: str, port: int, *, any_port: bool = False) -> list[socket.socket]:
    """Take the port, on both of the machine's own interfaces if it is one of them.

    Parameters
    ----------
    host : str
        Interface.
    port : int
        0: whichever is free.
    any_port : bool
        Take one of the next ports if this one is taken.

    Raises
    ------
    SamjError
        ``port-in-use``, or ``no-interface``.
    """
    for number in range(port, port + (_MOST_TRIES if any_port and port else 1)):
        try:
            first = _bound(host, number)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                message = f"The interface {host!r} can't be listened on: {error.strerror or error}."
                raise SamjError(message, code="no-interface", hint="Leave --host out for this machine.") from error
            refused = error
            continue
        found = [first]
        if is_loopback(host):
            # Some clients turn localhost into ::1 first.
            other = "::1" if first.family == socket.AF_INET else "127.0.0.1"
            with contextlib.suppress(OSError):
                found.append(_bound(other, first.getsockname()[1]))
        return found
    who = _who(host, port)
    hint = "Take another one with --port, or the next free one with --any-port."
    message = f"Port {port} is in use{who}."
    if refused.errno == errno.EACCES:
        message = f"Port {port} may not be used by you."
    raise SamjError(message, code="port-in-use", hint=hint) from refused


def serve(
    services: Services,
    access: Access,
    sockets: Sequence[socket.socket],
    *,
    cancel: CancelToken,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Answer requests until `cancel` is set; then workers, installations and uploads are gone.

    Parameters
    ----------
    services : Services
        What the routes share; closed at the end.
    access : Access
        Who may ask.
    sockets : sequence of socket
        From `listen`.
    cancel : CancelToken
        Ends it.
    ready : callable
        Called when requests are answered.
    """
    config = uvicorn.Config(
        make_app(services, access),
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(config)

    async def run() -> None:
        loop = asyncio.get_running_loop()

        def end() -> None:
            server.should_exit = True
            # What waits is told so now: uvicorn waits for its answers.
            loop.call_soon_threadsafe(lambda: asyncio.ensure_future(asyncio.to_thread(services.close)))

        forget = cancel.on_cancel(end)
        serving = asyncio.ensure_future(server.serve(list(sockets)))
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        if server.started:
            ready()
        try:
            await serving
        finally:
            forget()

    try:
        asyncio.run(run())
    finally:
        services.close()


@contextlib.contextmanager
def shown(folder: Path, card: Card) -> Iterator[None]:
    """Keep a card in a folder while the block runs; only its user may read it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{card.port}.json"
    draft = folder / f".{card.port}-{card.pid}"
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(asdict(card), file)
        draft.replace(path)
    except OSError as error:
        message = f"The folder {folder} can't be written: {error.strerror or error}."
        raise FileError(message, hint="Make space, or name another folder with --home.") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def cards(folder: Path) -> list[Card]:
    """Return the servers of a home, also of those that were killed."""
    found = []
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        with contextlib.suppress(OSError, ValueError, TypeError):
            found.append(Card(**json.loads(path.read_text(encoding="utf-8"))))
    return found


def ask_state(card: Card, timeout_s: float = 5.0) -> dict[str, Any] | None:
    """Return what a server says of itself; None: it is not there."""
    host = "127.0.0.1" if is_loopback(card.host) or card.host in {"0.0.0.0", "::"} else card.host  # noqa: S104
    connection = http.client.HTTPConnection(host, card.port, timeout=timeout_s)
    try:
        connection.request("GET", "/api/state", headers={"X-Samj-Token": card.token})
        response = connection.getresponse()
        value = json.loads(response.read(1 << 22)) if response.status == 200 else None
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return value if isinstance(value, dict) else None


class _Server(uvicorn.Server):
    """A server that leaves signals to who runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol: asyncio sends small answers at once (TCP_NODELAY) only where it is named; 40 ms otherwise.
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            # Elsewhere it would let two programs have the same port.
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind((host.strip("[]"), port))
        found.listen(_BACKLOG)
        found.setblocking(False)
    except OSError:
        found.close()
        raise
    return found


def _who(host: str, port: int) -> str:
    """Return who has a port, as far as it can be known: `` by ...``."""
    name = "127.0.0.1" if is_loopback(host) or host in {"0.0.0.0", "::"} else host  # noqa: S104
    connection = http.client.HTTPConnection(name, port, timeout=1.0)
    try:
        connection.request("GET", "/health", headers={"Host": f"127.0.0.1:{port}"})
        said = json.loads(connection.getresponse().read(1 << 16))
        if isinstance(said, dict) and said.get("program") == "samj-bridge":
            return f" by samj-bridge {said.get('version', '')}: it can be used as it is"
    except (OSError, ValueError, http.client.HTTPException):
        pass
    finally:
        connection.close()
    owner = _owner(port)
    return f" by {owner}" if owner else " by another program"


def _owner(port: int) -> str:
    """Return the program that listens on a port, on Linux, if it is the same user's."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
                parts = line.split()
                if parts[3] == "0A" and int(parts[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{parts[9]}]")
    if not inodes:
        return ""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(str(link.readlink()) in inodes for link in (folder / "fd").iterdir()):
                name = (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
                return f"{name} (process {folder.name})"
    return ""


def card_of(host: str, port: int, token: str) -> Card:
    """Return the card of a server of this process."""
    return Card(os.getpid(), host, port, token, started=time.time())
