"""Models from a server to a session, as a user has it: fetched, verified, converted, loaded, imported."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.file_server import FileServer, serve
from fakes.model_files import FileContent, offer, table, write_catalog
from fakes.opening import VARIABLES

from samj_bridge.download import Digests
from samj_bridge.errors import HashMismatch, InputError, InstallError, ModelError
from samj_bridge.models import ModelEntry, find_model, weights_file
from samj_bridge.models.obtain import downloads_of
from samj_bridge.models.store import Store
from samj_bridge.models.verifying import verify
from samj_bridge.progress import ProgressEvent
from samj_bridge.session import Prompt, Session
from samj_bridge.session.connection.launcher import Launcher
from samj_bridge.session.conversion import convert_record
from samj_bridge.session.installing import Installed, import_model, install_model
from samj_bridge.settings import Settings

pytestmark = pytest.mark.worker

ROOT = Path(__file__).parents[2]


class Lab:
    """A server of a laboratory, its catalog, and a user's home."""

    def __init__(self, server: FileServer, made: Path, tmp_path: Path, python: Path) -> None:
        self.server, self.made, self.catalog = server, made, tmp_path / "lab.toml"
        self.settings = Settings(home=tmp_path / "home é", catalog=str(self.catalog), threads=1)
        self.launcher = Launcher(python, self.settings, VARIABLES)
        self.store = Store(self.settings)
        self.tables: dict[str, dict[str, Any]] = {}
        write_catalog(self.catalog)

    def add(self, name: str, file: str, path: str = "/w.pth", **fields: Any) -> ModelEntry:
        content = FileContent(self.made / file)
        url = offer(self.server, path, content)
        self.tables[name] = table(url, content.bytes(), **fields)
        write_catalog(self.catalog, **self.tables)
        return find_model(name, self.settings)

    def install(self, entry: ModelEntry, **options: Any) -> Installed:
        return install_model(entry, self.settings, **{"launcher": self.launcher, **options})


@pytest.fixture
def lab(made: Path, tmp_path: Path, worker_python: Path) -> Iterator[Lab]:
    with serve(FileServer()) as server:
        lab = Lab(server, made, tmp_path, worker_python)
        yield lab
        lab.launcher.log.close()


def test_a_model_is_installed_and_opened_by_its_name(lab: Lab) -> None:
    events: list[ProgressEvent] = []
    installed = lab.install(lab.add("ours", "trainer.pth"), progress=events.append)
    assert installed.new
    assert installed.converted
    assert installed.record.weights is not None
    assert installed.record.weights.architecture == "starter-1"
    stages = [event.stage for event in events]
    assert "download" in stages
    assert "convert" in stages
    image = np.zeros((64, 64), np.uint8)
    image[20:40, 20:40] = 200
    with Session("ours", settings=lab.settings, launcher=lab.launcher) as session:
        (region,) = session.encode(image).segment(Prompt(box=(18, 18, 42, 42)))
    assert region.area > 100
    again = lab.install(find_model("ours", lab.settings))
    assert not again.new
    assert len(lab.server.requests) == 1


def test_without_an_environment_the_file_is_kept_and_converted_at_the_first_use(lab: Lab) -> None:
    entry = lab.add("ours", "model.pth")
    installed = install_model(entry, lab.settings)
    assert not installed.converted
    assert lab.store.source_path(installed.record).is_file()
    with Session("ours", settings=lab.settings, launcher=lab.launcher) as session:
        assert session.hello["pid"] > 0
    assert weights_file(entry, lab.settings).is_file()
    assert not lab.store.source_path(installed.record).exists()
    assert [item.status for item in verify(lab.store)] == ["ok"]


def test_a_file_with_the_wrong_hash_is_never_used(lab: Lab) -> None:
    entry = lab.add("ours", "plain.pth", hashes=["sha256:" + "0" * 64])
    with pytest.raises(HashMismatch) as caught:
        lab.install(entry)
    assert "by hand" in caught.value.hint
    assert lab.store.record("ours") is None
    assert not [path for path in downloads_of(entry, lab.store).rglob("*") if path.suffix in {".pth", ".part"}]


