"""Prompts and numbers that were typed on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from samj_bridge.cli.read_prompts.files import read_prompts
from samj_bridge.cli.read_prompts.found import FoundPrompts
from samj_bridge.cli.read_prompts.numbers import parse_numbers
from samj_bridge.errors import PromptError
from samj_bridge.session import Prompt

__all__ = ["command_line_prompts", "parse_channels", "parse_numbers"]


def command_line_prompts(
    boxes: Sequence[str], points: Sequence[str], negative: Sequence[str], file: Path | None
) -> FoundPrompts:
    """Join ``--box``, ``--point`` and ``--prompts``; `negative` points go with each box and point given.

    Raises
    ------
    PromptError
        An option is no box or point, or there are only negative points.
    """
    prompts = read_prompts(file) if file else FoundPrompts()
    outside = [parse_numbers(text, "x,y") for text in negative]
    given = [Prompt(box=parse_numbers(text, "x0,y0,x1,y1"), negative=outside) for text in boxes]
    given += [Prompt(points=[parse_numbers(text, "x,y")], negative=outside) for text in points]
    if outside and not given:
        raise PromptError("--negative was given, but no --box or --point.", hint="Say what is wanted as well.")
    if given:
        prompts[None] = [*prompts.get(None, ()), *given]
    return prompts


def parse_channels(text: str | None) -> int | tuple[int, ...] | str | None:
    """Parse ``--channels``: one number, several, or ``merge``.

    Examples
    --------
    >>> parse_channels("2,1,0")
    (2, 1, 0)
    """
    if text is None or text == "merge":
        return text
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        message = f"--channels {text!r} is neither numbers nor merge."
        raise PromptError(
            message, hint="For example --channels 0, --channels 2,1,0 or --channels merge."
        ) from error
    return numbers[0] if len(numbers) == 1 else numbers
