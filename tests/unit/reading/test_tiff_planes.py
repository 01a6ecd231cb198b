"""TIFFs of every kind: which images and planes there are, and how one is named."""

from __future__ import annotations

import struct
import uuid
from pathlib import Path

import numpy as np
import pytest
import tifffile

from samj_bridge.errors import FileError, ImageError
from samj_bridge.reading import describe_image, find_images, once_per_image, read_image

GREY = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
RAMP = np.arange(256, dtype=np.uint16) * 257


@pytest.mark.parametrize("name", ["a.lsm", "a.stk", "a.btf", "a.svs", "a", "a.png", "a.dat"])
def test_a_tiff_is_known_by_its_bytes(name: str, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", GREY, bigtiff=name == "a.btf", byteorder=">")
    (tmp_path / "x.tif").rename(tmp_path / name)
    assert np.array_equal(read_image(tmp_path / name).pixels, GREY)


def test_a_metamorph_stack_has_all_its_planes(tmp_path: Path) -> None:
    planes, (height, width) = 5, GREY.shape
    stack = np.stack([GREY.astype("<u2") + n for n in range(planes)])
    body = stack.tobytes()
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, height * width * 2)]
    uic = {
        33628: b"".join(struct.pack("<2I", key, 0) for key in range(1, 2 * planes, 2)),
        33629: struct.pack("<6I", 0, 1, 2459000, 0, 2459000, 0) * planes,
        33630: struct.pack("<2I", 500, 1) * planes,
        33631: bytes(32),
    }
    directory = 8 + len(body)
    place = directory + 2 + 12 * (len(tags) + 4) + 4
    for tag, block in uic.items():
        tags.append((tag, 5 if tag in {33629, 33630} else 4, planes, place))
        place += len(block)
    entries = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = struct.pack("<2sHI", b"II", 42, directory)
    (tmp_path / "a.tif").write_bytes(head + body + entries + bytes(4) + b"".join(uic.values()))
    with pytest.raises(ImageError, match="a stack of 5 planes"):
        read_image(tmp_path / "a.tif")
    assert np.array_equal(read_image(tmp_path / "a.tif", plane=3).pixels, stack[3])


def test_appended_pages_are_a_stack_and_other_sizes_are_series(tmp_path: Path) -> None:
    for value in range(4):
        tifffile.imwrite(tmp_path / "a.tif", GREY + value, append=value > 0)
    assert np.array_equal(read_image(tmp_path / "a.tif", plane=2).pixels, GREY + 2)
    with pytest.raises(ImageError, match="a stack of 4 planes"):
        read_image(tmp_path / "a.tif")
    with tifffile.TiffWriter(tmp_path / "b.tif") as writer:
        writer.write(GREY[:5, :6])
        writer.write(GREY)
    with pytest.raises(ImageError, match=r"2 images: series 0, 6 x 5, uint8; series 1, 30 x 20, uint8") as caught:
        read_image(tmp_path / "b.tif")
    assert "--series" in caught.value.hint
    assert np.array_equal(read_image(tmp_path / "b.tif", series=1).pixels, GREY)
    with pytest.raises(ImageError, match="series 2 was asked for"):
        read_image(tmp_path / "b.tif", series=2)


def test_a_thumbnail_behind_is_left_out_and_one_in_front_asks(tmp_path: Path) -> None:
    for order in ((0, 1), (1, 0)):
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            for reduced in order:
                writer.write(GREY[:5, :5] if reduced else GREY, subfiletype=reduced, metadata=None)
        if order[0]:
            with pytest.raises(ImageError, match="a thumbnail or mask"):
                read_image(tmp_path / "a.tif")
        else:
            assert np.array_equal(read_image(tmp_path / "a.tif").pixels, GREY)


def test_a_page_that_says_it_is_reduced_and_is_as_large_as_the_others_is_a_plane(tmp_path: Path) -> None:
    """ImageJ shows it as one, whatever it says of itself."""
    for words in (None, {}):
        tifffile.imwrite(tmp_path / "a.tif", np.stack([GREY] * 2), photometric="minisblack", metadata=words)
        tifffile.imwrite(tmp_path / "a.tif", GREY + 1, append=True, subfiletype=1, metadata=None)
        (series,) = describe_image(tmp_path / "a.tif").series
        assert (series.planes, series.thumbnail) == (3, False)
        assert np.array_equal(read_image(tmp_path / "a.tif", plane=2).pixels, GREY + 1)
    tifffile.imwrite(tmp_path / "b.tif", GREY, photometric="miniswhite", metadata=None)
    tifffile.imwrite(tmp_path / "b.tif", GREY, append=True, subfiletype=1, metadata=None)
    with pytest.raises(ImageError, match="2 images"):
        read_image(tmp_path / "b.tif")


