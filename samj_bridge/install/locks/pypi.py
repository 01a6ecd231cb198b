r"""A lock of PyPI packages: a requirements file of which every line is pinned and hashed.

What an environment writes about itself says in comments for which machine it was made::

    # platform: linux-64
    # python: 3.12
    numpy==2.4.0 --hash=sha256:...
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from samj_bridge.errors import InstallError
from samj_bridge.install.specification import requirements

__all__ = ["PypiLock", "parse_pypi_lock"]

_PIN = re.compile(r"[A-Za-z0-9][\w.\-]*(\[[\w.,\-]+\])?\s*(==|@)\s*\S+.*--hash=sha256:[0-9a-f]{64}\b")
_NOTE = r"^#\s*{name}:\s*(\S+)\s*$"


@dataclass(frozen=True)
class PypiLock:
    """All PyPI packages of one environment."""

    pins: tuple[str, ...]
    """Requirements with hashes."""
    platform: str = ""
    """Such as ``linux-64``; empty: every platform that the pins' own conditions allow."""
    python: str = ""
    """Such as ``3.12``; empty: any that the specification allows."""

    @property
    def text(self) -> str:
        """The lock as a file's text."""
        notes = {"platform": self.platform, "python": self.python}
        head = [f"# {name}: {value}" for name, value in notes.items() if value]
        return "\n".join([*head, *sorted(self.pins)]) + "\n"

    def check_platform(self, platform: str) -> None:
        """Raise when the lock is for another platform than `platform`.

        Raises
        ------
        InstallError
            With code ``wrong-platform``.
        """
        if self.platform and self.platform != platform:
            message = f"This lock is for {self.platform}, and this machine is {platform}. Nothing was installed."
            hint = "Make the environment without --from: samj-bridge's own lock is for every platform."
            raise InstallError(message, code="wrong-platform", hint=hint, lock=self.platform, machine=platform)


def parse_pypi_lock(text: str, *, source: str = "The lock") -> PypiLock:
    """Read a lock's text.

    Raises
    ------
    InstallError
        With code ``bad-lock``: it has no requirement, or one that is not pinned with a sha256;
        ``details["problems"]`` lists them.
    """
    pins = requirements(text.lstrip("\ufeff"))
    problems = [f"{pin[:60]!r} is not pinned with a sha256" for pin in pins if not _PIN.match(pin)]
    if not pins:
        problems = ["there is no package in it"]
    if problems:
        shown = "; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
        message = f"{source} can't be used as a lock: {shown}. Nothing was installed."
        hint = "Use what samj-bridge env export prints, a pixi.lock, or an explicit list of conda packages."
        raise InstallError(message, code="bad-lock", hint=hint, problems=problems)
    return PypiLock(tuple(pins), _note("platform", text), _note("python", text))


def _note(name: str, text: str) -> str:
    match = re.search(_NOTE.format(name=name), text, flags=re.MULTILINE)
    return match[1] if match else ""
