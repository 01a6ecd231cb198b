"""'auto' takes the first builder whose servers answer, quickly, and says which and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.beds import Bed, make_bed

from samj_bridge.errors import InputError, InstallError
from samj_bridge.install import ensure_environment
from samj_bridge.install.builders.base import choose_builder
from samj_bridge.install.reach import forget_answers
from samj_bridge.install.specification import Specification
from samj_bridge.settings import Settings


@pytest.fixture
def bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bed]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "bed" / "uv cache"))
    forget_answers()
    with make_bed("micromamba", tmp_path / "bed") as made:
        yield made
    forget_answers()


@pytest.fixture
def settings(bed: Bed, tmp_path: Path) -> Settings:
    return replace(bed.settings(tmp_path / "home"), builder="auto", torch_index="")


@pytest.fixture
def tiny(bed: Bed) -> Specification:
    return bed.specification("envs")


def chosen(settings: Settings, tiny: Specification, wanted: str | None = None) -> tuple[str, str]:
    builder, why = choose_builder(wanted, tiny, settings)
    return builder.name, why


def test_micromamba_is_taken_where_its_channel_answers(settings: Settings, tiny: Specification) -> None:
    assert chosen(settings, tiny) == ("micromamba", "micromamba: its servers answer")


def test_uv_is_taken_where_the_channel_does_not_answer_and_the_line_says_so(
    settings: Settings, tiny: Specification, bed: Bed
) -> None:
    assert bed.channel is not None
    bed.channel.status = 403
    name, why = chosen(settings, tiny)
    assert name == "uv"
    assert why == "uv: its servers answer; micromamba can't reach 127.0.0.1 (status 403)"


def test_where_nothing_answers_uv_tries_what_it_kept(settings: Settings, tiny: Specification) -> None:
    gone = replace(settings, channels=("http://127.0.0.1:9/channel",), pypi_index="http://127.0.0.1:9/simple")
    name, why = chosen(gone, tiny)
    assert name == "uv"
    assert "no server can be reached, trying its cache" in why


def test_a_micromamba_that_is_none_is_passed_over_with_the_reason(
    settings: Settings, tiny: Specification, tmp_path: Path
) -> None:
    (tmp_path / "pixi").write_text("#!/bin/sh\necho 'pixi: download images'\n")
    (tmp_path / "pixi").chmod(0o755)
    name, why = chosen(replace(settings, micromamba=str(tmp_path / "pixi")), tiny)
    assert name == "uv"
    assert "it is not micromamba" in why
    with pytest.raises(InstallError, match="it is not micromamba"):
        chosen(replace(settings, micromamba=str(tmp_path / "pixi")), tiny, "micromamba")


def test_a_channel_that_is_no_address_stops_auto_as_well(settings: Settings, tiny: Specification) -> None:
    with pytest.raises(InputError, match="neither a name nor a URL"):
        chosen(replace(settings, channels=("conda.example/x y",)), tiny)


def test_asked_for_by_name_no_server_is_asked_first(settings: Settings, tiny: Specification, bed: Bed) -> None:
    bed.requests.clear()
    assert chosen(settings, tiny, "uv") == ("uv", "uv: asked for")
    assert chosen(replace(settings, builder="micromamba"), tiny) == ("micromamba", "micromamba: asked for")
    assert bed.requests == []


def test_a_healthy_environment_asks_nobody(settings: Settings, tiny: Specification, bed: Bed) -> None:
    made = ensure_environment(settings, name="tiny", specification=tiny)
    assert made.builder == "micromamba"
    assert made.notes[0] == "micromamba: its servers answer"
    forget_answers()
    assert bed.channel is not None
    bed.channel.requests.clear()
    bed.pypi.requests.clear()
    assert ensure_environment(settings, name="tiny", specification=tiny) == made
    assert bed.requests == []
