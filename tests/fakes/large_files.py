"""Large files in small: pyramids of tiny tiles in the formats of microscopes and slide scanners.

OME-TIFF, SVS and Zarr are written by tifffile and zarr, CZI by Zeiss's pylibCZIrw. LIF and VMS, for which there is
no writer, are put together byte by byte as their readers describe them.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

TILE = 32


def levels_of(pixels: NDArray[Any], count: int = 3) -> list[NDArray[Any]]:
    """Return pixels (Y, X) or (Y, X, C) and what is left of them at each halving: every second row and column."""
    return [np.ascontiguousarray(pixels[:: 2**level, :: 2**level]) for level in range(count)]


def write_ome_tiff(path: Path, stack: NDArray[Any], *, compression: str | None = "zlib", tile: int = TILE) -> None:
    """Write (C, Z, Y, X) as a pyramid in subdirectories, pixel size 0.5 µm."""
    told = {"axes": "CZYX", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.5}
    told = {**told, "PhysicalSizeYUnit": "µm", "Channel": {"Name": ["DAPI", "actin"][: len(stack)]}}
    options = {"tile": (tile, tile), "compression": compression, "photometric": "minisblack"}
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(stack, subifds=2, metadata=told, **options)
        for level in (1, 2):
            writer.write(stack[..., :: 2**level, :: 2**level], subfiletype=1, **options)


def write_svs(path: Path, rgb: NDArray[np.uint8], *, compression: str = "jpeg", tile: int = TILE) -> None:
    """Write what Aperio's scanner writes: levels and a thumbnail in the chain, label and macro behind."""
    words = f"Aperio Image Library v12\r\n{rgb.shape[1]}x{rgb.shape[0]} [0,0 {rgb.shape[1]}x{rgb.shape[0]}]"
    words += " (32x32) JPEG/RGB Q=95|AppMag = 20|MPP = 0.25"
    with tifffile.TiffWriter(path) as writer:
        tiled = {"tile": (tile, tile), "compression": compression, "photometric": "rgb", "metadata": None}
        writer.write(rgb, description=words, **tiled)
        writer.write(rgb[::8, ::8].copy(), photometric="rgb", metadata=None, description=words)
        for level in levels_of(rgb)[1:]:
            writer.write(level, description=words, **tiled)
        for name, kind in (("label", 1), ("macro", 9)):
            told = f"Aperio Image Library v12\r\n{name} 20x10"
            writer.write(rgb[:10, :20].copy(), photometric="rgb", subfiletype=kind, description=told, metadata=None)


def write_qptiff(path: Path, stack: NDArray[Any], *, tile: int = TILE) -> None:
    """Write (C, Y, X) as Akoya's scanners do, as tifffile understands it: a page a channel, thumbnail, levels."""
    words = "<?xml version='1.0'?><PerkinElmer-QPI-ImageDescription><ImageType>{}</ImageType>"
    words += "</PerkinElmer-QPI-ImageDescription>"
    options: dict[str, Any] = {"tile": (tile, tile), "compression": "zlib", "photometric": "minisblack"}
    made_by: dict[str, Any] = {"metadata": None, "software": "PerkinElmer-QPI"}
    scale: dict[str, Any] = {"resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER"}
    with tifffile.TiffWriter(path) as writer:
        for level in range(3):
            kind = "ReducedResolution" if level else "FullResolution"
            for plane in stack:
                reduced = np.ascontiguousarray(plane[:: 2**level, :: 2**level])
                writer.write(reduced, description=words.format(kind), **options, **made_by, **scale)
            if level == 0:
                small = np.zeros((20, 30, 3), np.uint8)
                writer.write(small, photometric="rgb", description=words.format("Thumbnail"), **made_by)


def write_scn(path: Path, rgb: NDArray[np.uint8], *, tile: int = TILE) -> None:
    """Write levels as Leica's slide scanners do, as tifffile understands them: the first page's XML names them."""
    levels = levels_of(rgb)
    sizes = [f"sizeX='{level.shape[1]}' sizeY='{level.shape[0]}'" for level in levels]
    named = "".join(f"<dimension {size} r='{number}' ifd='{number}'/>" for number, size in enumerate(sizes))
    words = "<?xml version='1.0'?><scn xmlns='http://www.leica-microsystems.com/scn/2010/10/01'><collection>"
    words += f"<image name='cells'><pixels {sizes[0]}>{named}</pixels></image></collection></scn>"
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for number, level in enumerate(levels):
            told = {} if number else {"description": words}
            writer.write(level, tile=(tile, tile), photometric="rgb", compression="zlib", metadata=None, **told)


