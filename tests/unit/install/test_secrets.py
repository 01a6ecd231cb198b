"""Addresses with a name, a password, a token: shown with stars, handed on bare, and put back from the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from samj_bridge.install.builders.micromamba.channels import as_published, channel_of, with_secrets
from samj_bridge.install.builders.micromamba.installing import forget_secrets
from samj_bridge.install.locks.explicit import parse_package
from samj_bridge.install.secrets import bare_url, has_secrets, hide, strip
from samj_bridge.settings import Settings

FORMS = {
    "https://me:pass@host/c": "https://host/c",
    "https://me:p%40ss@host:8443/c": "https://host:8443/c",
    "https://onlyatoken@host/c": "https://host/c",
    "https://host/t/tk-12-34/c": "https://host/c",
    "https://host/conda/t/tk/c": "https://host/conda/c",
    "https://host/c?token=a": "https://host/c",
    "https://host/c?X-Signature=a%2Fb&Expires=3": "https://host/c",
    "https://me:pass@host/t/tk/c?sig=a": "https://host/c",
}


@pytest.mark.parametrize(("channel", "bare"), FORMS.items())
def test_every_form_is_stripped_and_put_back(channel: str, bare: str) -> None:
    assert (has_secrets(channel), bare_url(channel)) == (True, bare)
    place, mark, query = channel.partition("?")
    package = parse_package(f"{place}/noarch/a-1-0.conda{mark}{query}#sha256:{'ab' * 32}")
    published = as_published(package, Settings())
    assert published.line == f"{bare}/noarch/a-1-0.conda#sha256:{'ab' * 32}"
    assert with_secrets(published, ["https://other/c", channel]).url == package.url
    assert strip(f"# a lock\n{package.line}\n") == f"# a lock\n{published.line}\n"
    assert not {"pass", "tk-12", "sig=", "token="} & set(hide(f"from {channel}/x").replace("/", " ").split())


@pytest.mark.parametrize(
    "url", ["https://host/c", "file:///home/t/abc/c", "https://host:8443/t-shirts/c", "conda-forge"]
)
def test_what_has_none_is_left_as_it_is(url: str) -> None:
    assert (has_secrets(url), bare_url(url), strip(url)) == (False, url, url)


def test_a_printed_address_is_found_in_its_channel_whatever_is_hidden_in_it() -> None:
    channels = ["https://me:pass@host/t/tk/c?sig=a", "https://other/c"]
    assert channel_of("https://me:*****@host/t/*****/c/noarch/a-1-0.conda", channels) == channels[0]
    assert channel_of("https://host/else/noarch/a-1-0.conda", channels) == ""


def test_a_mirror_with_a_password_is_published_as_conda_forge() -> None:
    settings = Settings(conda_mirror="https://me:pass@mirror/cf")
    package = parse_package(f"https://me:pass@mirror/cf/noarch/a-1-0.conda#{'ab' * 16}")
    assert as_published(package, settings).url == "https://conda.anaconda.org/conda-forge/noarch/a-1-0.conda"


def test_records_of_an_environment_forget_them(tmp_path: Path) -> None:
    record = tmp_path / "conda-meta" / "a-1-0.json"
    record.parent.mkdir()
    record.write_text(
        '{"url": "https://me:p%40ss@host/t/tk/c/noarch/a-1-0.conda", "channel": "https://me:p@ss@host/c"}'
    )
    forget_secrets(tmp_path, ["https://me:p%40ss@host/t/tk/c/noarch/a-1-0.conda"])
    assert record.read_text() == '{"url": "https://host/c/noarch/a-1-0.conda", "channel": "https://host/c"}'
