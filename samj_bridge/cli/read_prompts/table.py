"""Tables as people have them: any separator and decimal sign, comments, blank lines, commas at the end."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from samj_bridge.cli.read_prompts.numbers import number_of
from samj_bridge.errors import PromptError

__all__ = ["Row", "Table", "decoded", "read_table"]

_COMMENTS = ("#", "%", "//")
_UNIT = re.compile(r"\s*[(\[]([^)\]]*)[)\]]\s*$")
_PIXELS = {"px", "pixel", "pixels", "pix", ""}
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class Row:
    """One row of a table."""

    line: int
    """Its line in the file, from 1."""
    cells: Mapping[str, str]
    """Its texts by column, those without text left out."""


@dataclass(frozen=True)
class Table:
    """A table's columns and rows."""

    columns: tuple[str, ...]
    """Their names, in small letters and without units."""
    rows: tuple[Row, ...]
    """Those with anything in them."""
    separator: str
    """What stands between two cells."""
    decimal_comma: bool
    """Whether numbers have a comma where others have a point."""

    def number(self, row: Row, column: str, file: str) -> float:
        """Return the number in a cell.

        Raises
        ------
        PromptError
            It is missing, or none; the message has the line.
        """
        text = row.cells.get(column, "")
        value = number_of(text.replace(",", ".") if self.decimal_comma and text.count(",") == 1 else text)
        if value is None:
            what = f"{column} is {text!r}, which is no number" if text else f"{column} is missing"
            message = f"{file}, line {row.line}: {what}."
            raise PromptError(message, hint=_hint(text, decimal_comma=self.decimal_comma))
        return value


def decoded(data: bytes) -> str:
    """Return a file's text: UTF-8 or, as Excel writes it, UTF-16; a mark of the order of bytes is dropped.

    Raises
    ------
    UnicodeDecodeError
        It is neither.
    """
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return data.decode("utf-16")
    return data.decode("utf-8-sig")


def read_table(text: str, file: str) -> Table:
    """Return the table of a text.

    Raises
    ------
    PromptError
        There is no line of column names, a row has more cells than it, or numbers are written in two ways.
    """
    lines = text.splitlines()
    said = next((line[4:] for line in lines if line.lower().startswith("sep=") and len(line) == 5), "")
    top = next((at for at, line in enumerate(lines) if _is_header(line)), None)
    if top is None:
        message = f"{file} is empty."
        raise PromptError(message, hint="Give columns x, y or x0, y0, x1, y1, and a line for each prompt.")
    separator = said or next((one for one in "\t;," if one in lines[top]), ",")
    names, *records = _records(lines[top:], separator, top)
    columns = tuple(_column(name, file) for name in names[1])
    while columns and not columns[-1]:
        columns = columns[:-1]
    if columns and all(number_of(name.replace(",", ".")) is not None for name in columns):
        message = f"{file}, line {names[0]}: the columns have no names."
        raise PromptError(message, hint="Write x,y or x0,y0,x1,y1 into a first line.")
    twice = {name for name in columns if name and columns.count(name) > 1}
    if twice:
        message = f"{file}, line {names[0]}: there are several columns {', '.join(sorted(twice))}."
        raise PromptError(message, hint="Leave one of them.")
    rows = tuple(row for record in records if (row := _row(record, columns, file)) is not None)
    return Table(columns, rows, separator, _has_decimal_commas(rows, separator, file))


def _is_header(line: str) -> bool:
    """Whether a line is the first that says something; a comment is none, unless it names columns of places."""
    words = set(re.split(r"[\s,;\t]+", line.lower().lstrip("#%/ ").replace('"', "")))
    if line.lstrip().startswith(_COMMENTS):
        return {"x", "y"} <= words or {"x0", "y0"} <= words
    return bool(line.strip(" ,;\t")) and not line.lower().startswith("sep=")


def _records(lines: list[str], separator: str, before: int) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=separator, skipinitialspace=True)
    begins = before + 1
    try:
        for cells in reader:
            yield begins, [cell.strip() for cell in cells]
            begins = before + reader.line_num + 1
    except csv.Error as error:
        message = f"Line {begins} is no line of a table: {error}."
        raise PromptError(message, hint="Is a quotation mark not closed?") from error


def _column(name: str, file: str) -> str:
    """Return a column's name in small letters, less its unit."""
    unit = _UNIT.search(name)
    if unit and unit[1].strip().lower() not in _PIXELS:
        message = f"{file}: the column {name!r} is in {unit[1].strip()}; prompts are places in pixels."
        hint = "In ImageJ, remove the scale first: Analyze > Set Scale > Click to Remove Scale."
        raise PromptError(message, hint=hint)
    return (name[: unit.start()] if unit else name).strip(" \"'#%/\ufeff").lower().replace(" ", "_")


def _row(record: tuple[int, list[str]], columns: tuple[str, ...], file: str) -> Row | None:
    line, cells = record
    if not any(cells):
        return None
    if cells[0].startswith(_COMMENTS) and sum(map(bool, cells)) < len(columns):
        return None
    if any(cells[len(columns) :]):
        message = f"{file}, line {line}: {len(cells)} cells, but {len(columns)} columns have names."
        hint = "Numbers with a decimal comma need another separator: semicolons, or tabs."
        raise PromptError(message, hint=hint)
    return Row(line, {name: cell for name, cell in zip(columns, cells, strict=False) if name and cell})


def _has_decimal_commas(rows: tuple[Row, ...], separator: str, file: str) -> bool:
    """Whether numbers are written with commas; in a table that commas divide it can't be known what they mean."""
    cells = [(row.line, name, cell) for row in rows for name, cell in row.cells.items() if name not in _TEXTS]
    commas = [item for item in cells if _COMMA.fullmatch(item[2])]
    points = [item for item in cells if "." in item[2] and number_of(item[2]) is not None]
    if commas and (points or separator == ","):
        line, name, cell = commas[0]
        other = f"but line {points[0][0]} has {points[0][2]}" if points else "in a table whose cells commas divide"
        message = f"{file}, line {line}: {name} is {cell!r}, {other}: what the comma means is not clear."
        raise PromptError(message, hint="Write all numbers with a decimal point.")
    return bool(commas)


_TEXTS = {"name", "image", "label", "type", "color", "fill"}
"""Columns that are no numbers, whatever they look like."""


def _hint(text: str, *, decimal_comma: bool) -> str:
    if decimal_comma and "." in text:
        return "Write all numbers in one way, without marks for thousands."
    return "Give numbers in pixels, for example 12 or 12.5."
