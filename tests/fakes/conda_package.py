"""Conda packages made by hand: small, real, and the same bytes every time."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from samj_bridge.install.specification import current_platform

_BLOCK = 128 * 1024


def make_package(
    name: str,
    version: str,
    files: Mapping[str, bytes] | None = None,
    *,
    depends: tuple[str, ...] = (),
    links: Mapping[str, str] | None = None,
    build: str = "0",
    subdir: str = "noarch",
    noarch: str = "generic",
    suffix: str = ".conda",
) -> tuple[str, bytes]:
    """Return the file name and the bytes of a package.

    Parameters
    ----------
    files, links : mapping
        Path in the environment to content, or to what it points to.
    noarch : str
        ``generic``, ``python`` (paths begin with ``site-packages/``), or empty for a package of one platform.
    suffix : str
        ``.conda`` or ``.tar.bz2``.
    """
    files, links = files or {}, links or {}
    index = {
        "name": name,
        "version": version,
        "build": build,
        "build_number": 0,
        "depends": list(depends),
        "license": "MIT",
        "subdir": subdir,
        "timestamp": 1760000000000,
    }
    paths = [
        {
            "_path": path,
            "path_type": "hardlink",
            "sha256": hashlib.sha256(data).hexdigest(),
            "size_in_bytes": len(data),
        }
        for path, data in files.items()
    ]
    # conda-build gives a link the hash of nothing where it points out of the package.
    paths += [
        {"_path": path, "path_type": "softlink", "sha256": hashlib.sha256().hexdigest(), "size_in_bytes": 0}
        for path in links
    ]
    info = {
        "info/paths.json": json.dumps({"paths_version": 1, "paths": paths}).encode(),
        "info/files": "".join(f"{path}\n" for path in (*files, *links)).encode(),
        "info/about.json": b"{}",
    }
    if noarch:
        index["noarch"] = noarch
    if noarch == "python":
        link = {"noarch": {"type": "python", "entry_points": []}, "package_metadata_version": 1}
        info["info/link.json"] = json.dumps(link).encode()
    info["info/index.json"] = json.dumps(index).encode()
    stem = f"{name}-{version}-{build}"
    if suffix == ".tar.bz2":
        return stem + suffix, _tar({**info, **files}, links, "w:bz2")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member, data in {
            "metadata.json": b'{"conda_pkg_format_version": 2}',
            f"pkg-{stem}.tar.zst": _stored_zst(_tar(files, links, "w")),
            f"info-{stem}.tar.zst": _stored_zst(_tar(info, {}, "w")),
        }.items():
            archive.writestr(zipfile.ZipInfo(member, (2020, 1, 1, 0, 0, 0)), data)
    return stem + suffix, buffer.getvalue()


def make_module(
    name: str, version: str, code: str = "", depends: tuple[str, ...] = ("python",), suffix: str = ".conda"
) -> tuple[str, bytes]:
    """Return a package for any Python, with one module that has a `__version__`."""
    info = f"site-packages/{name}-{version}.dist-info"
    files = {
        f"site-packages/{name}.py": f'__version__ = "{version}"\n{code}\n'.encode(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/INSTALLER": b"conda\n",
    }
    return make_package(name, version, files, depends=depends, build="py_0", noarch="python", suffix=suffix)


def make_python() -> tuple[str, bytes]:
    """Return a package whose ``bin/python`` is the interpreter of these tests, at home in the environment.

    A link and a ``pyvenv.cfg`` make any prefix the interpreter's own, as in a virtual environment.
    """
    if sys.platform == "win32":
        raise NotImplementedError("an interpreter of Windows can't be linked to")
    base = Path(getattr(sys, "_base_executable", "") or sys.executable).resolve()
    version = platform.python_version()
    short = ".".join(version.split(".")[:2])
    config = f"home = {base.parent}\nversion = {version}\ninclude-system-site-packages = false\n"
    return make_package(
        "python",
        version,
        {"pyvenv.cfg": config.encode(), f"lib/python{short}/site-packages/README.txt": b"packages go here\n"},
        links={"bin/python": str(base), f"bin/python{short}": "python"},
        build=f"0_cp{short.replace('.', '')}",
        subdir=current_platform(),
        noarch="",
    )


def _tar(files: Mapping[str, bytes], links: Mapping[str, str], mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            member.mode = 0o755 if path.startswith("bin/") else 0o644
            archive.addfile(member, io.BytesIO(data))
        for path, target in links.items():
            member = tarfile.TarInfo(path)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return buffer.getvalue()


def _stored_zst(data: bytes) -> bytes:
    """Return a Zstandard frame (RFC 8878) that holds `data` as it is: the standard library can't compress so."""
    single_segment_with_8_byte_size = 0xE0
    frame = [b"\x28\xb5\x2f\xfd", bytes([single_segment_with_8_byte_size]), len(data).to_bytes(8, "little")]
    for start in range(0, max(len(data), 1), _BLOCK):
        block = data[start : start + _BLOCK]
        last = start + _BLOCK >= len(data)
        frame += [(last | len(block) << 3).to_bytes(3, "little"), block]
    return b"".join(frame)
