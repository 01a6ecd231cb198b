"""Which servers are believed: the certificates that connections are checked against."""

from __future__ import annotations

import ssl
from pathlib import Path

from samj_bridge.errors import InputError

__all__ = ["trusted"]


def trusted(bundle: str) -> ssl.SSLContext:
    """Return a context that believes the certificates in a file or folder; the system's where none is named.

    Raises
    ------
    InputError
        ``bad-certificates``: they can't be read.
    """
    try:
        if bundle and Path(bundle).is_dir():
            return ssl.create_default_context(capath=bundle)
        context = ssl.create_default_context(cafile=bundle or None)
    except OSError as error:
        what = getattr(error, "reason", None) or error.strerror or error
        message = f"The certificates in {bundle} can't be read: {what}."
        hint = "Let SAMJ_CA_BUNDLE or SSL_CERT_FILE name a PEM file, or unset it."
        raise InputError(message, code="bad-certificates", hint=hint, path=bundle) from error
    paths = ssl.get_default_verify_paths()
    if not (bundle or paths.cafile or paths.capath):
        # Python from python.org on macOS finds none of the system's.
        import certifi

        context.load_verify_locations(certifi.where())
    return context