def test_a_file_with_the_right_hash_and_another_architecture_is_not_installed_and_not_lost(lab: Lab) -> None:
    entry = lab.add("ours", "other_network.pth")
    with pytest.raises(ModelError, match=r"none of the known|nor any other") as caught:
        lab.install(entry)
    assert caught.value.code == "bad-checkpoint"
    kept = Path(caught.value.details["kept"])
    assert kept.read_bytes() == (lab.made / "other_network.pth").read_bytes()
    assert lab.store.record("ours") is None
    # Tried again, it is not fetched again.
    install_model(entry, lab.settings)
    assert len(lab.server.requests) == 1
    lab.store.remove("ours", downloads_of(entry, lab.store))
    assert not kept.exists()


def test_the_mirror_serves_any_entry_by_its_id_and_file_name(lab: Lab) -> None:
    content = FileContent(lab.made / "plain.pth")
    lab.tables["ours"] = table("https://nowhere.invalid/a/b/w%20x.pth", content.bytes())
    write_catalog(lab.catalog, **lab.tables)
    address = offer(lab.server, "/models/ours/w x.pth", content).removesuffix("/ours/w x.pth")
    lab.server.files["/models/ours/w%20x.pth"] = content
    secret = address.replace("http://", "http://me:secret@")
    settings = replace(lab.settings, model_mirror=f"{secret}/")
    installed = install_model(find_model("ours", settings), settings, launcher=lab.launcher)
    assert installed.converted
    assert installed.record.obtained == f"{address}/ours/w%20x.pth"
    assert lab.server.requests[0].path == "/models/ours/w%20x.pth"


def test_plain_http_is_refused_for_a_model_of_ours(lab: Lab) -> None:
    entry = replace(lab.add("ours", "plain.pth"), origin="samj-bridge")
    with pytest.raises(InputError, match="https"):
        lab.install(entry)
    assert not lab.server.requests


def test_a_licence_that_is_not_open_must_be_accepted_and_is_recorded(lab: Lab) -> None:
    entry = lab.add("ours", "plain.pth", licence="CC-BY-NC-4.0")
    with pytest.raises(ModelError, match="CC-BY-NC") as caught:
        lab.install(entry)
    assert caught.value.code == "licence-not-accepted"
    assert "--accept-licence" in caught.value.hint
    assert not lab.server.requests
    record = install_model(entry, lab.settings, accepted="asked").record
    assert (record.licence.licence, record.licence.how) == ("CC-BY-NC-4.0", "asked")
    assert not install_model(entry, lab.settings).new


def test_a_licence_that_changed_is_asked_for_again(lab: Lab) -> None:
    install_model(lab.add("ours", "plain.pth", licence="CC-BY-NC-4.0"), lab.settings, accepted="asked")
    with pytest.raises(ModelError, match="Academic use only"):
        lab.install(lab.add("ours", "plain.pth", licence="Academic use only"))


def test_a_checkpoint_of_ones_own_is_imported_and_opened(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "My fine-tuned (v2).pth"
    file.write_bytes((lab.made / "parallel.pth").read_bytes())
    installed = import_model(file, lab.settings, launcher=lab.launcher)
    assert installed.entry.id == "my-fine-tuned-v2"
    assert installed.entry.origin == "user"
    assert installed.entry.architecture == "starter-1"
    again = import_model(file, lab.settings)
    assert not again.new
    assert again.record == installed.record
    file.unlink()
    with Session("my-fine-tuned-v2", settings=lab.settings, launcher=lab.launcher) as session:
        assert session.hello["pid"] > 0
    assert [item.status for item in verify(lab.store)] == ["ok"]
    assert lab.store.remove("my-fine-tuned-v2") > 1_000_000


def test_a_file_that_the_catalog_knows_is_installed_as_what_it_is(lab: Lab, tmp_path: Path) -> None:
    lab.add("ours", "model.pth", licence="CC-BY-NC-4.0")
    renamed = tmp_path / "some name.bin"
    renamed.write_bytes((lab.made / "model.pth").read_bytes())
    installed = import_model(renamed, lab.settings)
    assert installed.entry.id == "ours"
    assert installed.record.verified
    assert installed.record.licence.how == "own-file"
    assert not lab.server.requests


def test_two_that_open_a_waiting_model_at_once_convert_it_once(lab: Lab) -> None:
    entry = lab.add("ours", "model.pth")
    record = install_model(entry, lab.settings).record
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: convert_record(lab.store, entry, record, lab.launcher), range(2)))
    assert done[0].weights == done[1].weights
    assert [path.suffix for path in (lab.store.folder / "weights").iterdir()] == [".safetensors"]


