"""Make the PyPI lock of a specification again: ``samj-bridge env lock --only pypi``.

Every package of every platform and Python with the hashes of all its wheels, solved by uv, with nothing in it
about the machine that solved it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from samj_bridge.errors import InstallError
from samj_bridge.install.builders.uv.tool import UvTool
from samj_bridge.install.specification import Specification
from samj_bridge.progress import CancelToken
from samj_bridge.settings import Settings

__all__ = ["make_lock"]

_HEADER = """\
# Every PyPI package of this environment, for all platforms and Pythons. Checked by hash, never edited:
#     samj-bridge env lock --only pypi
"""

_MARKERS = {
    "linux-64": "sys_platform == 'linux' and platform_machine == 'x86_64'",
    "linux-aarch64": "sys_platform == 'linux' and platform_machine == 'aarch64'",
    "osx-64": "sys_platform == 'darwin' and platform_machine == 'x86_64'",
    "osx-arm64": "sys_platform == 'darwin' and platform_machine == 'arm64'",
    "win-64": "sys_platform == 'win32' and platform_machine == 'AMD64'",
}


def make_lock(specification: Specification, settings: Settings, cancel: CancelToken | None = None) -> str:
    """Solve `specification` for its platforms and return the lock's text.

    Raises
    ------
    InstallError, NetworkError
        uv found no solution, or no index.
    """
    lines = [
        f"{name}{versions.replace('*', '')}; {_MARKERS[target]}"
        for target, packages in specification.pypi.items()
        for name, versions in packages.items()
    ]
    oldest = specification.python["linux-64"].split(">=")[1].split(",")[0]
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "wanted.txt"
        wanted.write_text("\n".join(lines) + "\n", encoding="utf-8")
        finished = UvTool(settings).call(
            [
                *("pip", "compile", str(wanted), "--universal", "--python-version", oldest),
                *("--generate-hashes", "--only-binary", ":all:", "--no-header", "--no-annotate", "--quiet"),
                *(["--default-index", settings.pypi_index] if settings.pypi_index else []),
            ],
            cancel=cancel,
        )
    text = "\n".join(finished.stdout)
    if "==" not in text:
        raise InstallError("uv solved nothing.", code="no-lock", hint="Look at the specification's PyPI packages.")
    return _HEADER + text + "\n"
