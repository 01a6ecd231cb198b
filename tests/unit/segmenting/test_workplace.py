"""One run at a time makes results of a part, and what killed ones leave goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from samj_bridge.errors import FileError
from samj_bridge.segmenting.workplace import put_in_place, working_in


def test_a_second_run_of_the_same_part_is_refused_and_other_parts_are_not(tmp_path: Path) -> None:
    with working_in(tmp_path, (1, 2)) as first:
        (first / "draft").write_bytes(b"half")
        with pytest.raises(FileError, match="Another run") as refused, working_in(tmp_path, (1, 2)):
            pass
        assert refused.value.code == "run-in-progress"
        with working_in(tmp_path, (2, 2)) as second:
            assert second != first
        assert (first / "draft").read_bytes() == b"half"
    assert list(tmp_path.iterdir()) == []


def test_what_killed_runs_have_left_goes(tmp_path: Path) -> None:
    for name in (".samj-run", ".samj-run-3-of-7"):
        (tmp_path / name / "00").mkdir(parents=True)
        (tmp_path / name / "lock").touch()
        (tmp_path / name / "00" / "00_labels.tif").write_bytes(b"half")
    with working_in(tmp_path, None) as folder:
        assert [path.name for path in folder.iterdir()] == ["lock"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_goes_before_a_file_gets_its_name_is_told_of(tmp_path: Path) -> None:
    draft = tmp_path / "draft"
    draft.write_bytes(b"x")
    with pytest.raises(FileError, match="does not exist"):
        put_in_place(draft, tmp_path / "gone" / "a.tif")


def test_where_nothing_can_be_written_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError), working_in(tmp_path / "file", None):
        pass
