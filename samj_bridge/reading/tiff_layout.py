"""How the images of a TIFF lie in it: which pages are planes of which stack, and along which axes.

OME-TIFF and the dialects of microscopes are understood by tifffile. What ImageJ opens by itself, its own files and
pages without a word about them, is put together as ImageJ does it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from samj_bridge.reading.tiff_directories import Directory, directories

__all__ = ["Stack", "stacks_of"]

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
    """Whether it is a reduced copy or a mask."""


def stacks_of(file: Any) -> tuple[str, list[Stack]]:
    """Return what kind of TIFF it is, and its stacks in file order.

    Raises
    ------
    ValueError
        Its pages contradict what it says of itself.
    """
    first = file.pages.first
    # The handle itself: tifffile's wrapper costs as much as the reading. Walked once, and only where it is needed.
    chain = cache(lambda: directories(file.filehandle._fh))  # noqa: SLF001
    if first.is_ome and "<OME" in (file.ome_metadata or "") and "BinaryOnly" not in file.ome_metadata[:4096]:
        found = [_of_series(item) for item in file.series if item.kind == "ome"]
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


def _dialect(file: Any, flag: str, chain: Callable[[], list[Directory]]) -> list[Stack]:
    try:
        found = [_of_series(item) for item in file.series if len(item.shape) > 1]
    except ValueError:
        if flag != "shaped":
            raise
        return []
    if flag == "shaped":
        # Its own words count only if they are about the whole file: appended pages each have words of their own.
        whole = [stack for stack in found if not stack.thumbnail]
        if len(whole) != 1 or file.series[0].kind != "shaped" or not _covers(chain(), whole[0]):
            return []
    return found


def _covers(chain: list[Directory], stack: Stack) -> bool:
    return sum(not directory.thumbnail for directory in chain) in {1, _product(stack.counts)}


def _of_series(series: Any) -> Stack:
    """Return one of tifffile's series, level 0 of it."""
    first = series.keyframe
    axes, shape = str(series.axes), tuple(int(count) for count in series.shape)
    inner = len(first.shape)
    # tifffile drops axes of length 1, and so may a page.
    while inner > 0 and shape[len(shape) - inner :] != tuple(first.shape[len(first.shape) - inner :]):
        inner -= 1
    if _product(shape[len(shape) - inner :]) != _product(first.shape):
        message = f"its planes of shape {first.shape} are no part of {shape}"
        raise ValueError(message)
    samples = axes[len(axes) - inner :].replace("Y", "").replace("X", "")
    outer, counts = axes[: len(axes) - inner], shape[: len(shape) - inner]
    pages = list(series)
    stride_known = series.dataoffset is not None and _plain(first)
    common = {
        "name": str(series.name or ""),
        "axes": outer,
        "counts": counts,
        "first": first,
        "sample_axis": samples[-1:] or "S",
        "thumbnail": bool(first.is_reduced or first.is_mask),
    }
    if stride_known and len([page for page in pages if page is not None]) <= _product(counts):
        return Stack(**common, offset=int(series.dataoffset))
    if len(pages) != _product(counts):
        message = f"it says {_product(counts)} planes and has {len(pages)} pages"
        raise ValueError(message)
    return Stack(**common, page_at=pages.__getitem__)


def _imagej(file: Any, walk: Callable[[], list[Directory]]) -> list[Stack]:
    first = file.pages.first
    words = _numbers(first.description)
    said = words.get("images", 1)
    if said > 1 and first.compression == 1:
        size = int(first.nbytes)
        fits = int(first.dataoffsets[0]) + said * size <= file.filehandle.size
        # The chain of 800 pages need not be walked where the planes follow one another.
        if _plain(first) and fits and _second_follows(file, size):
            axes, counts = _imagej_axes(words, said, first.description)
            return [Stack("", axes, counts, first, offset=int(first.dataoffsets[0]))]
    chain = walk()
    alike = [at for at, directory in enumerate(chain) if _type(directory) == _type(chain[0])]
    if said > 1 and first.compression == 1 and said not in {len(alike), len(alike) * first.samplesperpixel}:
        held = (file.filehandle.size - int(first.dataoffsets[0])) // max(int(first.nbytes), 1)
        message = f"it says {said} planes, but has room for {max(held, len(alike))}: it was cut off or changed"
        raise ValueError(message)
    if len(alike) != len(chain):
        return _pages(file, chain)
    axes, counts = _imagej_axes(words, len(chain), first.description)
    return [Stack("", axes, counts, first, page_at=lambda at: file.pages[at])]


def _second_follows(file: Any, size: int) -> bool:
    """Return whether the second page, if there is one, begins where the first ends."""
    try:
        second = file.pages[1]
    except IndexError:
        return True
    return int(second.dataoffsets[0]) == int(file.pages.first.dataoffsets[0]) + size


def _imagej_axes(words: dict[str, int], planes: int, description: str) -> tuple[str, tuple[int, ...]]:
    """Return ImageJ's axes; a plain stack where its numbers don't fit, as in ImageJ."""
    counts = tuple(max(1, words.get(key, 1)) for key in ("frames", "slices", "channels"))
    if planes == 1:
        return "", ()
    if _product(counts) != planes:
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


def _pages(file: Any, chain: list[Directory]) -> list[Stack]:
    """Return pages of one size and type as one stack each, as ImageJ puts them together."""
    groups: dict[object, list[int]] = {}
    for at, directory in enumerate(chain):
        groups.setdefault((_type(directory), directory.photometric, directory.thumbnail), []).append(at)
    stacks = []
    for numbers in groups.values():
        axes, counts = ("I", (len(numbers),)) if len(numbers) > 1 else ("", ())
        first = file.pages[numbers[0]]
        thumbnail = chain[numbers[0]].thumbnail
        stacks.append(Stack("", axes, counts, first, page_at=_page_at(file, numbers), thumbnail=thumbnail))
    return stacks


def _page_at(file: Any, numbers: list[int]) -> Callable[[int], Any]:
    return lambda at: file.pages[numbers[at]]


def _type(directory: Directory) -> tuple[object, ...]:
    return (
        directory.width,
        directory.height,
        directory.bits,
        directory.samples,
        directory.format,
        directory.planar if directory.samples > 1 else 1,
    )


def _plain(page: Any) -> bool:
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


def _product(counts: tuple[int, ...]) -> int:
    product = 1
    for count in counts:
        product *= int(count)
    return product
