"""Who issued a certificate: the issuer's names out of its bytes, and no more of X.509 than that."""

from __future__ import annotations

__all__ = ["issuer_of"]

_SEQUENCE, _INTEGER, _VERSION = 0x30, 0x02, 0xA0
_COMMON_NAME, _ORGANIZATION = b"\x55\x04\x03", b"\x55\x04\x0a"


def issuer_of(der: bytes) -> str:
    """Return the common name (or the organization) of a certificate's issuer; empty when it can't be read.

    References
    ----------
    RFC 5280, section 4.1: Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version, serialNumber,
    signature, issuer, ... } ... }.
    """
    try:
        (_, certificate, _), *_ = _elements(der)
        (_, to_be_signed, _), *_ = _elements(certificate)
        fields = [(tag, body) for tag, body, _ in _elements(to_be_signed) if tag != _VERSION]
        # After the version, which may be absent: serial number, signature algorithm, issuer.
        return _names(fields[2][1])
    except (IndexError, ValueError):
        return ""


def _names(issuer: bytes) -> str:
    found = {}
    for _, relative, _ in _elements(issuer):
        for _, pair, _ in _elements(relative):
            (_, kind, _), (_, value, _), *_ = _elements(pair)
            found[kind] = value.decode("utf-8", errors="replace")
    return found.get(_COMMON_NAME) or found.get(_ORGANIZATION) or ""


def _elements(data: bytes) -> list[tuple[int, bytes, int]]:
    """Split DER into its elements: tag, content, length."""
    found, at = [], 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        if at + length > len(data):
            raise ValueError(length)
        found.append((tag, data[at : at + length], length))
        at += length
    return found
