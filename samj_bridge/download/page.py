"""What a page of a package index lists (PEP 503): the wheels of one project, and the hashes that it announces."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

__all__ = ["ListedWheel", "normalised", "wheels_on"]


@dataclass(frozen=True)
class ListedWheel:
    """A wheel as an index announces it."""

    filename: str
    """Such as ``torch-2.9.0+cpu-cp312-cp312-manylinux_2_28_x86_64.whl``."""
    sha256: str
    """Announced hash, in hexadecimal; empty: none is announced."""
    url: str = ""
    """Where it is."""

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

    @property
    def is_pure(self) -> bool:
        """Whether it is for every machine."""
        return self.filename.endswith("-none-any.whl")


def normalised(project: str) -> str:
    """Return a project's name as indexes write it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", project).lower()


def wheels_on(page: str, project: str, address: str = "https://index.invalid/") -> list[ListedWheel]:
    """Return the wheels of a project that a page lists.

    Parameters
    ----------
    page : str
        HTML.
    project : str
        Whose wheels; those of others are left out.
    address : str
        Where the page is, for links that are relative to it.

    Examples
    --------
    >>> wheels_on('<a href="t-1%2Bcpu-py3-none-any.whl">t</a>', "t")[0].version
    '1+cpu'
    """
    parser = _Page()
    parser.feed(page)
    wheels = []
    for href in parser.hrefs:
        try:
            url, fragment = urldefrag(urljoin(urljoin(address, parser.base), href))
        except ValueError:
            # Square brackets that are no address of IPv6, say.
            continue
        filename = unquote(urlsplit(url).path.rpartition("/")[2])
        parts = filename.split("-")
        if filename.endswith(".whl") and len(parts) >= 5 and normalised(parts[0]) == normalised(project):
            kind, _, value = fragment.partition("=")
            is_hash = kind == "sha256" and re.fullmatch("[0-9a-fA-F]{64}", value)
            wheels.append(ListedWheel(filename, value.lower() if is_hash else "", url))
    return wheels


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.base, self.hrefs = "", list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href") or ""
        if tag == "base" and not self.base:
            self.base = href
        if tag == "a" and href:
            self.hrefs.append(href)
