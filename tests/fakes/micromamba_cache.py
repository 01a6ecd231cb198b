"""The stand-in's package cache: archives fetched and checked, and unpacked by a child process that outlives it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import micromamba_config as config
import micromamba_fetch as fetch
from micromamba_steer import Failure, fault, step

SUFFIXES = (".conda", ".tar.bz2")


class Cache:
    """The package cache: archives, and a folder for each that was unpacked; locked while in use."""

    def __init__(self, options: config.Options) -> None:
        folder = Path(os.environ.get("CONDA_PKGS_DIRS") or options.rc.get("pkgs_dirs") or options.root / "pkgs")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "urls.txt").touch()
        except OSError as error:
            sys.stderr.write(f"error    libmamba Could not open '{folder}/urls.txt': {error.strerror}\n")
            folder = Path.home() / ".mamba" / "pkgs"
            folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        # Always there as well, whatever the root prefix is.
        urls = Path.home() / ".mamba" / "pkgs" / "urls.txt"
        urls.parent.mkdir(parents=True, exist_ok=True)
        urls.touch()

    @contextlib.contextmanager
    def locked(self) -> Any:
        import fcntl

        with (self.folder / "pkgs.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def provide(self, packages: list[dict[str, Any]], options: config.Options) -> list[Path]:
        """Return the unpacked packages, fetched where need be."""
        folders = [self.place(package) / stem(package["fn"]) for package in packages]
        missing = []
        for package, folder in zip(packages, folders, strict=True):
            archive = self.place(package) / package["fn"]
            archive.parent.mkdir(parents=True, exist_ok=True)
            unpacked = (folder / "info" / "repodata_record.json").is_file() and intact(folder)
            if unpacked and (right(archive, package) if archive.is_file() else recorded(folder, package)):
                continue
            if not archive.is_file() or not right(archive, package):
                step(f"fetch {package['name']}")
                part = archive.with_name(archive.name + ".part")
                try:
                    fetch.to_file(package["url"], part, options, fault("refused_s") or 0.0)
                except fetch.Unreachable as error:
                    if not fault("garbled_hash"):
                        raise
                    raise garbled(package, error.lines) from error
                part.replace(archive)
            step(f"fetched {package['name']}")
            mismatch(archive, package)
            missing.append((package, archive, folder))
        self.unpack(missing)
        return folders

    def place(self, package: dict[str, Any]) -> Path:
        """Return the folder of the package: from 2.6 on, one for each channel and platform."""
        if fault("layout") == "flat":
            return self.folder
        scheme, _, rest = package["url"].partition("?")[0].partition("://")
        rest = rest.rpartition("@")[2]
        return self.folder / scheme / rest.replace(":", "_").lstrip("/").rsplit("/", 1)[0]

    def unpack(self, missing: list[tuple[dict[str, Any], Path, Path]]) -> None:
        """Unpack in a process of its own, as micromamba does: a signal to this one alone leaves it running."""
        if not missing:
            return
        child = os.fork()
        if child == 0:
            status = 1
            try:
                for package, archive, folder in missing:
                    unpack(package["name"], archive, folder)
                status = 0
            except OSError as error:
                sys.stderr.write(f"critical libmamba filesystem error: {error.strerror} [{error.filename}]\n")
            finally:
                sys.stderr.flush()
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status == 2:
            for *_, folder in missing:
                shutil.rmtree(folder, ignore_errors=True)
            raise Failure("critical libmamba Found incorrect downloads. Aborting", report={"success": False})
        if status:
            raise Failure("critical libmamba Error when extracting packages")
        for package, _, folder in missing:
            (folder / "info" / "repodata_record.json").write_text(json.dumps(package))


def intact(folder: Path) -> bool:
    """Tell whether the unpacked files are as they were packed; looked at only when that is asked for."""
    wanted = {"MAMBA_EXTRA_SAFETY_CHECKS": "true", "MAMBA_SAFETY_CHECKS": "enabled"}
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        return True
    for entry in json.loads((folder / "info" / "paths.json").read_text())["paths"]:
        path = folder / entry["_path"]
        if entry["path_type"] == "hardlink" and (
            not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]
        ):
            return False
    return True


def unpack(name: str, archive: Path, target: Path) -> None:
    from rattler.package_streaming import extract

    shutil.rmtree(target, ignore_errors=True)
    step(f"unpack {name}")
    try:
        extract(archive, target)
        if fault("write_fails"):
            raise OSError(28, "No space left on device")
    except Exception as error:
        # libarchive knows the cause, and does not say it.
        shutil.rmtree(target, ignore_errors=True)
        full = "os error 28" in str(error) or "No space left" in str(error)
        lines = ["critical libmamba Write failed"] if full else []
        lines += [
            f'error    libmamba Error opening for reading "{target}/info/index.json": No such file or directory'
        ]
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()
        os._exit(2 if full else 1)


def stem(filename: str) -> str:
    return next(filename[: -len(suffix)] for suffix in SUFFIXES if filename.endswith(suffix))


def expected(package: dict[str, Any]) -> str:
    return str(package.get("sha256") or package.get("md5") or "")


def right(archive: Path, package: dict[str, Any]) -> bool:
    wanted = expected(package)
    return not wanted or digest(archive, wanted) == wanted


def digest(archive: Path, wanted: str) -> str:
    return hashlib.new("sha256" if len(wanted) == 64 else "md5", archive.read_bytes()).hexdigest()


def recorded(unpacked: Path, package: dict[str, Any]) -> bool:
    record = json.loads((unpacked / "info" / "repodata_record.json").read_text())
    return expected(package) in {record.get("sha256"), record.get("md5")}


def mismatch(archive: Path, package: dict[str, Any]) -> None:
    if not right(archive, package):
        actual = digest(archive, expected(package))
        archive.unlink()
        raise wrong(package, actual)


def wrong(package: dict[str, Any], actual: str) -> Failure:
    kind = "SHA256" if len(expected(package)) == 64 else "MD5"
    return Failure(
        f'error    libmamba File not valid: {kind} doesn\'t match expectation "{package["fn"]}"',
        f"    Expected: {expected(package)}",
        f"    Actual: {actual}",
        "critical libmamba Found incorrect downloads. Aborting",
        report={"success": False},
    )


def garbled(package: dict[str, Any], lines: tuple[str, ...]) -> Failure:
    """Return what was seen after a failed download now and then: its file is compared with bytes from anywhere."""
    noise = b"\x10\xa9\x1b[31m\xff\x7f\x00\x07".decode("utf-8", "surrogateescape")
    return Failure(
        f'error    libmamba File not valid: SHA256 doesn\'t match expectation "{noise}"',
        f"    Expected: {expected(package)}",
        f"    Actual: {noise}",
        *lines,
        "critical libmamba Found incorrect downloads. Aborting",
        report={"success": False},
    )
