"""Try an environment out with its own interpreter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from samj_bridge.errors import ProbeError, SamjError
from samj_bridge.install.prefixes import probe_program
from samj_bridge.process.environ import clean_environ
from samj_bridge.process.run import run
from samj_bridge.progress import CancelToken

__all__ = ["probe"]


def probe(
    python: Path,
    modules: Sequence[str],
    *,
    timeout_s: float = 300.0,
    cancel: CancelToken | None = None,
    pristine: bool = False,
    cuda: bool = False,
) -> dict[str, Any]:
    """Import `modules`, multiply tensors and share memory in `python`.

    Parameters
    ----------
    python : Path
        The environment's interpreter.
    modules : sequence of str
        What must be importable.
    timeout_s : float
        Seconds after which it counts as not working.
    cancel : CancelToken, optional
        Ends it.
    pristine : bool
        Write nothing into the environment, not even Python's compiled files.
    cuda : bool
        Fail if torch can't multiply on an NVIDIA GPU.

    Returns
    -------
    dict
        ``python``, ``modules`` (name to version), ``packages`` (all that is installed), ``torch`` (``cuda``,
        ``cuda_available``, ``device``) if it is among the modules.

    Raises
    ------
    ProbeError
        Something of it failed; the message has the last line, ``details["output"]`` the rest.
    """
    program = Path(probe_program.__file__)
    hint = "Run samj-bridge doctor: it looks for the usual causes. Then try again."
    command: list[str | Path] = [
        python,
        "-I",
        *(["-B"] if pristine else []),
        program,
        *(["--cuda"] if cuda else []),
        *modules,
    ]
    try:
        finished = run(command, env=clean_environ(), timeout_s=timeout_s, cancel=cancel)
    except SamjError as error:
        if error.code != "cannot-start":
            raise
        message = f"The environment's Python does not run: {error.message}"
        raise ProbeError(message, hint=hint) from error
    output = [*finished.stderr[-30:]]
    if finished.timed_out:
        message = f"The environment's trial run with {python} did not end within {timeout_s:g} s."
        raise ProbeError(message, hint="Try again when the machine is less busy. " + hint, output=output)
    lines = [line for line in finished.stdout if line.startswith("samj-probe ")]
    if finished.returncode != 0 or not lines:
        last = next(
            (line.strip() for line in reversed(output) if line.strip()), f"exit status {finished.returncode}"
        )
        message = f"The environment was made, but does not work: {last}."
        raise ProbeError(message, hint=hint, output=output, returncode=finished.returncode)
    report: dict[str, Any] = json.loads(lines[-1].removeprefix("samj-probe "))
    return report
