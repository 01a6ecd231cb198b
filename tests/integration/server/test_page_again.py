"""The page and its server: killed and started again, models installed, and what of it other people may reach."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from browsing import Visit
from fakes.file_server import FileServer, serve
from fakes.model_files import FileContent, offer, table, write_catalog
from serving import Served, served_by

from samj_bridge.download import digest_file
from samj_bridge.export.calibration import read_calibration
from samj_bridge.models import find_model
from samj_bridge.server.page.files import FOLDER
from samj_bridge.settings import Settings

pytestmark = pytest.mark.worker

Opens = Callable[..., Visit]


class Server:
    """A server that can be killed and started again where it was; its laboratory offers two models."""

    def __init__(self, ready_home: Path, folder: Path, files: FileServer) -> None:
        self.files, self.folder, self.home = files, folder, folder / "home"
        self.home.mkdir()
        (self.home / "envs").symlink_to(ready_home / "envs", target_is_directory=True)
        weights = find_model("starter", Settings(home=self.home)).file
        assert weights is not None
        digests = digest_file(weights)
        known = {"size": digests.size, "hashes": list(digests.as_hashes())}
        url = offer(files, "/lab/weights.safetensors", FileContent(weights))
        strict = {**table(url), **known, "title": "Strict", "licence": "Ours, for looking only"}
        free = {**table(url), **known, "title": "Free"}
        self.catalog = write_catalog(folder / "lab.toml", lab_model=free, strict_model=strict)
        self.served = self.start(0)

    def start(self, port: int) -> Served:
        log = self.folder / f"log-{port}.txt"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "samj_bridge.cli.main", "serve", "--port", str(port), "--no-browser"],
                env={
                    **os.environ, "SAMJ_HOME": str(self.home), "SAMJ_CATALOG": str(self.catalog),
                    "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
                },
                stdout=file,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        return served_by(process, self.home, self.folder, log)

    def kill(self) -> None:
        self.served.process.kill()
        self.served.process.wait(30)

    def again(self) -> None:
        self.served = self.start(self.served.port)


@pytest.fixture(scope="module")
def server(ready_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(FileServer()) as files:
        made = Server(ready_home, tmp_path_factory.mktemp("again é"), files)
        yield made
        made.served.process.send_signal(signal.SIGINT)
        made.served.process.wait(30)


def test_a_server_killed_and_started_again_has_everything_that_was_kept(
    visit: Opens, server: Server, fresh: Callable[[int], Path]
) -> None:
    tab = visit(server.served)
    tab.open(fresh(20))
    tab.click(90, 70)
    tab.proposed()
    tab.page.keyboard.press("Enter")
    tab.kept(1)
    (before,) = tab.masks()
    tab.click(80, 60)
    tab.proposed()
    server.kill()
    # What is kept and asked while nobody answers is there when somebody does.
    tab.page.keyboard.press("Enter")
    tab.find("#connection").filter(has_text="does not answer").wait_for()
    tab.find("#kept").filter(has_text="Being written down").wait_for()
    tab.click(95, 80)
    server.again()
    tab.served = server.served
    tab.proposed()
    tab.find("#connection").filter(has_text=re.compile("^$")).wait_for(state="attached")
    tab.kept(2)
    assert np.array_equal(tab.masks()[0], before)
    # And a tab of another day has it, too.
    other = visit(server.served)
    other.find("#open").click()
    other.find("#recent button.work").first.click()
    other.kept(2)
    other.page.keyboard.press("Control+z")
    other.kept(2)


def test_a_model_is_installed_with_its_licence_progress_and_cancel(
    visit: Opens, server: Server, fresh: Callable[[int], Path]
) -> None:
    tab = visit(server.served)
    tab.open(fresh(21))
    tab.find("#models").click()
    strict, free = tab.find("[data-model=strict-model]"), tab.find("[data-model=lab-model]")
    assert "Ours, for looking only" in strict.inner_text()
    assert "part of samj-bridge, licence" in tab.find("[data-model=starter]").inner_text()
    unsized = tab.find("[data-model=micro-sam-vit-b-lm]").inner_text()
    assert "size not stated, licence" in unsized
    assert " MB" not in unsized
    strict.get_by_role("button").click()
    strict.get_by_role("alert").filter(has_text="read the licence").wait_for()
    assert server.files.requests == []
    with server.files.slow(4e5):
        free.get_by_role("button", name="Install").click()
        free.locator(".task span").filter(has_text=re.compile(r"\d of \d+ MB")).wait_for()
        free.get_by_role("button", name="Cancel").click()
        free.get_by_role("alert").filter(has_text="Cancelled").wait_for()
    strict.get_by_role("checkbox").check()
    strict.get_by_role("button", name="Install").click()
    strict.get_by_text("Installed.").wait_for()
    tab.page.keyboard.press("Escape")
    assert tab.find("#model").input_value() == "strict-model"
    tab.click(90, 70)
    tab.proposed()
    tab.page.keyboard.press("Enter")
    tab.kept(1)
    assert tab.work()["objects"][0]["model"] == "strict-model"


def test_the_page_is_for_who_has_its_address(served: Served) -> None:
    start = f"/{served.token}"
    page = served.ask("GET", f"{start}/")
    assert (page.status, page.headers["referrer-policy"]) == (200, "no-referrer")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert served.ask("GET", start).headers["location"] == f"{start}/"
    same = served.ask("GET", f"{start}/", headers={"If-None-Match": page.headers["etag"]})
    assert (same.status, same.body) == (304, b"")
    for path in ("/", "/page/main.js", "/api/page/images", f"/x{start}/", f"{start[:-1]}/"):
        assert served.ask("GET", path).status == 401, path
    said = served.ask("GET", "/", headers={"Accept": "text/html"})
    assert said.status == 401
    assert "samj-bridge serve" in said.body.decode()
    for name in (
        "../files.py",
        "..%2ffiles.py",
        "%2e%2e/files.py",
        "",
        "main.js/",
        "www/main.js",
        "no.js",
        "\\main.js",
    ):
        assert served.ask("GET", f"{start}/page/{name}").status == 404, name
    foreign = {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "cross-site"}
    assert served.ask("GET", f"{start}/page/main.js", headers=foreign).status == 403


def test_every_part_of_the_page_is_served_and_names_only_parts_that_are(served: Served) -> None:
    for path in FOLDER.rglob("*.*"):
        name = path.relative_to(FOLDER).as_posix()
        answer = served.ask("GET", f"/{served.token}/page/{name}")
        assert (answer.status, answer.body) == (200, path.read_bytes()), name
        if path.suffix == ".js" and "vendor" not in name:
            for imported in re.findall(r'from "\./([^"]+)"', path.read_text(encoding="utf-8")):
                assert (FOLDER / imported).is_file(), (name, imported)
    html = (FOLDER / "index.html").read_text(encoding="utf-8")
    assert "http" not in html.replace("http-equiv", "")
    assert (FOLDER / "vendor" / "openseadragon.LICENSE.txt").read_text(encoding="utf-8").count("OpenSeadragon")


BAD: list[tuple[str, str, Any, int]] = [
    ("POST", "page/images", b"", 422),
    ("POST", "page/images", b"no image", 422),
    ("GET", "page/images/" + "0" * 32, None, 404),
    ("DELETE", "page/images/" + "0" * 32, None, 404),
    ("GET", "page/images/../../token", None, 404),
    ("POST", "page/images/IMAGE/changes", {"changes": [{}]}, 422),
    ("POST", "page/images/IMAGE/changes", {"changes": 3}, 422),
    ("GET", "page/images/IMAGE/tiles/0/9_0", None, 422),
    ("GET", "page/images/IMAGE/tiles/9/0_0", None, 422),
    ("GET", "page/images/IMAGE/export/roi", None, 422),
    ("GET", "page/images/IMAGE/export/exe", None, 422),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), BAD)
def test_what_the_page_would_not_ask_is_refused_in_words(
    served: Served, fresh: Callable[[int], Path], method: str, path: str, body: Any, status: int
) -> None:
    sent = served.own("POST", "page/images", fresh(22).read_bytes(), **{"X-Samj-Name": "..%2F..%2Fa%5Cb%00.png"})
    assert sent.status == 201
    assert sent.json["name"] == "b.png"
    answer = served.own(method, path.replace("IMAGE", sent.json["image"]), body)
    assert answer.status == status, answer.body
    assert answer.json["detail"]


def test_the_scale_of_an_image_goes_into_what_is_saved(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "scaled.tif"
    pixels = np.zeros((40, 50), np.uint8)
    tifffile.imwrite(path, pixels, imagej=True, resolution=(4.0, 4.0), metadata={"unit": "um"})
    image = served.own("POST", "page/images", path.read_bytes(), **{"X-Samj-Name": "scaled.tif"}).json["image"]
    change = {"put": {"id": "an-object", "rings": [[[1, 1], [9, 1], [9, 9], [1, 9]]]}}
    assert served.own("POST", f"page/images/{image}/changes", {"changes": [change]}).status == 200
    saved = served.own("GET", f"page/images/{image}/export/labels")
    path.write_bytes(saved.body)
    scale = read_calibration(path)
    assert scale is not None
    assert (scale.width, scale.unit) == (0.25, "um")
    assert served.own("GET", f"page/images/{image}/export/geojson").json["pixel_size"]["x"] == 0.25
    assert served.own("DELETE", f"page/images/{image}").status == 200


def test_the_page_opens_nothing_outside_the_roots(
    served: Served, tmp_path: Path, fresh: Callable[[int], Path]
) -> None:
    outside = fresh(23)
    (served.root / "leads out.png").symlink_to(outside)
    for name in (str(outside), "leads out.png", f"../{tmp_path.name}/{outside.name}", "..", "\0", ""):
        body = {"path": name}
        answer = served.own("POST", "page/images", body, **{"Content-Type": "application/json"})
        assert answer.status in {404, 422}, (name, answer.body)
        assert outside.parent.name not in answer.json["detail"].replace(name, "")
    inside = served.root / "inside.png"
    inside.write_bytes(outside.read_bytes())
    opened = served.own("POST", "page/images", {"path": "inside.png"}, **{"Content-Type": "application/json"})
    assert opened.status == 201
    # A file that has changed is another image: its objects are not drawn over it.
    inside.write_bytes(fresh(24).read_bytes())
    served.own("DELETE", f"images/{opened.json['image']}")
    answer = served.own("GET", f"page/images/{opened.json['image']}")
    assert (answer.status, answer.json["code"]) == (422, "file-changed")
    inside.unlink()
    assert served.own("GET", f"page/images/{opened.json['image']}").status == 404
    assert served.own("DELETE", f"page/images/{opened.json['image']}").status == 200
