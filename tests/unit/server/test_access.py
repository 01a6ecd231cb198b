"""Who may ask: the machine's own programs, nobody else's pages, and from outside only who has the token."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from samj_bridge.errors import FileError
from samj_bridge.server.access import Access, Guard, is_loopback, kept_token

TOKEN = "t" * 32


def ask(
    access: Access, path: str = "/sam/", method: str = "POST", query: str = "", **headers: str
) -> tuple[int, dict[str, Any]]:
    """Return the status and what the application behind the guard saw."""
    given = {"host": "127.0.0.1:8000", **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "root_path": "", "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }  # fmt: skip
    sent: list[dict[str, Any]] = []
    seen: dict[str, Any] = {}

    async def app(inner: Any, _receive: Any, send: Any) -> None:
        seen.update(inner)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Guard(app, access)(scope, receive, send))
    if sent[0]["status"] >= 400:
        assert json.loads(sent[1]["body"])["detail"]
        assert not seen
    assert not any(name.startswith(b"access-control") for name, _ in sent[0]["headers"])
    return sent[0]["status"], seen


LOCAL = Access.of(TOKEN, "127.0.0.1")
OUTSIDE = Access.of(TOKEN, "0.0.0.0")
OPEN = ["/sam/", "/sam", "/sam/automask/", "/v1/predict", "/predict", "/setup", "/health", "/label-studio/predict"]


@pytest.mark.parametrize("path", OPEN)
def test_programs_of_this_machine_need_no_token_for_pixels_that_they_bring(path: str) -> None:
    assert ask(LOCAL, path)[0] == 200
    assert ask(OUTSIDE, path)[0] == 401


@pytest.mark.parametrize("path", ["/api/state", "/api/files", "/", "/samx", "/healthy", "/sam/../api/state/x"])
def test_everything_else_needs_the_token(path: str) -> None:
    if path.startswith("/sam/.."):
        # Handed on as it is: the router knows no dots.
        assert ask(LOCAL, path)[1]["path"] == path
        return
    for access in (LOCAL, OUTSIDE):
        assert ask(access, path)[0] == 401
        assert ask(access, path, x_samj_token="t" * 31)[0] == 401
        assert ask(access, path, x_samj_token=TOKEN)[0] == 200
        assert ask(access, path, authorization=f"Bearer {TOKEN}")[0] == 200
        assert ask(access, path, authorization=f"Basic {TOKEN}")[0] == 401
        assert ask(access, path, token=TOKEN)[0] == 200
        assert ask(access, path, cookie=f"a=b; samj_token={TOKEN}")[0] == 200
        assert ask(access, path, cookie=f"xsamj_token={TOKEN}")[0] == 401
        assert ask(access, path, query=f"a=1&token={TOKEN}")[0] == 200
        assert ask(access, path, query=f"nottoken={TOKEN}")[0] == 401


def test_the_token_may_be_the_first_part_of_the_path() -> None:
    for access in (LOCAL, OUTSIDE):
        status, seen = ask(access, f"/{TOKEN}/sam/weights/")
        assert (status, seen["path"]) == (200, "/sam/weights/")
        # The page's parts are named as seen from its folder.
        assert ask(access, f"/{TOKEN}", "GET")[0] == 308
        assert ask(access, f"/{TOKEN}/", "GET")[1]["path"] == "/"
        assert ask(access, f"/{TOKEN}x/api/state")[0] == 401


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "evil.example:8000", "", "localhost.evil", "10.0.0.1", "[::2]"],
)
def test_a_name_that_somebody_pointed_at_this_machine_is_refused(host: str) -> None:
    assert ask(LOCAL, host=host)[0] == 421
    assert ask(LOCAL, "/api/state", host=host, x_samj_token=TOKEN)[0] == 421


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000", "LOCALHOST:8000"])
def test_the_machines_own_names_are_known(host: str) -> None:
    assert ask(LOCAL, host=host)[0] == 200


def test_from_outside_the_server_may_be_called_by_its_address() -> None:
    for host in ("192.0.2.7:8000", "[2001:db8::1]:8000"):
        assert ask(OUTSIDE, host=host, x_samj_token=TOKEN)[0] == 200
        assert ask(OUTSIDE, host=host)[0] == 401
    assert ask(OUTSIDE, host="evil.example", x_samj_token=TOKEN)[0] == 421


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:9000", "http://localhost:8000", "file://", ""]
)
def test_pages_of_others_are_refused(origin: str) -> None:
    for path in ("/sam/", "/api/state", "/health"):
        assert ask(LOCAL, path, origin=origin, x_samj_token=TOKEN)[0] == 403


def test_the_servers_own_page_may_ask() -> None:
    own = {"origin": "http://127.0.0.1:8000", "x_samj_token": TOKEN, "sec_fetch_site": "same-origin"}
    assert ask(LOCAL, "/api/state", **own)[0] == 200


def test_what_a_foreign_page_shows_or_loads_is_refused_too() -> None:
    # An <img> sends no Origin, but could stop an installation.
    assert (
        ask(LOCAL, "/sam/weights/cancel/", "GET", sec_fetch_site="cross-site", sec_fetch_mode="no-cors")[0] == 403
    )
    visit = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "x_samj_token": TOKEN}
    assert ask(LOCAL, "/", "GET", **visit)[0] == 200
    assert ask(LOCAL, f"/{TOKEN}/", "GET", **visit)[0] == 200
    assert ask(LOCAL, f"/{TOKEN}/api/state", "GET", **visit)[0] == 403
    assert ask(LOCAL, "/api/state", "GET", **visit)[0] == 403


def test_the_token_is_kept_for_its_user_alone(tmp_path: Path) -> None:
    token = kept_token(tmp_path / "serve")
    assert len(token) >= 30
    assert kept_token(tmp_path / "serve") == token
    assert stat.S_IMODE((tmp_path / "serve" / "token").stat().st_mode) == 0o600
    (tmp_path / "serve" / "token").write_text("short")
    assert kept_token(tmp_path / "serve") not in {token, "short"}


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "serve").write_text("somebody's own file")
    with pytest.raises(FileError, match=r"serve can't be written: .* Make space, or name another folder"):
        kept_token(tmp_path / "serve")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / f"token-{os.getpid()}").symlink_to("/dev/full")
    with pytest.raises(FileError, match="No space left"):
        kept_token(tmp_path / "full")


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("127.0.0.5", True), ("localhost", True), ("::1", True), ("[::1]", True),
     ("0.0.0.0", False), ("::", False), ("192.0.2.1", False), ("example.org", False)],
)  # fmt: skip
def test_which_interfaces_are_this_machines_own(host: str, own: bool) -> None:
    assert is_loopback(host) == own