def write_ome_zarr(
    path: Path,
    stack: NDArray[Any],
    *,
    version: str = "0.4",
    sharded: bool = False,
    tile: int = TILE,
    colours: tuple[str, ...] = ("0000FF", "00FF00"),
) -> None:
    """Write (C, Z, Y, X) as OME-Zarr 0.4 (format 2) or 0.5 (format 3)."""
    import zarr

    old = version == "0.4"
    group = zarr.open_group(str(path), mode="w", zarr_format=2 if old else 3)
    datasets = []
    for level in range(3):
        pixels = stack[..., :: 2**level, :: 2**level]
        more: dict[str, Any] = {"shards": (1, 1, 2 * tile, 2 * tile)} if sharded else {}
        more["dimension_names"] = list("czyx")
        if old:
            more = {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
        array = group.create_array(
            str(level), shape=pixels.shape, dtype=pixels.dtype, chunks=(1, 1, tile, tile), **more
        )
        array[:] = pixels
        steps = [{"type": "scale", "scale": [1, 1, 0.5 * 2**level, 0.5 * 2**level]}]
        datasets.append({"path": str(level), "coordinateTransformations": steps})
    axes: list[dict[str, str]] = [{"name": "c", "type": "channel"}]
    axes += [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]
    images = [{"version": version, "name": "cells", "axes": axes, "datasets": datasets}]
    window = {"start": 10, "end": 3000, "min": 0, "max": 65_535}
    channels = [
        {"label": name, "color": colour, "window": window, "active": True}
        for name, colour in zip(["DAPI", "actin", "third"], colours, strict=False)
    ]
    told: dict[str, Any] = {"multiscales": images, "omero": {"channels": channels}}
    group.attrs.update(told if old else {"ome": {"version": version, **told}})


def write_czi(path: Path, stack: NDArray[Any], *, rgb: bool = False) -> None:
    """Write (C, Z, Y, X), or (Y, X, 3), as a mosaic of four whose origin is not 0."""
    from pylibCZIrw import czi

    with czi.create_czi(str(path)) as writer:
        if rgb:
            writer.write(np.ascontiguousarray(stack[..., ::-1]), location=(7, -3), plane={"C": 0})
        else:
            deep, wide = -(-stack.shape[2] // 2), -(-stack.shape[3] // 2)
            for c, z in np.ndindex(*stack.shape[:2]):
                for y in (0, deep):
                    for x in (0, wide):
                        part = np.ascontiguousarray(stack[c, z, y : y + deep, x : x + wide, None])
                        writer.write(part, location=(x - 10, y - 20), plane={"C": c, "Z": z})
        names = dict(enumerate(["DAPI", "actin"][: 1 if rgb else len(stack)]))
        writer.write_metadata("cells", channel_names=names, scale_x=0.5e-6, scale_y=0.5e-6)


def write_lif(path: Path, stack: NDArray[np.uint8 | np.uint16]) -> None:
    """Write (C, Z, Y, X) as the one image of a LIF, pixel size 0.5 µm; by liffile's description of the format."""
    each = stack.dtype.itemsize
    channels, slices, height, width = stack.shape
    steps = {"X": each, "Y": each * width, "Z": each * width * height}
    plane = each * width * height * slices
    described = "".join(
        f'<ChannelDescription DataType="0" ChannelTag="0" Resolution="{8 * each}" NameOfMeasuredQuantity="" '
        f'Min="0" Max="1" Unit="" LUTName="{name}" IsLUTInverted="0" BytesInc="{number * plane}" BitInc="0"/>'
        for number, name in enumerate(["Blue", "Green"][:channels])
    )
    sizes = {"X": (1, width), "Y": (2, height), "Z": (3, slices)}
    dimensions = "".join(
        f'<DimensionDescription DimID="{number}" NumberOfElements="{count}" Origin="0" '
        f'Length="{(count - 1) * 0.5e-6}" Unit="m" BitInc="0" BytesInc="{steps[axis]}"/>'
        for axis, (number, count) in sizes.items()
    )
    xml = (
        '<LMSDataContainerHeader Version="2"><Element Name="project" Visibility="1" UniqueID="1"><Data/><Memory '
        'Size="0" MemoryBlockID=""/><Children><Element Name="cells" Visibility="1" UniqueID="2"><Data><Image '
        f'TextDescription=""><ImageDescription><Channels>{described}</Channels><Dimensions>{dimensions}</Dimensions>'
        f'</ImageDescription></Image></Data><Memory Size="{stack.nbytes}" MemoryBlockID="MemBlock_1"/></Element>'
        "</Children></Element></LMSDataContainerHeader>"
    )
    text, name = xml.encode("utf-16-le"), "MemBlock_1".encode("utf-16-le")
    head = struct.pack("<IIBI", 0x70, 5 + len(text), 0x2A, len(text) // 2) + text
    block = struct.pack("<IIBQBI", 0x70, 18 + len(name), 0x2A, stack.nbytes, 0x2A, len(name) // 2) + name
    path.write_bytes(head + block + stack.astype(stack.dtype.newbyteorder("<")).tobytes())


def write_vms(path: Path, rgb: NDArray[np.uint8]) -> None:
    """Write a Hamamatsu slide of one JPEG; its colours are nearly those given."""
    folder = path.parent
    for name, pixels in (("a.jpg", rgb), ("map.jpg", rgb[::4, ::4]), ("macro.jpg", rgb[::8, ::8])):
        options = {"quality": 100, "subsampling": 0, "restart_marker_blocks": 4}
        Image.fromarray(np.ascontiguousarray(pixels)).save(folder / name, "JPEG", **options)
    (folder / "a.opt").write_bytes(b"")
    height, width = rgb.shape[:2]
    path.write_text(
        "[Virtual Microscope Specimen]\nNoLayers=1\nNoJpegColumns=1\nNoJpegRows=1\nImageFile=a.jpg\n"
        "MapFile=map.jpg\nOptimisationFile=a.opt\nMacroImage=macro.jpg\nSourceLens=20\n"
        f"PhysicalWidth={width * 500}\nPhysicalHeight={height * 500}\n",
        encoding="ascii",
    )
