"""How the images of a TIFF lie in it: which pages are planes of which stack, and along which axes.

OME-TIFF and the dialects of microscopes are understood by tifffile. What ImageJ opens by itself, its own files and
pages without a word about them, is put together as ImageJ does it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from samj_bridge.reading.tiff.directories import Chain, Directory, chain_of, second_pixels
from samj_bridge.reading.tiff.facts import tag_of
from samj_bridge.reading.tiff.ome import plain_ome

__all__ = ["Stack", "is_plain", "stacks_of"]

_DIALECTS = (
    ("lsm", "Zeiss LSM"),
    ("stk", "MetaMorph"),
    ("nih", "NIH Image"),
    ("fluoview", "FluoView"),
    ("micromanager", "Micro-Manager"),
    ("svs", "Aperio"),
    ("ndpi", "Hamamatsu"),
    ("scn", "Leica SCN"),
    ("qpi", "PerkinElmer"),
    ("philips", "Philips"),
    ("bif", "Ventana"),
    ("sis", "Olympus SIS"),
    ("shaped", "tifffile"),
)


_NO_IMAGES = frozenset({"Thumbnail", "Label", "Macro", "Map"})
"""tifffile's names of the pictures that slides bring along."""


@dataclass(frozen=True)
class Stack:
    """Planes of one size and type, and where each of them is."""

    name: str
    """Name in the file."""
    axes: str
    """Axes over the pages, slowest first; ``C`` among them where channels are pages."""
    counts: tuple[int, ...]
    """How many there are along each."""
    first: Any
    """tifffile's page that says what all of them are like."""
    page_at: Callable[[int], Any] | None = None
    """The page of a number; None: planes stand one after the other from `offset`. May return None: not there."""
    offset: int = 0
    """Where the first plane begins."""
    sample_axis: str = "S"
    """``S``, or ``C`` where the file says that samples are channels."""
    thumbnail: bool = False
    """Whether it is a reduced copy or a mask, or a slide's picture of its label."""
    reduced: Callable[[int], list[Any]] | None = None
    """The reduced copies of a plane; None: those in its page's own subdirectories."""

    def reduced_pages(self, plane: int, page: Any) -> list[Any]:
        """Return the pages that say they are reduced copies of a plane, in file order."""
        if self.reduced is not None:
            return self.reduced(plane)
        if page is None or page.subifds is None:
            return []
        import tifffile

        pages = []
        for number, offset in enumerate(page.subifds):
            page.parent.filehandle.seek(offset)
            pages.append(tifffile.TiffPage(page.parent, index=(0, number)))
        return pages


def stacks_of(file: Any, ome: ET.Element | None) -> tuple[str, list[Stack]]:
    """Return what kind of TIFF it is, and its stacks in file order.

    Parameters
    ----------
    file : tifffile.TiffFile
    ome : xml element, optional
        The root of its OME-XML, where it has some.

    Raises
    ------
    ValueError
        Its pages contradict what it says of itself.
    """
    first = file.pages.first
    # The handle itself: tifffile's wrapper costs as much as the reading. Walked once, and only where it is needed.
    chain = cache(lambda: chain_of(file.filehandle._fh))  # noqa: SLF001
    if ome is not None and tag_of(ome) == "OME" and all(tag_of(child) != "BinaryOnly" for child in ome):
        plain = _plain_ome(file, ome, chain())
        found = [plain] if plain else [_of_series(item) for item in file.series if item.kind == "ome"]
        if found:
            return "OME", found
    if (first.description or "").startswith("ImageJ"):
        return "ImageJ", _imagej(file, chain)
    for flag, name in _DIALECTS:
        if getattr(first, f"is_{flag}", False):
            found = _dialect(file, flag, chain)
            if found:
                return name, found
    return "", _pages(file, chain())


def _dialect(file: Any, flag: str, walk: Callable[[], Chain]) -> list[Stack]:
    if flag == "shaped":
        return _shaped(file, walk())
    return [_of_series(item) for item in file.series if len(item.shape) > 1]


def _shaped(file: Any, chain: Chain) -> list[Stack]:
    """Return tifffile's own stack; none where its words are about a part of the file only."""
    plain = _plain_shaped(file, chain)
    if plain:
        return [plain]
    try:
        series = [item for item in file.series if len(item.shape) > 1]
        whole = [item for item in series if not (item.keyframe.is_reduced or item.keyframe.is_mask)]
        # Its own words count only if they are about the whole file: appended pages each have words of their own.
        if len(whole) != 1 or not series or file.series[0].kind != "shaped":
            return []
        numbers = [number for number, directory in enumerate(chain.directories) if not directory.thumbnail]
        found = []
        for item in series:
            main = item is whole[0]
            stack = _of_series(item, pages=_page_at(file, chain, numbers) if main and len(numbers) > 1 else None)
            if main and len(numbers) not in {1, math.prod(stack.counts)}:
                return []
            found.append(stack)
        return found
    except ValueError:
        return []


