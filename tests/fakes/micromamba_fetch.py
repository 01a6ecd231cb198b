"""The stand-in's downloads, with libcurl's numbers and words."""

from __future__ import annotations

import base64
import http.client
import os
import shutil
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_SILENCE_S = 60  # a server below 30 bytes a second is given up, and asked once more
_TRIES = 3


class Unreachable(Exception):
    """A download that failed, as lines for standard error."""

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.lines = lines


def to_file(url: str, path: Path, options: Any, refused_s: float) -> None:
    """Fetch `url` to `path`, from its beginning.

    Raises
    ------
    Unreachable
        It can't be had.
    """
    address = urlsplit(url)
    if address.scheme == "file":
        if "%20" in address.path and url.endswith("repodata.json"):
            raise Unreachable(f"error    libmamba Bad path: {url}")
        try:
            shutil.copyfile(unquote(address.path), path)
        except FileNotFoundError as error:
            raise Unreachable(
                f"error    libmamba Download error (37) Could not read a file:// file [{url}]"
            ) from error
        return
    opener = _opener(options, address.scheme)
    user, _, host = address.netloc.rpartition("@")
    request = urllib.request.Request(address._replace(netloc=host).geturl())
    if user:
        request.add_header("Authorization", "Basic " + base64.b64encode(unquote(user).encode()).decode())
    for attempt in range(_TRIES):
        try:
            with opener.open(request, timeout=_SILENCE_S) as answer, path.open("wb") as file:
                wanted = int(answer.headers.get("Content-Length", "0"))
                while block := answer.read(65536):
                    file.write(block)
                if file.tell() < wanted:
                    raise http.client.IncompleteRead(b"", wanted)
            return
        except urllib.error.HTTPError as error:
            raise Unreachable(f"error    libmamba Download error: status {error.code} [{url}]") from error
        except http.client.IncompleteRead as error:
            if attempt + 1 == _TRIES:
                line = "error    libmamba Download error (18) Transferred a partial file"
                raise Unreachable(f"{line} [{url}]") from error
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            time.sleep(refused_s)
            raise Unreachable(*_lines(url, getattr(error, "reason", error), _proxy_for(url, options))) from error


def below(channel: str, rest: str) -> str:
    """Return the address of what lies in a channel; a query stays at the end."""
    place, mark, query = channel.partition("?")
    return f"{place.rstrip('/')}/{rest}{mark}{query}"


def _proxy_for(url: str, options: Any) -> str:
    if urllib.request.proxy_bypass(urlsplit(url).hostname or ""):
        return ""
    return _proxy(options, urlsplit(url).scheme)


def _proxy(options: Any, scheme: str) -> str:
    names = {"https": ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"), "http": ("http_proxy", "all_proxy")}
    proxy = next((os.environ[name] for name in names[scheme] if os.environ.get(name)), "")
    return str(proxy or options.rc.get("proxy_servers", {}).get(scheme, ""))


def _opener(options: Any, scheme: str) -> urllib.request.OpenerDirector:
    proxy = _proxy(options, scheme)
    proxies = {scheme: proxy} if proxy else {}
    if options.verify is False:
        context = ssl._create_unverified_context()
    else:
        # Not what SSL_CERT_FILE says: Python would look there.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if isinstance(options.verify, str):
            context.load_verify_locations(options.verify)
        elif Path("/etc/ssl/certs/ca-certificates.crt").is_file():
            context.load_verify_locations("/etc/ssl/certs/ca-certificates.crt")
    return urllib.request.build_opener(
        urllib.request.ProxyHandler(proxies), urllib.request.HTTPSHandler(context=context)
    )


def _lines(url: str, reason: object, proxy: str) -> list[str]:
    text = str(reason)
    if isinstance(reason, ssl.SSLError):
        said = "(60) SSL peer certificate or SSH remote key was not OK"
        detail = "SSL certificate problem: unable to get local issuer certificate"
    elif isinstance(reason, TimeoutError):
        said = "(28) Timeout was reached"
        detail = "Operation too slow. Less than 30 bytes/sec transferred the last 60 seconds"
    elif "Name or service" in text or "name resolution" in text:
        said, detail = "(6) Could not resolve hostname", f"Could not resolve host: {urlsplit(url).hostname}"
    elif "Tunnel connection failed: 407" in text:
        said, detail = "(56) Failure when receiving data from the peer", "CONNECT tunnel failed, response 407"
    else:
        said = "(7) Could not connect to server"
        # libcurl names whom it called: the proxy, where there is one.
        called = urlsplit(proxy or url)
        port = called.port or {"https": 443, "http": 80}[called.scheme]
        detail = f"Failed to connect to {called.hostname} port {port} after 0 ms: Couldn't connect to server"
    return [f"error    libmamba Download error {said} [{url}]", f"    {detail}"]
