"""Prompts in tables as people have them; what can't be meant is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from samj_bridge.cli.read_prompts import read_prompts
from samj_bridge.errors import FileError, PromptError
from samj_bridge.session import Prompt


def prompts_of(tmp_path: Path, text: str, encoding: str = "utf-8") -> list[Prompt]:
    (tmp_path / "p.csv").write_bytes(text.encode(encoding))
    return read_prompts(tmp_path / "p.csv")[None]


@pytest.mark.parametrize(
    "text",
    [
        "x,y\n140.5,50.25\n70,150\n",
        "x,y\n140.5,50.25,\n70,150,\n",
        "x,y,\n140.5,50.25,\n70,150,\n",
        "x;y\n140,5;50,25\n70;150\n",
        "x;y\r\n140.5;50.25\r\n70;150\r\n",
        "x\ty\n140,5\t50,25\n70\t150\n",
        "\ufeffX, Y\n140.5, 50.25\n70, 150\n",
        '"x","y"\n"140.5","50.25"\n"70","150"\n',
        "# by hand\n\nx,y\n\n140.5,50.25\n# the second\n70,150\n\n,\n",
        "#x,y\n140.5,50.25\n70,150\n",
        "% matlab\n// and more\nx,y\n140.5,50.25\n70,150",
        "sep=;\nx;y\n140,5;50,25\n70;150\n",
        " X (px) ; Y [pixels] \n140,5;50,25\n70;150\n",
        "cell,x,y,Area\n1,140.5,50.25,90.1\n2,70,150,80.2\n",
        " ,x,y\n1,140.5,50.25\n2,70,150\n",
        "x,y\n+1.405e2,50.25\n70,150\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_table_may_be_written_in_many_ways(tmp_path: Path, text: str, encoding: str) -> None:
    points = [prompt.points for prompt in prompts_of(tmp_path, text.removeprefix("\ufeff"), encoding)]
    assert points == [((140.5, 50.25),), ((70, 150),)]


def test_a_mark_of_the_order_of_bytes_is_no_part_of_a_name(tmp_path: Path) -> None:
    assert prompts_of(tmp_path, "x,y\n1,2\n", "utf-8-sig")[0].points == ((1, 2),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x,y\n140,50\n140,5,50,25\n", "line 3: 4 cells, but 2 columns"),
        ("# one\n\nx,y\n1,2\n\n3,\n", "line 6: y is missing"),
        ("x,y\n1,2\n# note\nthree,4\n", "line 4: x is 'three', which is no number"),
        ("x,y\n1,2\n3,4 um\n", "line 3: y is '4 um'"),
        ("x,y\n1_000,2\n", "line 2: x is '1_000'"),
        ("x,y\nnan,2\n", "line 2: x is 'nan'"),
        ("x;y\n1.234,5;2\n", "line 2: x is '1.234,5'"),
        ("x;y\n1.234;5,5\n", "line 2: y is '5,5', but line 2 has 1.234"),
        ('x,y\n"1,234",5\n', "line 2: x is '1,234', in a table whose cells commas divide"),
        ("10,20\n30,40\n", "line 1: the columns have no names"),
        ("", "empty"),
        ("# nothing\n", "empty"),
        ("a,b\n1,2\n", "no columns of places, but a, b"),
        ("x,y,x\n1,2,3\n", "several columns x"),
        ("X (µm),Y (µm)\n1,2\n", "'X .µm.' is in µm"),
        ("x0,y0,x1,y1\n1,2,3,\n", "line 2: y1 missing"),
        ("x0,y0,x1,y1\n9,2,3,4\n", "line 2: .*corners swapped"),
        ('x,y,name\n1,2,"' + "a" * 140_000, "Line 2 is no line of a table"),
        ("x,y,plane\n1,2,3\n", "'plane' does not say where it counts from"),
        ("x,y,z\n1,2,1.5\n", "line 2: z is 1.5"),
        ("x,y,width,height\n1,2,3,\n", "line 2: height is missing"),
        ("BX,BY,Width,Height\n1.25,2.5,3,4\n", "line 2: BX, BY, Width and Height are no whole numbers"),
        ("X,Y,Width,Height,Type,Points\n1,2,30,40,Point,7\n", "line 2: a selection of 7 points"),
    ],
)
def test_what_can_not_be_meant_is_told_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(PromptError, match=words) as caught:
        prompts_of(tmp_path, text)
    assert caught.value.hint


def test_letters_of_other_encodings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="neither UTF-8 nor UTF-16"):
        prompts_of(tmp_path, "name,x,y\nZellkörper,1,2\n", "cp1252")


def test_imagejs_list_of_rois_has_boxes_points_and_planes(tmp_path: Path) -> None:
    text = (
        " ,Index,Name,Type,Group,X,Y,Width,Height,Points,Color,Fill,LWidth,Pos,C,Z,T\n"
        "1,0,0001-0050-0140,Rectangle,none,118,28,44,44,4,none,none,0,0,0,0,0\n"
        "2,1,tip,Point,none,5,6,1,1,1,none,none,0,2,0,2,0\n"
        "3,2,scale,Straight Line,none,5,6,90,1,2,none,none,0,0,0,0,0\n"
        "4,3,round,Oval,3,7,8,9,10,20,none,none,0,0,1,2,3\n"
    )
    (tmp_path / "p.csv").write_text(text)
    found = read_prompts(tmp_path / "p.csv")
    box, point, oval = found[None]
    assert (box.box, box.name, box.position, box.stack_index) == (
        (118, 28, 162, 72),
        "0001-0050-0140",
        (0, 0, 0),
        0,
    )
    assert (point.box, point.points, point.stack_index) == (None, ((5, 6),), 2)
    assert (oval.box, oval.position, oval.stack_index) == ((7, 8, 16, 18), (1, 2, 3), 0)
    assert found.notes == ["p.csv: left out line 4 (straight line): no area."]


def test_a_results_table_gives_its_bounding_rectangles_and_not_its_centroids(tmp_path: Path) -> None:
    text = " ,Label,Area,X,Y,BX,BY,Width,Height,Slice\n1,cells,1520,140.2,50.1,118,28,44,44,2\n"
    (prompt,) = prompts_of(tmp_path, text)
    assert (prompt.box, prompt.points, prompt.position) == ((118, 28, 162, 72), (), (0, 2, 0))


def test_a_row_may_have_a_box_a_point_or_both(tmp_path: Path) -> None:
    rows = prompts_of(tmp_path, "x0,y0,x1,y1,x,y\n1,2,30,40,,\n,,,,5,6\n1,2,30,40,5,6\n")
    assert [(prompt.box is None, prompt.points) for prompt in rows] == [
        (False, ()), (True, ((5, 6),)), (False, ((5, 6),)),
    ]  # fmt: skip


def test_names_that_begin_with_a_hash_are_no_comments(tmp_path: Path) -> None:
    rows = prompts_of(tmp_path, "name,x,y\n#1,1,2\n# a comment, with a comma\n#2,3,4\n")
    assert [prompt.name for prompt in rows] == ["#1", "#2"]


@pytest.mark.parametrize("column", ["image", "Image", "File name", "filename"])
def test_a_column_of_images_is_not_passed_over(tmp_path: Path, column: str) -> None:
    (tmp_path / "p.tsv").write_text(f"{column}\tx\ty\na.tif\t1\t2\nb.tif\t3\t4\na.tif\t5\t6\n")
    found = read_prompts(tmp_path / "p.tsv")
    assert {image: len(prompts) for image, prompts in found.items()} == {"a.tif": 2, "b.tif": 1}
