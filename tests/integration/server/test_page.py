"""The page in headless Chromium, with real clicks and keys: what it shows is what a session answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import Visit
from PIL import Image
from serving import Served

from samj_bridge import Prompt
from samj_bridge.session import Session

pytestmark = pytest.mark.worker

Opens = Callable[..., Visit]


def test_a_click_gives_what_a_session_gives_to_the_pixel(visit: Opens, session: Session, nuclei: Path) -> None:
    tab = visit()
    tab.open(nuclei)
    tab.click(66, 57)
    tab.proposed()
    tab.page.keyboard.press("Enter")
    tab.kept(1)
    tab.drag(40, 30, 92, 85)
    tab.proposed()
    tab.page.keyboard.press("2")
    tab.find("#candidates label").nth(1).locator(":checked").wait_for()
    tab.page.keyboard.press("t")
    tab.kept(2)
    tab.click(66, 57)
    tab.proposed()
    tab.click(72, 60, keys=["Shift"])
    tab.click(120, 57, keys=["Alt"])
    tab.click(110, 40, button="right")
    tab.find("#undo:enabled").wait_for()
    tab.page.keyboard.press("Enter")
    tab.kept(3)
    with session.encode(np.asarray(Image.open(nuclei))) as scene:
        expected = [
            scene.segment(Prompt(points=[(66, 57)]))[0],
            scene.segment(Prompt(box=(40, 30, 92, 85)), candidates=3)[1],
            scene.segment(Prompt(points=[(66, 57), (72, 60)], negative=[(120, 57), (110, 40)]))[0],
        ]
    for mask, region in zip(tab.masks(), expected, strict=True):
        assert np.array_equal(mask, region.mask())


def test_a_reload_loses_nothing(visit: Opens, fresh: Callable[[int], Path]) -> None:
    tab = visit()
    tab.open(fresh(1))
    tab.find("#new-class").fill("disc")
    tab.page.keyboard.press("Enter")
    tab.click(90, 70)
    tab.proposed()
    tab.find("#keep").click()
    tab.kept(1)
    tab.click(85, 60)
    tab.proposed()
    tab.page.reload()
    tab.kept(1)
    # The proposal is there again, with class, undo and all.
    tab.proposed()
    assert tab.find("#class").input_value() == "disc"
    assert "disc" in tab.find("#objects li").inner_text()
    before = tab.masks()
    tab.page.keyboard.press("Enter")
    tab.kept(2)
    tab.undo(3)
    tab.find("#next").filter(has_text="Taken back: keeping it").wait_for()
    tab.kept(0)
    tab.page.keyboard.press("Control+y")
    tab.kept(1)
    assert np.array_equal(tab.masks()[0], before[0])


def test_objects_are_changed_classed_deleted_and_all_of_it_taken_back(
    visit: Opens, fresh: Callable[[int], Path]
) -> None:
    tab = visit()
    tab.open(fresh(2))
    tab.find("#automatic").check()
    for x, y in ((90, 70), (80, 60), (95, 80)):
        tab.click(x, y)
        tab.proposed()
    tab.kept(2)
    tab.page.keyboard.press("Enter")
    tab.kept(3)
    for name in ("one", "two"):
        tab.find("#new-class").fill(name)
        tab.find("#add-class").click()
    tab.find("#objects li").nth(1).click()
    tab.find("#set-class").click()
    tab.find("#objects li").nth(1).filter(has_text="two").wait_for()
    tab.find("#delete").click()
    tab.kept(2)
    tab.find("#objects li").first.click()
    tab.find("#edit").click()
    tab.proposed()
    tab.click(150, 70, keys=["Alt"])
    tab.find("#next").filter(has_text="Looking").wait_for(state="hidden")
    tab.proposed()
    tab.page.keyboard.press("Enter")
    tab.kept(2)
    work = tab.work()
    assert work["classes"] == ["one", "two"]
    first = min(work["objects"], key=lambda item: item["number"])
    assert first["prompt"]["negative"] == [[150, 70]]
    assert {item["number"] for item in work["objects"]} == {1, 3}
    # Change kept, negative point, taken up, deleted, classed; then the classes and the objects.
    tab.undo(5)
    tab.kept(3)
    assert [item["class"] for item in tab.work()["objects"]] == ["", "", ""]
    # One more Ctrl-click than there is under it: nothing is chosen, nothing is done.
    tab.click(5, 5, keys=["Control"])
    assert tab.find("#delete").is_disabled()


def test_everything_the_keyboard_can_do_alone(visit: Opens, served: Served, fresh: Callable[[int], Path]) -> None:
    (served.root / "by path é.png").write_bytes(fresh(3).read_bytes())
    tab = visit()
    keys = tab.page.keyboard
    tab.tab_to("open")
    keys.press("Enter")
    tab.find("#folder button").first.wait_for()
    tab.tab_to("path")
    keys.type("by path é.png")
    keys.press("Enter")
    tab.find("#image-name").filter(has_text="by path é.png").wait_for()
    tab.find("#board:focus").wait_for()
    # From the middle of the image to the disc.
    for _ in range(4):
        keys.press("ArrowUp")
    keys.press("Shift+ArrowLeft")
    keys.press("Space")
    tab.proposed()
    keys.press("a")
    keys.press("2")
    keys.press("Enter")
    tab.kept(1)
    keys.press("b")
    for _ in range(4):
        keys.press("ArrowRight")
        keys.press("ArrowDown")
    keys.press("b")
    tab.proposed()
    keys.press("Escape")
    tab.find("#keep:disabled").wait_for()
    tab.tab_to("everything")
    keys.press("Enter")
    tab.find("#next").filter(has_text="found and kept").wait_for()
    keys.press("Control+z")
    tab.kept(1)
    tab.tab_to("objects")
    keys.press("ArrowDown")
    keys.press("Delete")
    tab.kept(0)
    keys.press("Control+z")
    tab.kept(1)
    tab.tab_to("format")
    tab.tab_to("save")
    with tab.page.expect_download() as saved:
        keys.press("Enter")
    assert saved.value.suggested_filename == "by path é_rois.zip"


def test_two_tabs_do_not_mix(visit: Opens, fresh: Callable[[int], Path]) -> None:
    first = visit()
    first.open(fresh(4))
    second = first.another()
    second.open(fresh(5))
    first.click(90, 70)
    second.click(80, 60)
    first.proposed()
    second.proposed()
    for tab in (first, second):
        tab.page.keyboard.press("Enter")
        tab.kept(1)
    assert first.image != second.image
    assert not np.array_equal(first.masks()[0], second.masks()[0]) or first.work()["name"] != second.work()["name"]
    # The same image: the same objects, each tab with its own proposal and its own undo.
    second.open(fresh(4))
    second.kept(1)
    second.click(60, 70)
    second.proposed()
    assert first.find("#keep").is_disabled()
    second.page.keyboard.press("Enter")
    second.kept(2)
    first.page.evaluate("window.dispatchEvent(new Event('focus'))")
    first.kept(2)
    first.undo()
    first.kept(1)
    second.page.evaluate("window.dispatchEvent(new Event('focus'))")
    second.kept(1)
    (left,) = second.work()["objects"]
    assert left["prompt"]["points"] == [[60, 70]]


def test_a_search_is_cancelled_and_what_was_found_is_one_undo(
    visit: Opens, nuclei: Path, fresh: Callable[[int], Path], tmp_path: Path
) -> None:
    many = tmp_path / "many.png"
    Image.fromarray(np.tile(np.asarray(Image.open(nuclei)), (4, 4))).save(many)
    tab = visit()
    tab.open(many)
    tab.find("#everything").click()
    tab.find("#count").filter(has_text=re.compile("^[1-9]")).wait_for()
    # The person may go on meanwhile.
    tab.find(".task progress").first.wait_for()
    tab.find(".task button").last.click()
    tab.find("#next").filter(has_text="Stopped.").wait_for()
    count = int(tab.find("#count").inner_text())
    assert 0 < count < 300
    tab.kept(count)
    assert len(tab.work()["objects"]) == count
    tab.undo()
    tab.kept(0)
    # The worker is free at once, and Esc stops a search as well.
    tab.find("#everything").click()
    tab.find("#count").filter(has_text=re.compile("^[1-9]")).wait_for()
    tab.find("#board").focus()
    tab.page.keyboard.press("Escape")
    tab.find("#next").filter(has_text="Stopped.").wait_for()
    tab.click(66, 57)
    tab.proposed()
    tab.page.keyboard.press("Escape")
    # Another image ends it, and has nothing of it, also not to take back.
    tab.find("#everything").click()
    tab.find(".task button").last.wait_for()
    tab.open(fresh(9))
    tab.find("#everything:enabled").wait_for()
    tab.kept(0)
    assert tab.find("#undo").is_disabled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(visit: Opens, data_dir: Path, fresh: Callable[[int], Path], scheme: str) -> None:
    tab = visit(color_scheme=scheme)
    tab.page.evaluate((data_dir / "axe" / "axe.min.js").read_text(encoding="utf-8") + "; 0")

    # Nothing but colours differs in the dark.
    rules = {"runOnly": ["color-contrast"]} if scheme == "dark" else {}

    def check(where: str) -> None:
        found: dict[str, Any] = tab.page.evaluate("(rules) => axe.run(rules)", rules)
        wrong = [
            (where, item["id"], [node["html"][:120] for node in item["nodes"]])
            for item in found["violations"]
            if item["impact"] in {"serious", "critical"}
        ]
        assert wrong == []
        assert len(found["passes"]) > (0 if rules else 10)

    check("empty")
    tab.open(fresh(7))
    tab.click(90, 70)
    tab.proposed()
    tab.page.keyboard.press("Enter")
    tab.kept(1)
    tab.click(80, 60)
    tab.proposed()
    check("objects and a proposal")
    for name, ready in (("open", "#recent button"), ("models", ".model"), ("help", "#help-dialog tr")):
        tab.find(f"#{name}").click()
        tab.find(ready).first.wait_for()
        check(name)
        tab.page.keyboard.press("Escape")