def test_an_id_that_is_taken_or_odd_is_refused_before_anything_is_read(lab: Lab) -> None:
    import_model(lab.made / "plain.pth", lab.settings, name="mine", launcher=lab.launcher)
    for name, words in {"sam-vit-b": "taken by the catalog", "mine": "taken by an imported model"}.items():
        with pytest.raises(ModelError, match=words):
            import_model(lab.made / "legacy.pth", lab.settings, name=name, launcher=lab.launcher)
    with pytest.raises(InputError, match="can't be the id"):
        import_model(lab.made / "plain.pth", lab.settings, name="My Model", launcher=lab.launcher)
    with pytest.raises(InputError, match="no transform 'sem'"):
        import_model(lab.made / "plain.pth", lab.settings, transform="sem", launcher=lab.launcher)
    with pytest.raises(InputError, match="none of starter"):
        import_model(lab.made / "half.pth", lab.settings, transform="medsam", launcher=lab.launcher)
    assert {record.id for record in lab.store.records()} == {"mine"}


def test_a_bad_file_is_not_imported_and_leaves_nothing(lab: Lab) -> None:
    with pytest.raises(ModelError, match="HTML page"):
        import_model(lab.made / "page.pth", lab.settings, launcher=lab.launcher)
    assert not list((lab.store.folder / "weights").iterdir())
    assert lab.store.records() == []


def test_importing_needs_an_environment_and_a_file(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="nothing was imported") as caught:
        import_model(lab.made / "plain.pth", lab.settings)
    assert "samj-bridge setup" in caught.value.hint
    with pytest.raises(Exception, match="There is no file"):
        import_model(tmp_path / "none.pth", lab.settings, launcher=lab.launcher)


def test_a_second_file_comes_along_and_both_are_verified(lab: Lab) -> None:
    second = FileContent(lab.made / "model.pth")
    url = offer(lab.server, "/second.pth", second)
    wrong = lab.add("ours", "plain.pth", decoder_url=url, decoder_hashes=["sha256:" + "0" * 64])
    with pytest.raises(HashMismatch):
        lab.install(wrong)
    assert not lab.store.has_record("ours")
    fields = {"decoder_url": url, "decoder_hashes": [f"sha256:{Digests.of(second.bytes()).sha256}"]}
    installed = lab.install(lab.add("ours", "plain.pth", **fields))
    assert installed.converted
    weights = installed.record.weights
    assert weights is not None
    assert "left out: networks of this family have none" in " ".join(weights.notes)
    # What had come whole was not asked for again.
    assert [request.path for request in lab.server.requests].count("/w.pth") == 1
    assert [item.status for item in verify(lab.store)] == ["ok"]
    assert not lab.install(find_model("ours", lab.settings)).new


def test_what_came_without_its_second_file_is_used_and_completed_when_it_is_installed_again(lab: Lab) -> None:
    first = lab.install(lab.add("ours", "plain.pth"))
    second = FileContent(lab.made / "model.pth")
    url = offer(lab.server, "/second.pth", second)
    fields = {"decoder_url": url, "decoder_hashes": [f"sha256:{Digests.of(second.bytes()).sha256}"]}
    entry = lab.add("ours", "plain.pth", **fields)
    assert weights_file(entry, lab.settings).is_file()
    again = lab.install(entry)
    assert again.new
    assert again.record.source != first.record.source
    assert weights_file(entry, lab.settings).is_file()


def test_a_second_file_alone_is_no_model(lab: Lab, tmp_path: Path, worker_python: Path) -> None:
    environ = {**VARIABLES, "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [worker_python, ROOT / "tests" / "random_weights.py", tmp_path, "decoder"], check=True, env=environ
    )
    with pytest.raises(ModelError, match="is the decoder of a micro-sam model alone"):
        import_model(tmp_path / "decoder.pt", lab.settings, launcher=lab.launcher)
