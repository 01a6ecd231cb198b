"""Installing with uv as in a company: through a proxy with a password, with certificates of its own CA."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from fakes.package_index import PackageIndex, offer_cpu_build, serve, tiny_specification
from fakes.servers import Proxy, serve_web

from samj_bridge.errors import NetworkError
from samj_bridge.install import ensure_environment
from samj_bridge.install.specification import Specification
from samj_bridge.settings import Settings

PASSWORD = "Basic " + base64.b64encode(b"me:p@ss").decode()


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv cache"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    made = trustme.CA(organization_name="Company Inspection")
    made.cert_pem.write_to_path(str(tmp_path / "company ca é.pem"))
    return made


def context_of(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def pypi(authority: trustme.CA) -> Iterator[PackageIndex]:
    with serve(PackageIndex(), context_of(authority)) as index:
        yield index


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with serve_web(Proxy(credentials=PASSWORD)) as served:
        assert isinstance(served, Proxy)
        yield served


@pytest.fixture
def tiny(tmp_path: Path, pypi: PackageIndex) -> Specification:
    return tiny_specification(tmp_path / "envs", pypi)


@pytest.fixture
def settings(tmp_path: Path, pypi: PackageIndex, proxy: Proxy, authority: trustme.CA) -> Settings:
    return Settings(
        home=tmp_path / "home",
        pypi_index=pypi.url,
        torch_index="",
        builder="uv",
        device="cpu",
        proxy=proxy.url.replace("http://", "http://me:p%40ss@").rstrip("/"),
        ca_bundle=str(tmp_path / "company ca é.pem"),
    )


def make(settings: Settings, tiny: Specification) -> dict[str, str]:
    return dict(ensure_environment(settings, name="tiny", specification=tiny).packages)


def test_everything_is_fetched_through_the_proxy_and_checked_with_the_companys_certificate(
    settings: Settings, tiny: Specification, pypi: PackageIndex, proxy: Proxy
) -> None:
    assert make(settings, tiny)["tiny"] == "1.0"
    address = pypi.url.removeprefix("https://").partition("/")[0]
    assert set(proxy.requests) == {f"CONNECT {address}"}
    assert any("tiny" in request for request in pypi.requests)


def test_torchs_own_index_is_asked_in_the_same_way(
    settings: Settings, tiny: Specification, proxy: Proxy, authority: trustme.CA
) -> None:
    with serve(PackageIndex(), context_of(authority)) as cpu_index:
        offer_cpu_build(cpu_index)
        packages = make(replace(settings, torch_index=cpu_index.url), tiny)
        assert packages["torch"] == "1.0+cpu"
        address = cpu_index.url.removeprefix("https://").partition("/")[0]
        assert f"CONNECT {address}" in proxy.requests


@pytest.mark.parametrize("trouble", ["no certificate", "no password", "blocked"])
def test_what_the_company_does_not_let_through_is_a_network_error_and_leaves_nothing(
    trouble: str, settings: Settings, tiny: Specification, proxy: Proxy
) -> None:
    if trouble == "no certificate":
        settings = replace(settings, ca_bundle="")
    elif trouble == "no password":
        settings = replace(settings, proxy=proxy.url.rstrip("/"))
    else:
        proxy.refused = True
    with pytest.raises(NetworkError) as caught:
        make(settings, tiny)
    assert "HTTPS_PROXY" in caught.value.hint
    assert "SSL_CERT_FILE" in caught.value.hint
    folder = settings.envs_dir / "tiny"
    assert [path for path in folder.iterdir() if path.is_dir()] == []
