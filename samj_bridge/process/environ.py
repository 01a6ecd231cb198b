"""The variables that child processes start with: the user's own, less what would steer Python or an installer."""

from __future__ import annotations

import os
from collections.abc import Mapping

__all__ = ["clean_environ"]

_DROPPED_PREFIXES = (
    "CONDARC",
    "CONDA_",
    "MAMBARC",
    "MAMBA_",
    "PIP_",
    "PIXI_",
    "PYTHON",
    "UV_",
    "VIRTUAL_ENV",
    "_CE_",
    "__PYVENV",
    "SAMJ_",
)
_KEPT = {"UV_CACHE_DIR"}


def clean_environ(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return `environ` without the user's Python, conda, pip and uv configuration.

    Home, proxies and certificates stay. Certificates that are named for other programs only
    (``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE``) are handed on as ``SSL_CERT_FILE``, which uv and Python read.

    Parameters
    ----------
    environ : mapping, optional
        Variables to start from; those of this process by default.

    Examples
    --------
    >>> clean_environ({"HOME": "h", "PYTHONPATH": "x", "CURL_CA_BUNDLE": "ca.pem"})["SSL_CERT_FILE"]
    'ca.pem'
    """
    environ = os.environ if environ is None else environ
    kept = {
        name: value
        for name, value in environ.items()
        if name.upper() in _KEPT or not name.upper().startswith(_DROPPED_PREFIXES)
    }
    if not kept.get("SSL_CERT_FILE"):
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            if kept.get(name):
                kept["SSL_CERT_FILE"] = kept[name]
                break
    # The user's own packages (pip install --user) must not shadow the environment's.
    kept["PYTHONNOUSERSITE"] = "1"
    return kept
