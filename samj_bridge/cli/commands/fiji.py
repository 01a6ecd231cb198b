"""``samj-bridge fiji``: ImageJ or Fiji with the tool in it, until its window is closed."""

from __future__ import annotations

import os
import platform
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from samj_bridge.cli.result import Result
from samj_bridge.errors import FijiError, InputError
from samj_bridge.fiji import install_jar, open_image, open_window, remove_jar, wait_until_closed
from samj_bridge.fiji.ending import java_ends
from samj_bridge.fiji.release import LATEST, obstacle_to_release, release_named
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, notify
from samj_bridge.settings import Settings

__all__ = ["choose_imagej", "in_plugins", "leaving_at_once", "run"]


def choose_imagej(fiji: str | None, imagej1: bool, settings: Settings) -> tuple[str | None, str]:
    """Return what to start (a folder, a Maven coordinate, or None for plain ImageJ), and why in a sentence.

    Raises
    ------
    FijiError
        A release was asked for by name and can't be had.
    InputError
        `fiji` is neither a folder nor a release, or was given together with `imagej1`.
    """
    if imagej1:
        if fiji is not None:
            raise InputError("--fiji and --imagej1 exclude each other.", hint="Leave one of them out.")
        return None, "Plain ImageJ 1.x, as asked for."
    if fiji is None:
        obstacle = obstacle_to_release(settings)
        if obstacle:
            return (
                None,
                f"Plain ImageJ 1.x, because {obstacle}. --fiji FOLDER starts a Fiji that is on this machine.",
            )
        return LATEST, "Fiji's newest release, through PyImageJ."
    folder = Path(fiji).expanduser()
    if folder.is_dir():
        return str(folder.absolute()), f"The Fiji in {folder}."
    release = release_named(fiji)
    if not release:
        message = f"{fiji!r} is neither a folder nor a version of Fiji."
        raise InputError(
            message, hint="Give the folder that has Fiji's jars and plugins, or a version like 2.16.0."
        )
    obstacle = obstacle_to_release(settings)
    if obstacle:
        message = f"Fiji {fiji} can't be started: {obstacle}."
        raise FijiError(message, code="no-release", hint="Give a folder with --fiji, or use --imagej1.")
    return release, f"{release}, through PyImageJ."


def run(
    settings: Settings,
    *,
    images: Sequence[Path],
    fiji: str | None,
    imagej1: bool,
    memory: str,
    progress: Progress,
    cancel: CancelToken,
) -> Result:
    """Open ImageJ with the tool, then the images; return when its window was closed."""
    choice, why = choose_imagej(fiji, imagej1, settings)
    notify(progress, ProgressEvent("imagej", why))
    told: list[str] = [why]

    def session() -> None:
        imagej = open_window(fiji=choice, settings=settings, memory=memory)
        told.append(f"ImageJ {imagej.version}, Java {imagej.java}.")
        notify(progress, ProgressEvent("imagej", f"{told[-1]} Close its window to end."))
        for path in images:
            open_image(path).show()
        wait_until_closed(cancel)

    _with_the_main_thread(session)
    return Result(
        "fiji", data={"imagej": choice or "net.imagej:ij", "why": why}, lines=[*told, "ImageJ was closed."]
    )


def in_plugins(fiji: str | None, *, install: bool, remove: bool) -> Result:
    """Put the tool's jar into the folder ``plugins`` of a Fiji, or take it out of there.

    Raises
    ------
    InputError
        No folder was given, or both were asked for.
    FijiError
        As `install_jar`.
    """
    if fiji is None or (install and remove):
        message = "--install and --remove exclude each other." if fiji else "Which Fiji? --fiji FOLDER is missing."
        raise InputError(message, hint="For example: samj-bridge fiji --fiji ~/Fiji.app --install")
    folder = Path(fiji).expanduser()
    if install:
        jar = install_jar(folder)
        lines = [f"{jar.name} is in {jar.parent}.", "Start this Fiji anew: the commands are in Plugins > SAMJ."]
        return Result("fiji", data={"installed": str(jar)}, lines=lines)
    removed = remove_jar(folder)
    lines = [f"{jar.name} was removed from {jar.parent}." for jar in removed] or ["There was no jar of ours."]
    return Result("fiji", data={"removed": [str(jar) for jar in removed]}, lines=lines)


@contextmanager
def leaving_at_once() -> Iterator[None]:
    """End the process as soon as the command inside is done, where the command started Java.

    Java's threads live on while Python is taken apart, and one that calls into it then (JPype's own does, to let
    go of objects) aborts the process: a crash report after the user's work is done. By now the result is printed
    and worker, windows and listeners are gone, so that nothing is left to be tidied up.
    """
    before = _java_runs()
    try:
        yield
    except typer.Exit as end:
        if before or not _java_runs():
            raise
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.exit_code)


def _java_runs() -> bool:
    jpype = sys.modules.get("jpype")
    return jpype is not None and bool(jpype.isJVMStarted() or java_ends())


def _with_the_main_thread(session: Callable[[], None]) -> None:
    """Run the session; on macOS beside the main thread, which belongs to the windows there."""
    if platform.system() != "Darwin":
        session()
        return
    try:
        from PyObjCTools import AppHelper  # type: ignore[import-not-found]
    except ImportError as error:
        message = "On macOS windows need PyObjC, which is not installed."
        raise FijiError(message, code="no-pyobjc", hint="Run: pip install pyobjc-framework-Cocoa") from error
    failed: list[BaseException] = []

    def beside() -> None:
        try:
            session()
        except BaseException as error:  # noqa: BLE001  # raised again below, in the thread that waits for it
            failed.append(error)
        finally:
            AppHelper.callAfter(AppHelper.stopEventLoop)

    # JPype's own way to do this needs Java to run already; here it is yet to be started.
    thread = threading.Thread(target=beside, name="samj-fiji")
    thread.start()
    AppHelper.runConsoleEventLoop()
    thread.join()
    if failed:
        raise failed[0]
