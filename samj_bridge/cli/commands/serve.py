"""``samj-bridge serve``: one worker for the page, QuPath, annotation servers and programs, until Ctrl-C."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
import time
import webbrowser
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samj_bridge.cli.result import Line, Result, styled
from samj_bridge.errors import Cancelled, InputError, InstallError
from samj_bridge.install import ensure_environment
from samj_bridge.models import find_model
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, notify
from samj_bridge.settings import Settings, as_path

if TYPE_CHECKING:
    from samj_bridge.server.serving import Card

__all__ = ["run", "run_status"]


def run(
    settings: Settings,
    *,
    host: str,
    port: int,
    any_port: bool,
    model: str,
    roots: Sequence[Path],
    label_studio: str = "",
    images_from: Sequence[str] = (),
    browser: bool = False,
    progress: Progress,
    cancel: CancelToken,
) -> Result:
    """Set up what is missing, answer requests, return when it was stopped.

    Raises
    ------
    SamjError
        The port is taken, the environment can't be made, the model is unknown.
    """
    _need_extra()
    from samj_bridge.server.access import Access, kept_token
    from samj_bridge.server.fetching import Fetcher, origin_of
    from samj_bridge.server.services import Services
    from samj_bridge.server.serving import card_of, listen, serve, shown

    find_model(model, settings)
    folders = _folders(roots)
    for address in (label_studio, *images_from):
        if address and not origin_of(address):
            message = f"{address!r} is no address of a server."
            raise InputError(message, hint="It begins with http:// or https://, as http://localhost:8080.")
    fetcher = Fetcher(label_studio, settings.label_studio_key, images_from)
    # Before the minutes that the environment takes.
    sockets = listen(host, port, any_port=any_port)
    try:
        ensure_environment(settings, progress=progress, cancel=cancel)
        card = card_of(host, sockets[0].getsockname()[1], kept_token(_cards(settings)))
        services = Services.of(settings, model=model, roots=folders, fetcher=fetcher)
        access = Access.of(card.token, host)
        started = services.hub.ask("server", f"start {model}", lambda job: services.hub.session(model, job))
        started.future.add_done_callback(_tell_failure)

        def ready() -> None:
            sys.stderr.write(_announcement(card.address, card.token, loopback=access.loopback))
            sys.stderr.flush()
            notify(progress, ProgressEvent("serve", f"Serving at {card.address}. Ctrl-C ends it"))
            if browser:
                # In a thread: some browsers hold up whoever opens them. Without any, the address above is there.
                threading.Thread(target=_open_page, args=(card,), name="samj-serve-browser", daemon=True).start()

        with shown(_cards(settings), card):
            serve(services, access, sockets, cancel=cancel, ready=ready)
    finally:
        for found in sockets:
            with contextlib.suppress(OSError):
                found.close()
    seconds = round(time.time() - card.started)
    return Result(
        "serve",
        data={"address": card.address, "requests": services.hub.done, "seconds": seconds},
        lines=[f"The server has ended after {seconds} s; it did {services.hub.done} jobs."],
    )


def run_status(settings: Settings) -> Result:
    """Say which servers of this home run, and what each does now and for whom."""
    _need_extra()
    from samj_bridge.server.serving import ask_state, cards

    data: list[dict[str, Any]] = []
    lines: list[Line] = []
    for card in cards(_cards(settings)):
        state = ask_state(card)
        if state is None:
            continue
        data.append({"address": card.address, "pid": card.pid, **state})
        lines += _said(card.address, card.pid, state)
    if not data:
        lines = ["No server runs. Start one: samj-bridge serve"]
    return Result("serve", data={"servers": data}, lines=lines)


def _open_page(card: Card) -> None:
    # Without a screen a browser of letters would be found, which takes the terminal.
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return
    with contextlib.suppress(Exception):
        webbrowser.open(_page(card.address, card.token))


def _page(address: str, token: str) -> str:
    # What is listened on everywhere is asked here.
    return f"{address}/{token}/".replace("//0.0.0.0:", "//127.0.0.1:")


def _said(address: str, pid: int, state: dict[str, Any]) -> list[Line]:
    models = ", ".join(state["models"]) or "no model yet"
    lines: list[Line] = [
        styled((address, "green"), f" (process {pid}): {models}; {state['images']} images; {state['done']} done.")
    ]
    now = state["now"]
    if now is None:
        lines.append("  Nothing runs.")
    else:
        lines.append(f"  Now, for {now['running_s']:.1f} s: {now['what']}, for {now['client']}. {now['message']}")
    lines += [f"  Waits {job['waited_s']:.1f} s: {job['what']}, for {job['client']}." for job in state["waiting"]]
    lines += [f"  Installs {item['model']}: {item['message']}" for item in state["installs"]]
    return lines


def _announcement(address: str, token: str, *, loopback: bool) -> str:
    secret = "" if loopback else f"/{token}"
    return (
        f"samj-bridge serves at {address}\n"
        f"  The page:            {_page(address, token)}\n"
        f"  QuPath, server URL:  {address}{secret}/sam/\n"
        f"  Label Studio:        {address}{secret}/label-studio\n"
        f"  X-AnyLabeling:       {address}{secret}\n"
        f"  Programs:            {address}/api/  (token: {token})\n"
        "Ctrl-C ends it.\n"
    )


def _tell_failure(started: Future[Any]) -> None:
    """Say at once why no model can be asked: requests would only say it one by one."""
    error = started.exception()
    if error is not None and not isinstance(error, Cancelled):
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()


def _folders(roots: Sequence[Path]) -> tuple[Path, ...]:
    folders = tuple(as_path(root) for root in roots)
    for folder in folders:
        if not folder.is_dir():
            message = f"There is no folder {folder}."
            raise InputError(message, hint="Name a folder with images after --root.")
    return folders


def _cards(settings: Settings) -> Path:
    return settings.home / "serve"


def _need_extra() -> None:
    try:
        for name in ("starlette", "uvicorn", "python_multipart"):
            importlib.import_module(name)
    except ImportError as error:
        message = f"The server's packages are not installed ({error.name})."
        hint = "Install them: pip install 'samj-bridge[server]'"
        raise InstallError(message, code="no-extra", hint=hint) from error
