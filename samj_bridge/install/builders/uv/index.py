"""Read one package's page on a package index (PEP 503), within seconds however the server behaves."""

from __future__ import annotations

import ssl
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import urlparse

from samj_bridge.errors import NetworkError
from samj_bridge.process.environ import clean_environ
from samj_bridge.progress import CancelToken
from samj_bridge.settings import Settings

__all__ = ["read_page"]

_LARGEST_PAGE = 64 * 2**20


def read_page(
    index: str,
    package: str,
    *,
    settings: Settings | None = None,
    timeout_s: float = 8.0,
    cancel: CancelToken | None = None,
) -> str:
    """Fetch the page of `package` on `index` within `timeout_s` seconds, however the server behaves.

    Raises
    ------
    NetworkError
        The server can't be reached, answers with an error, or takes too long.
    Cancelled
        `cancel` was set.
    """
    url = f"{index.rstrip('/')}/{package}/"
    done = threading.Event()
    answer: list[str | Exception] = []

    def fetch() -> None:
        try:
            answer.append(_get(url, settings or Settings(), timeout_s))
        except (OSError, ValueError) as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            answer.append(error)
        done.set()

    # A thread of its own: name look-up has no time limit, and a server may trickle for ever.
    threading.Thread(target=fetch, daemon=True).start()
    forget = cancel.on_cancel(done.set) if cancel is not None else lambda: None
    done.wait(timeout_s)
    forget()
    if cancel is not None:
        cancel.check()
    if answer and isinstance(answer[0], str):
        return answer[0]
    reason = _reason(answer[0]) if answer else f"no answer within {timeout_s:g} s"
    message = f"{reason[:1].upper()}{reason[1:]}: {index} could not be asked for {package}."
    raise NetworkError(message, hint="Check the connection and the proxy settings.", url=url, reason=reason)


def _get(url: str, settings: Settings, timeout_s: float) -> str:
    if urlparse(url).scheme not in {"http", "https"}:
        message = f"{url} is not a web address"
        raise ValueError(message)
    deadline = time.monotonic() + timeout_s
    request = urllib.request.Request(url, headers={"Accept": "text/html", "User-Agent": "samj-bridge"})
    proxies = dict.fromkeys(("http", "https"), settings.proxy) if settings.proxy else None
    bundle = settings.ca_bundle or clean_environ().get("SSL_CERT_FILE")
    context = ssl.create_default_context(cafile=bundle or None)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler(proxies), urllib.request.HTTPSHandler(context=context)
    )
    with opener.open(request, timeout=timeout_s) as response:
        page = bytearray()
        while block := response.read1(2**16):
            page += block
            if len(page) > _LARGEST_PAGE or time.monotonic() > deadline:
                raise ValueError("the page does not end")
    return page.decode("utf-8", errors="replace")


def _reason(error: object) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"status {error.code}"
    inner = getattr(error, "reason", error)
    return str(getattr(inner, "strerror", None) or inner)
