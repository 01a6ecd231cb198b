"""What ``samj-bridge --version`` says: the package and its commit, the worker's code, the jar."""

from __future__ import annotations

from pathlib import Path

from samj_bridge.fiji.jar import find_jar, jar_version
from samj_bridge.process.environ import clean_environ
from samj_bridge.process.run import run
from samj_bridge.protocol import PROTOCOL_VERSION
from samj_bridge.version import __version__

__all__ = ["commit", "describe", "jar_version"]

_PACKAGE = Path(__file__).parents[1]
_UNKNOWN = "unknown"


def describe() -> str:
    """Return the lines to print."""
    from samj_bridge.errors import FijiError
    from samj_bridge.session.connection.bundle import bundle_name

    try:
        jar = find_jar()
        tool = f"{jar.name} {jar_version(jar)}"
    except FijiError:
        tool = "SAMJ_Bridge.jar is missing"
    return "\n".join(
        (
            f"samj-bridge {__version__} (commit {commit()})",
            f"worker: protocol {PROTOCOL_VERSION}, {bundle_name()}",
            f"tool for ImageJ: {tool}",
        )
    )


def commit(package: Path = _PACKAGE) -> str:
    """Return the commit that the package was made from, ``+`` behind it for a checkout that has been changed since.

    A wheel has it in a file, which its build wrote; a checkout is asked itself.
    """
    written = package / "commit.txt"
    if written.is_file():
        return written.read_text(encoding="utf-8").strip() or _UNKNOWN
    if not (package.parent / ".git").exists():
        return _UNKNOWN
    command = ["git", "-C", str(package.parent), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    try:
        done = run(command, env=clean_environ(), timeout_s=10)
    except Exception:  # noqa: BLE001 - what git's absence looks like is git's business; the version is still told
        return _UNKNOWN
    return done.stdout[0].strip() if done.returncode == 0 and done.stdout else _UNKNOWN