@pytest.mark.parametrize("flavour", ["imagej", "ome"])
@pytest.mark.parametrize("compression", [None, "lzw"])
def test_channels_slices_and_frames_are_found_by_name(
    flavour: str, compression: str | None, tmp_path: Path
) -> None:
    pixels = np.arange(2 * 3 * 4 * 5 * 6, dtype=np.uint16).reshape(2, 3, 4, 5, 6)
    options = {"imagej": True} if flavour == "imagej" else {"ome": True}
    tifffile.imwrite(tmp_path / "a.tif", pixels, metadata={"axes": "TZCYX"}, compression=compression, **options)
    with pytest.raises(ImageError, match=r"a stack of 6 planes: 2 frames \(T\), 3 slices \(Z\)") as caught:
        read_image(tmp_path / "a.tif", z=1)
    assert "--t" in caught.value.hint
    taken = read_image(tmp_path / "a.tif", z=1, t=1)
    assert np.array_equal(np.moveaxis(taken.pixels, -1, 0), pixels[1, 1])
    assert (taken.plane, taken.place) == (4, {"T": 1, "Z": 1})
    assert np.array_equal(read_image(tmp_path / "a.tif", plane=4, channels=2).pixels, pixels[1, 1, 2])
    for wrong in (
        {"z": 3, "t": 0},
        {"z": -1, "t": 0},
        {"plane": 6},
        {"plane": 0, "z": 0},
        {"plane": 0, "channels": 4},
    ):
        with pytest.raises(ImageError):
            read_image(tmp_path / "a.tif", **wrong)


def test_imagejs_stack_of_one_directory_is_read_and_one_cut_off_is_not(tmp_path: Path) -> None:
    stack = np.stack([GREY + n for n in range(6)])
    words = f"ImageJ=1.54p\nimages={len(stack)}\nslices=3\nframes=2\nhyperstack=true\n"
    tifffile.imwrite(tmp_path / "a.tif", stack[0], description=words, metadata=None)
    with (tmp_path / "a.tif").open("ab") as file:
        file.write(stack[1:].tobytes())
    assert np.array_equal(read_image(tmp_path / "a.tif", z=2, t=1).pixels, stack[5])
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[: -GREY.size - 1])
    with pytest.raises(FileError, match="says 6 planes"):
        read_image(tmp_path / "a.tif", z=2, t=1)


def test_scenes_are_series_with_names_and_pixel_sizes(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        for scene in range(2):
            words = {
                "axes": "CYX",
                "Name": f"scene {scene}",
                "PhysicalSizeX": 0.25 + scene,
                "PhysicalSizeXUnit": "µm",
                "PhysicalSizeY": 0.25 + scene,
                "PhysicalSizeYUnit": "µm",
                "Channel": {"Name": ["DAPI", "actin"]},
            }
            writer.write(np.stack([GREY + scene] * 2), metadata=words, photometric="minisblack")
    with pytest.raises(ImageError, match=r"'scene 0'.*'scene 1'"):
        read_image(tmp_path / "a.ome.tif")
    taken = read_image(tmp_path / "a.ome.tif", series=1, channels=1)
    assert np.array_equal(taken.pixels, GREY + 1)
    assert "series 1 'scene 1'" in taken.describe()
    assert "channel 1 (actin) of 2" in taken.describe()
    assert "pixel 1.25 µm" in taken.describe()
    assert [str(series.pixel_size) for series in describe_image(tmp_path / "a.ome.tif").series] == [
        "0.25 µm",
        "1.25 µm",
    ]


def write_set(folder: Path) -> None:
    """Write an OME set of three frames, each in a file of its own."""
    ids = [f"urn:uuid:{uuid.UUID(int=n + 1)}" for n in range(3)]
    data = "".join(
        f'<TiffData FirstT="{n}" IFD="0" PlaneCount="1"><UUID FileName="t{n}.ome.tif">{ids[n]}</UUID></TiffData>'
        for n in range(3)
    )
    for n in range(3):
        words = (
            '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="{ids[n]}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" '
            f'SizeX="30" SizeY="20" SizeZ="1" SizeC="1" SizeT="3"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
            f"{data}</Pixels></Image></OME>"
        )
        tifffile.imwrite(folder / f"t{n}.ome.tif", GREY + n, metadata=None, description=words)


def test_a_set_of_files_is_one_image(tmp_path: Path) -> None:
    write_set(tmp_path)
    tifffile.imwrite(tmp_path / "a.tif", GREY)
    kept, others = once_per_image(find_images([tmp_path]))
    assert [path.name for path in kept] == ["a.tif", "t0.ome.tif"]
    assert {path.name: whole.name for path, whole in others.items()} == {
        "t1.ome.tif": "t0.ome.tif",
        "t2.ome.tif": "t0.ome.tif",
    }
    (tmp_path / "t0.ome.tif").unlink()
    kept, _others = once_per_image(find_images([tmp_path]))
    assert [path.name for path in kept] == ["a.tif", "t1.ome.tif"]


def test_a_missing_file_of_a_set_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    write_set(tmp_path)
    assert np.array_equal(read_image(tmp_path / "t0.ome.tif", t=2).pixels, GREY + 2)
    (tmp_path / "t1.ome.tif").unlink()
    with pytest.raises(FileError, match=r"t1\.ome\.tif is missing") as caught:
        read_image(tmp_path / "t0.ome.tif", t=1)
    assert caught.value.code == "missing-file"
    assert np.array_equal(read_image(tmp_path / "t0.ome.tif", t=2).pixels, GREY + 2)


def test_a_chain_of_pages_in_a_circle_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([GREY] * 3), photometric="minisblack", metadata=None)
    data = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        last, first = file.pages[2].offset, file.pages[0].offset
    (count,) = struct.unpack_from("<H", data, last)
    struct.pack_into("<I", data, last + 2 + 12 * count, first)
    (tmp_path / "a.tif").write_bytes(bytes(data))
    with pytest.raises(FileError, match="circle"):
        read_image(tmp_path / "a.tif", plane=0)