def _plain_shaped(file: Any, chain: Chain) -> Stack | None:
    """Return the stack of a file that holds nothing else, whose words are its shape alone."""
    first = file.pages.first
    try:
        words = json.loads(first.description)
        shape = tuple(int(count) for count in words.pop("shape"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    inner = tuple(first.shape)
    if words or not chain.uniform or chain.directories[0].thumbnail or len(shape) != len(inner) + 1:
        return None
    if shape[1:] != inner or shape[0] != len(chain) or 1 in shape:
        return None
    return Stack("", "Q", (len(chain),), first, page_at=_page_at(file, chain, range(len(chain))))


def _plain_ome(file: Any, ome: ET.Element, chain: Chain) -> Stack | None:
    first = file.pages.first
    plain = plain_ome(ome, first, Path(file.filehandle.path).name, len(chain))
    if plain is None or any(
        _type(chain.directories[at]) != _type(chain.directories[0]) or chain.directories[at].thumbnail
        for at in (() if chain.uniform else plain.pages)
    ):
        return None
    return Stack(
        name=plain.name,
        axes=plain.axes,
        counts=plain.counts,
        first=first if plain.pages[0] == 0 else file.pages[plain.pages[0]],
        page_at=_page_at(file, chain, plain.pages),
        thumbnail=bool(first.is_reduced or first.is_mask),
    )


def _of_series(series: Any, pages: Callable[[int], Any] | None = None) -> Stack:
    """Return one of tifffile's series, level 0 of it.

    Parameters
    ----------
    series : tifffile.TiffPageSeries
    pages : callable, optional
        Its pages by number, where they are known without making an object of each.
    """
    first = series.keyframe
    axes, shape = str(series.axes), tuple(int(count) for count in series.shape)
    inner = len(first.shape)
    # tifffile drops axes of length 1, and so may a page.
    while inner > 0 and shape[len(shape) - inner :] != tuple(first.shape[len(first.shape) - inner :]):
        inner -= 1
    if math.prod(shape[len(shape) - inner :]) != math.prod(first.shape):
        message = f"its planes of shape {first.shape} are no part of {shape}"
        raise ValueError(message)
    samples = axes[len(axes) - inner :].replace("Y", "").replace("X", "")
    outer, counts = axes[: len(axes) - inner], shape[: len(shape) - inner]
    common = {
        "name": str(series.name or ""),
        "axes": outer,
        "counts": counts,
        "first": first,
        "sample_axis": samples[-1:] or "S",
        "thumbnail": bool(first.is_reduced or first.is_mask or series.name in _NO_IMAGES),
        "reduced": _levels_of(series) if len(series.levels) > 1 else None,
    }
    if pages is not None:
        return Stack(**common, page_at=pages)
    objects = list(series)
    stride_known = series.dataoffset is not None and is_plain(first)
    if stride_known and len([page for page in objects if page is not None]) <= math.prod(counts):
        return Stack(**common, offset=int(series.dataoffset))
    if len(objects) != math.prod(counts):
        message = f"it says {math.prod(counts)} planes and has {len(objects)} pages"
        raise ValueError(message)
    return Stack(**common, page_at=objects.__getitem__)


def _levels_of(series: Any) -> Callable[[int], list[Any]]:
    def reduced(plane: int) -> list[Any]:
        found = [level.pages[plane] for level in series.levels[1:] if plane < len(level.pages)]
        # tifffile may have made frames of them, which lack what their first page says.
        return [page.aspage() if hasattr(page, "aspage") else page for page in found if page is not None]

    return reduced


def _imagej(file: Any, walk: Callable[[], Chain]) -> list[Stack]:
    first = file.pages.first
    words = _numbers(first.description)
    said = words.get("images", 1)
    if said > 1 and first.compression == 1:
        size = int(first.nbytes)
        fits = int(first.dataoffsets[0]) + said * size <= file.filehandle.size
        # The chain of 800 pages need not be walked where the planes follow one another.
        if is_plain(first) and fits and _second_follows(file, size):
            axes, counts = _imagej_axes(words, said, first.description)
            return [Stack("", axes, counts, first, offset=int(first.dataoffsets[0]))]
    chain = walk()
    kinds = chain.directories
    alike = [at for at, directory in enumerate(kinds) if _type(directory) == _type(kinds[0])]
    if said > 1 and first.compression == 1 and said not in {len(alike), len(alike) * first.samplesperpixel}:
        held = (file.filehandle.size - int(first.dataoffsets[0])) // max(int(first.nbytes), 1)
        message = f"it says {said} planes, but has room for {max(held, len(alike))}: it was cut off or changed"
        raise ValueError(message)
    if len(alike) != len(chain):
        return _pages(file, chain)
    axes, counts = _imagej_axes(words, len(chain), first.description)
    return [Stack("", axes, counts, first, page_at=_page_at(file, chain, range(len(chain))))]


def _second_follows(file: Any, size: int) -> bool:
    """Return whether the second page, if there is one, begins where the first ends."""
    second = second_pixels(file.filehandle._fh)  # noqa: SLF001 - see stacks_of
    return second is None or second == int(file.pages.first.dataoffsets[0]) + size


def _imagej_axes(words: dict[str, int], planes: int, description: str) -> tuple[str, tuple[int, ...]]:
    """Return ImageJ's axes; a plain stack where its numbers don't fit, as in ImageJ."""
    counts = tuple(max(1, words.get(key, 1)) for key in ("frames", "slices", "channels"))
    if planes == 1:
        return "", ()
    if math.prod(counts) != planes:
        return "I", (planes,)
    used = [(axis, count) for axis, count in zip("TZC", counts, strict=True) if count > 1]
    if len(used) > 1 and "order=" in description and "order=czt" not in description:
        order = description.split("order=", maxsplit=1)[1].split(maxsplit=1)[0]
        message = f"its planes are in the order {order}, which ImageJ does not always follow"
        raise ValueError(message)
    return "".join(axis for axis, _count in used), tuple(count for _axis, count in used)


def _numbers(description: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in description.splitlines():
        key, _, value = line.partition("=")
        try:
            found[key.strip()] = int(float(value))
        except (ValueError, OverflowError):
            continue
    return found


def _pages(file: Any, chain: Chain) -> list[Stack]:
    """Return pages of one size and type as one stack each, as ImageJ puts them together."""
    groups: dict[object, list[int]] = {}
    for at, directory in enumerate(chain.directories if not chain.uniform else ()):
        groups.setdefault((_type(directory), directory.photometric, directory.thumbnail), []).append(at)
    if chain.uniform:
        groups[0] = list(range(len(chain)))
    stacks = []
    for numbers in groups.values():
        axes, counts = ("I", (len(numbers),)) if len(numbers) > 1 else ("", ())
        page_at = _page_at(file, chain, numbers)
        thumbnail = chain.directories[numbers[0]].thumbnail
        stacks.append(Stack("", axes, counts, page_at(0), page_at=page_at, thumbnail=thumbnail))
    return [stack if stack.thumbnail else _with_copies(stack, stacks) for stack in stacks]


def _with_copies(stack: Stack, stacks: list[Stack]) -> Stack:
    """Give a stack the reduced pages beside it that may be of it."""
    like = (stack.first.dtype, stack.first.samplesperpixel, stack.counts)
    copies = [
        other
        for other in stacks
        if other.thumbnail and (other.first.dtype, other.first.samplesperpixel, other.counts) == like
    ]
    if not copies or sum(not other.thumbnail for other in stacks) > 1:
        return stack
    return replace(stack, reduced=lambda plane: [other.page_at(plane) for other in copies if other.page_at])


def _page_at(file: Any, chain: Chain, numbers: Sequence[int]) -> Callable[[int], Any]:
    """Return what makes the page of a plane, straight from where its directory stands."""
    import tifffile

    def page(plane: int) -> Any:
        number = numbers[plane]
        if number == 0:
            return file.pages.first
        file.filehandle.seek(chain.offsets[number])
        return tifffile.TiffPage(file, index=number)

    return page


def _type(directory: Directory) -> tuple[object, ...]:
    return (
        directory.width,
        directory.height,
        directory.bits,
        directory.samples,
        directory.format,
        directory.planar if directory.samples > 1 else 1,
    )


def is_plain(page: Any) -> bool:
    """Return whether planes can be read as they stand: no compression, whole bytes, one piece."""
    return bool(
        page.compression == 1
        and page.predictor == 1
        and page.fillorder == 1
        and page.dtype is not None
        and page.bitspersample == page.dtype.itemsize * 8
        and not page.is_tiled
        and page.is_contiguous
    )
