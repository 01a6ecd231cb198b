"""Whom a download believes: certificates, redirects, proxies. More of the table of ``-k download_faults``."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import trustme
from fakes.file_server import Fault, FileServer, serve, serve_asking_proxy
from faulty import CONTENT, HALF, HASHES, QUICK, SIZE, source

from samj_bridge.download import Source, fetch
from samj_bridge.errors import DownloadError, InputError
from samj_bridge.settings import Settings


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def encrypted(authority: trustme.CA) -> Iterator[FileServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with serve(FileServer({"/a.bin": CONTENT}), context) as running:
        yield running


@pytest.fixture
def trusting(settings: Settings, authority: trustme.CA, tmp_path: Path) -> Settings:
    bundle = tmp_path / "laboratory ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    return replace(settings, ca_bundle=str(bundle))


def test_download_faults_certificate_of_an_unknown_authority(
    encrypted: FileServer, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(DownloadError, match="certificate can't be trusted") as caught:
        fetch(source(encrypted), tmp_path / "a.bin", settings=settings, policy=QUICK)
    assert caught.value.code == "tls"
    assert "SAMJ_CA_BUNDLE" in caught.value.hint
    assert encrypted.requests == [], "nothing is said to a server that can't be trusted"


@pytest.mark.parametrize("kind", ["self_signed", "expired"])
def test_download_faults_certificates_that_nobody_should_believe(
    kind: str, authority: trustme.CA, trusting: Settings, tmp_path: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if kind == "expired":
        past = datetime(2020, 1, 1, tzinfo=timezone.utc)
        old = authority.issue_cert("localhost", not_before=past, not_after=past + timedelta(days=1))
        old.configure_cert(context)
    else:
        pem = tmp_path / "own.pem"
        own = trustme.CA()
        pem.write_bytes(own.private_key_pem.bytes() + own.cert_pem.bytes())
        context.load_cert_chain(pem)
    with serve(FileServer({"/a.bin": CONTENT}), context) as server:
        with pytest.raises(DownloadError, match=r"can't be trusted .*(self-signed|self signed|expired)") as caught:
            fetch(source(server), tmp_path / "a.bin", settings=trusting, policy=QUICK)
        assert caught.value.code == "tls"
        assert server.requests == []


def test_download_faults_certificate_of_another_host(
    encrypted: FileServer, trusting: Settings, tmp_path: Path
) -> None:
    other = replace(source(encrypted), urls=(encrypted.url.replace("localhost", "127.0.0.1") + "/a.bin",))
    with pytest.raises(DownloadError, match=r"certificate can't be trusted .*(mismatch|not valid)") as caught:
        fetch(other, tmp_path / "a.bin", settings=trusting, policy=QUICK)
    assert caught.value.code == "tls"


def test_download_faults_certificate_of_the_laboratorys_own_is_trusted_when_named(
    encrypted: FileServer, trusting: Settings, tmp_path: Path
) -> None:
    encrypted.faults = [Fault("cut", HALF)]
    only_encrypted = replace(source(encrypted), allow_http=False)
    assert fetch(only_encrypted, tmp_path / "a.bin", settings=trusting, policy=QUICK).as_hashes() == HASHES


@pytest.mark.parametrize("variable", ["SAMJ_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_download_faults_certificates_are_found_in_the_usual_variables(
    variable: str, encrypted: FileServer, trusting: Settings, tmp_path: Path
) -> None:
    settings = Settings.from_environment({variable: trusting.ca_bundle}, home=tmp_path / "home")
    fetch(source(encrypted), tmp_path / "a.bin", settings=settings, policy=QUICK)


def test_download_faults_certificates_that_are_no_certificates(
    encrypted: FileServer, settings: Settings, tmp_path: Path
) -> None:
    for path in (tmp_path / "missing.pem", tmp_path / "text.pem"):
        with pytest.raises(InputError, match="can't be read") as caught:
            fetch(source(encrypted), tmp_path / "a", settings=replace(settings, ca_bundle=str(path)), policy=QUICK)
        assert str(path) in caught.value.message
        (tmp_path / "text.pem").write_text("no certificate")


def test_download_faults_redirect_to_http(
    server: FileServer, encrypted: FileServer, trusting: Settings, tmp_path: Path
) -> None:
    encrypted.always = Fault("redirect", text=f"{server.url}/a.bin")
    # Not even for an own catalog: who names an https address wants it encrypted.
    with pytest.raises(DownloadError, match="which is not encrypted") as caught:
        fetch(source(encrypted), tmp_path / "a.bin", settings=trusting, policy=QUICK)
    assert caught.value.code == "redirect"
    assert server.requests == []


def test_download_faults_redirects_to_https_and_from_one_http_mirror_to_another_are_followed(
    server: FileServer, encrypted: FileServer, trusting: Settings, tmp_path: Path
) -> None:
    with serve(FileServer(always=Fault("redirect", text=f"{encrypted.url}/a.bin?token=secret"))) as first:
        encrypted.files["/a.bin?token=secret"] = CONTENT
        fetch(source(first), tmp_path / "a.bin", settings=trusting, policy=QUICK)
    with serve(FileServer(always=Fault("redirect", text=f"{server.url}/a.bin"))) as second:
        fetch(source(second), tmp_path / "b.bin", settings=trusting, policy=QUICK)
    assert (tmp_path / "b.bin").read_bytes() == (tmp_path / "a.bin").read_bytes() == CONTENT.bytes()


def test_download_faults_plain_http_is_for_mirrors_of_the_users_own_only() -> None:
    with pytest.raises(InputError, match="does not start with https"):
        Source(("http://127.0.0.1/a.bin",), "a.bin", hashes=HASHES)
    for address in ("ftp://127.0.0.1/a.bin", "file:///etc/passwd", "a.bin"):
        with pytest.raises(InputError, match="does not start with https"):
            Source((address,), "a.bin", hashes=HASHES, allow_http=True)


@pytest.mark.parametrize("how", ["setting", "variable"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_download_faults_proxy_that_demands_credentials(
    how: str, scheme: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = Source((f"{scheme}://models.invalid/a.bin",), "a.bin", SIZE, HASHES, allow_http=True)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with serve_asking_proxy() as proxy:
        if how == "variable":
            monkeypatch.setenv(f"{scheme}_proxy", proxy)
        else:
            settings = replace(settings, proxy=proxy)
        with pytest.raises(DownloadError, match="the proxy wants a name and a password") as caught:
            fetch(wanted, tmp_path / "a.bin", settings=settings, policy=QUICK)
    assert caught.value.code == "proxy"
    assert "SAMJ_PROXY=" in caught.value.hint


def test_download_faults_proxy_is_not_asked_for_what_no_proxy_names(
    server: FileServer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve_asking_proxy() as proxy:
        fetch(source(server), tmp_path / "a.bin", settings=replace(settings, proxy=proxy), policy=QUICK)
        monkeypatch.setenv("http_proxy", proxy)
        fetch(source(server), tmp_path / "b.bin", settings=settings, policy=QUICK)


def test_download_faults_proxy_with_an_address_that_can_not_be_used(
    server: FileServer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"'proxy\.example:8080' can't be used"):
        fetch(source(server), tmp_path / "a", settings=replace(settings, proxy="proxy.example:8080"), policy=QUICK)
    monkeypatch.setenv("http_proxy", "gopher://proxy.example:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(DownloadError, match="gopher"):
        fetch(source(server), tmp_path / "a", settings=settings, policy=QUICK)