@pytest.mark.parametrize("rows", [3, 20])
@pytest.mark.parametrize("compression", [None, "lzw"])
def test_pixels_that_were_cut_off_are_no_black_rows(rows: int, compression: str | None, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY, rowsperstrip=rows, compression=compression, metadata=None)
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole[:-20])
    with pytest.raises(FileError, match=r"a\.tif can't be read"):
        read_image(tmp_path / "a.tif")


def test_one_line_says_what_was_taken(tmp_path: Path) -> None:
    pixels = np.stack([GREY.astype(np.uint16) + 100 * n for n in range(3)])
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, imagej=True, resolution=(4.0, 4.0), metadata={"axes": "ZYX", "unit": "um"}
    )
    taken = read_image(tmp_path / "a.tif", z=2)
    wanted = "TIFF (ImageJ), z 2 of 3, one channel, 30 x 20, uint16 200 to 455, pixel 0.25 µm"
    assert taken.describe() == wanted
    data = taken.to_dict()
    assert data["place"] == {"z": 2}
    assert data["pixel_size"] == {"x": 0.25, "y": 0.25, "unit": "um"}
    assert data["range"] == [200.0, 455.0]


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_pages_in_turn_are_series_of_their_own_and_each_plane_is_found(
    order: str, big: bool, tmp_path: Path
) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif", byteorder=order, bigtiff=big) as writer:
        for value in range(60):
            writer.write(GREY + value, metadata=None, contiguous=False)
            if value % 7 != 3:
                writer.write(GREY.astype(np.uint16) + 1_000 * value, metadata=None, contiguous=False)
    described = describe_image(tmp_path / "a.tif").series
    deep = [value for value in range(60) if value % 7 != 3]
    assert [(series.dtype, series.planes) for series in described] == [("uint8", 60), ("uint16", len(deep))]
    for plane in (0, 1, 17, 50):
        assert np.array_equal(read_image(tmp_path / "a.tif", series=0, plane=plane).pixels, GREY + plane)
        wanted = GREY.astype(np.uint16) + 1_000 * deep[plane]
        assert np.array_equal(read_image(tmp_path / "a.tif", series=1, plane=plane).pixels, wanted)


def test_planes_of_an_ome_tiff_are_where_its_xml_says(tmp_path: Path) -> None:
    """Bio-Formats writes an element for each plane, in whatever order; pages need not stand in theirs."""
    places = [(c, z) for c in range(2) for z in range(3)]
    order = [4, 0, 5, 2, 1, 3]
    data = "".join(
        f'<TiffData FirstC="{places[plane][0]}" FirstZ="{places[plane][1]}" IFD="{page}" PlaneCount="1"/>'
        for page, plane in enumerate(order)
    )
    words = (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="30" SizeY="20" '
        'SizeZ="3" SizeC="2" SizeT="1"><Channel ID="C:0" SamplesPerPixel="1"/><Channel ID="C:1" '
        f'SamplesPerPixel="1"/>{data}</Pixels></Image></OME>'
    )
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as writer:
        for page, plane in enumerate(order):
            told = {"description": words} if page == 0 else {}
            writer.write(GREY + 10 * plane, metadata=None, contiguous=False, **told)
    for plane, (c, z) in enumerate(places):
        assert np.array_equal(read_image(tmp_path / "a.ome.tif", z=z, channels=c).pixels, GREY + 10 * plane)
