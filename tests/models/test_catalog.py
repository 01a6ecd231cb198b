"""The catalog: what is in it, what a laboratory can add, and every mistake of a file told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from samj_bridge.download import ALGORITHMS
from samj_bridge.errors import ModelError
from samj_bridge.models import ModelEntry, catalog, find_model, weights_file
from samj_bridge.models.catalog import packaged_catalog, read_catalog
from samj_bridge.models.document import document, replace_between_markers
from samj_bridge.settings import Settings

GOOD = """
[lab-model]
title = "Ours"
family = "sam"
architecture = "sam-vit-b"
transform = "sam"
prompts = ["box"]
licence = "CC-BY-4.0"
url = "http://intranet.example/lab.pth"
hashes = ["md5:00000000000000000000000000000000"]
"""


@pytest.fixture
def lab(tmp_path: Path, settings: Settings) -> tuple[Path, Settings]:
    path = tmp_path / "our catalog é.toml"
    path.write_text(GOOD, encoding="utf-8")
    return path, Settings(home=settings.home, catalog=str(path))


@pytest.mark.parametrize("entry", packaged_catalog().values(), ids=lambda entry: entry.id)
def test_every_model_says_what_it_is_and_what_it_is_good_for(entry: ModelEntry) -> None:
    assert entry.title
    assert entry.good_for
    assert entry.not_for
    assert entry.citation
    assert entry.licence or entry.licence_note
    assert entry.file is not None or entry.hashes
    assert entry.file is not None or entry.offered_name
    assert entry.is_packaged or entry.homepage.startswith("https://")


def test_the_models_that_people_ask_for_are_there() -> None:
    asked = {"starter", "sam-vit-b", "sam-vit-l", "sam-vit-h", "mobile-sam", "efficient-sam-ti", "efficient-sam-s"}
    asked |= {"medsam", "cellsam", "micro-sam-vit-b-lm", "micro-sam-vit-b-em-organelles", "sam2.1-tiny"}
    assert asked <= set(packaged_catalog())
    assert len(packaged_catalog()) >= 24


def test_one_model_is_recommended_for_each_kind_of_image() -> None:
    kinds = [item.image for entry in packaged_catalog().values() for item in entry.recommended]
    assert len(kinds) >= 4
    assert len(set(kinds)) == len(kinds)
    best = [
        entry.id for entry in packaged_catalog().values() if "cells, light microscopy" in str(entry.recommended)
    ]
    assert best == ["micro-sam-vit-b-lm"]


def test_what_is_unknown_stays_unknown() -> None:
    entry = find_model("micro-sam-vit-b-lm")
    assert (entry.licence, entry.size) == ("", None)
    assert entry.asks_licence
    assert "unknown" in entry.licence_text
    assert find_model("cellsam").asks_licence
    assert not find_model("sam-vit-b").asks_licence
    assert not find_model("starter").asks_licence


def test_hashes_of_several_kinds_are_there() -> None:
    kinds = {item.partition(":")[0] for entry in packaged_catalog().values() for item in entry.hashes}
    assert {"sha256", "md5", "xxh128", "git-blob"} <= kinds <= set(ALGORITHMS)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("sam-vit-xl", "sam-vit-l"), ("SAM_ViT_B", "sam-vit-b"), ("mobilesam", "mobile-sam"), ("sam2", "sam2.1-tiny"),
     ("microsam-vit-b-lm", "micro-sam-vit-b-lm"), ("MedSam", "medsam")],
)  # fmt: skip
def test_an_unknown_model_is_answered_with_the_nearest_ones(typed: str, meant: str) -> None:
    with pytest.raises(ModelError, match=f"no model '{typed}'") as caught:
        find_model(typed)
    assert caught.value.code == "unknown-model"
    assert meant in caught.value.hint
    assert "models list" in caught.value.hint


def test_a_name_like_nothing_is_answered_with_all_there_are() -> None:
    with pytest.raises(ModelError) as caught:
        find_model("qqq")
    assert "starter" in caught.value.hint


def test_the_catalog_can_not_be_changed_by_accident() -> None:
    with pytest.raises(TypeError):
        catalog()["x"] = find_model("starter")  # type: ignore[index]


def test_the_packaged_weights_are_there_and_small() -> None:
    size = weights_file(find_model("starter")).stat().st_size
    assert 1e5 < size < 8e6


def test_a_laboratory_adds_its_own_models_over_plain_http(lab: tuple[Path, Settings]) -> None:
    path, settings = lab
    entry = find_model("lab-model", settings)
    assert entry.origin == str(path)
    assert entry.offered_name == "lab.pth"
    assert "sam-vit-b" in catalog(settings)
    assert "lab-model" not in catalog(Settings(home=settings.home))


def test_a_laboratorys_entry_takes_the_place_of_ours(lab: tuple[Path, Settings]) -> None:
    path, settings = lab
    path.write_text(GOOD.replace("lab-model", "sam-vit-b"), encoding="utf-8")
    assert find_model("sam-vit-b", settings).url == "http://intranet.example/lab.pth"
    assert find_model("sam-vit-b", Settings(home=settings.home)).url.startswith("https://")


def test_every_problem_of_a_catalog_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(
        """
        ["Bad Id"]
        title = "x"
        [missing]
        title = "x"
        colour = "red"
        [kinds]
        title = ""
        family = "sam"
        architecture = "sam-vit-b"
        transform = "sam"
        prompts = "box"
        size = -1
        recommended = [{ image = "cells" }]
        [meaning]
        title = "x"
        family = "sam"
        architecture = "sam2.1-tiny"
        transform = "sam"
        prompts = ["text"]
        hashes = ["crc:12", "md5:12", "md5:00000000000000000000000000000000"]
        url = "ftp://x/y"
        obtain = "ask"
        archive = "rar"
        member_size = 3
        [network]
        title = "x"
        family = "sam"
        architecture = "sam-huge"
        transform = "sam"
        prompts = []
        url = "https://x/y"
        decoder_url = "ftp://x/z"
        decoder_hashes = ["sha256:12"]
        [meaningless]
        title = "x"
        family = "sam"
        architecture = "sam-vit-b"
        transform = "sam"
        prompts = ["box"]
        obtain = "ask"
        decoder_hashes = []
        """,
        encoding="utf-8",
    )
    with pytest.raises(ModelError) as caught:
        read_catalog(path)
    text = caught.value.message
    for part in (
        "[Bad Id] its id",
        "[missing] does not know the field 'colour'",
        "[missing] lacks the field 'family'",
        "[missing] lacks the field 'prompts'",
        "[kinds] title is ''",
        "[kinds] prompts is 'box', not a list",
        "[kinds] size is -1",
        "[kinds] recommended holds",
        "[meaning] 'sam2.1-tiny' is of the family 'sam2', not 'sam'",
        "[meaning] its prompts 'text'",
        "[meaning] the hash 'crc:12'",
        "[meaning] the hash 'md5:12' does not have 32 digits",
        "[meaning] has two hashes of one kind",
        "[meaning] 'ftp://x/y' is no https or http address",
        "[meaning] needs exactly one of url, file and obtain",
        "[meaning] its archive 'rar'",
        "[meaning] needs both of archive and member",
        "[network] its architecture 'sam-huge'",
        "[network] takes no prompts",
        "[network] 'ftp://x/z' is no https or http address",
        "[network] the hash 'sha256:12' does not have 64 digits",
        "[meaningless] has decoder_hashes, but no decoder_url",
    ):
        assert part in text, part
    assert caught.value.details["problems"]
    assert len(caught.value.details["problems"]) >= 19


def test_plain_http_is_for_catalogs_of_ones_own_only(lab: tuple[Path, Settings]) -> None:
    with pytest.raises(ModelError, match="no https address"):
        read_catalog(lab[0], plain_http=False)


def test_two_models_can_not_both_be_the_one_to_start_with(tmp_path: Path) -> None:
    path = tmp_path / "two.toml"
    one = GOOD + '[[lab-model.recommended]]\nimage = "worms"\nreason = "ours"\n'
    path.write_text(one + one.replace("lab-model", "other"), encoding="utf-8")
    with pytest.raises(ModelError, match=r"lab-model, other are all recommended for 'worms'"):
        read_catalog(path)


@pytest.mark.parametrize("content", [b"[half", b"\xff\xfe", None], ids=["no toml", "no text", "no file"])
def test_a_catalog_that_can_not_be_read_is_named(tmp_path: Path, content: bytes | None, settings: Settings) -> None:
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        catalog(Settings(home=settings.home, catalog=str(path)))
    assert caught.value.code == "bad-catalog"
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_the_page_of_models_is_what_the_catalog_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "models.md").read_text(encoding="utf-8")
    made = replace_between_markers(page, document(list(packaged_catalog().values())))
    assert page == made, "run: python -m samj_bridge.models.document docs/reference/models.md"
    for entry in packaged_catalog().values():
        assert entry.citation in page
        assert all(item in page for item in entry.hashes)
