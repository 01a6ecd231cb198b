"""Read one package's page on a package index (PEP 503): the files, and the hashes that the index announces."""

from __future__ import annotations

import ssl
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlparse

from samj_bridge.errors import NetworkError
from samj_bridge.process.environ import clean_environ
from samj_bridge.progress import CancelToken
from samj_bridge.settings import Settings

__all__ = ["IndexedWheel", "read_page", "wheels_of"]

_LARGEST_PAGE = 64 * 2**20


@dataclass(frozen=True)
class IndexedWheel:
    """A wheel as an index announces it."""

    filename: str
    """Such as ``torch-2.9.0+cpu-cp312-cp312-manylinux_2_28_x86_64.whl``."""
    sha256: str
    """Announced hash, in hexadecimal; empty: none is announced."""

    @property
    def version(self) -> str:
        """Version with its local part, such as ``2.9.0+cpu``."""
        return self.filename.split("-")[1]

    @property
    def tags(self) -> str:
        """Python, ABI and platform, such as ``cp312-cp312-manylinux_2_28_x86_64``."""
        return "-".join(self.filename.removesuffix(".whl").split("-")[-3:])

    @property
    def single_tags(self) -> list[str]:
        """The same with one platform each: a file name may join several with dots."""
        python, abi, platforms = self.tags.split("-")
        return [f"{p}-{a}-{t}" for p in python.split(".") for a in abi.split(".") for t in platforms.split(".")]


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


def wheels_of(page: str, package: str) -> list[IndexedWheel]:
    """Return the wheels that a page lists.

    Examples
    --------
    >>> wheels_of('<a href="t-1%2Bcpu-py3-none-any.whl#sha256=ab">t</a>', "t")[0].version
    '1+cpu'
    """
    parser = _Links()
    parser.feed(page)
    wheels = []
    for href in parser.hrefs:
        address, fragment = urldefrag(urljoin("https://index.invalid/", href))
        filename = unquote(urlparse(address).path.rsplit("/", 1)[-1])
        parts = filename.split("-")
        if filename.endswith(".whl") and len(parts) >= 5 and parts[0].lower().replace("_", "-") == package.lower():
            kind, _, value = fragment.partition("=")
            wheels.append(IndexedWheel(filename, value.lower() if kind == "sha256" else ""))
    return wheels


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.hrefs += [value for key, value in attrs if key == "href" and value]


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
