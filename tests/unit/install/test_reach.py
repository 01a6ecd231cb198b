"""What stands between this machine and a server is told apart: real sockets, a real CA, a real proxy."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import trustme
from fakes.servers import Proxy, WebServer, serve_web

from samj_bridge.doctor.network import check_network, explain
from samj_bridge.install.certificate import issuer_of
from samj_bridge.install.reach import Answer, ask, ask_all, forget_answers
from samj_bridge.settings import Settings


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    forget_answers()
    yield
    forget_answers()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(organization_name="Company Inspection")


def context_of(authority: trustme.CA, **options: datetime) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", **options).configure_cert(context)
    return context


def test_a_server_that_answers_is_told_with_its_clock(settings: Settings) -> None:
    with serve_web(WebServer(clock_off=timedelta(hours=-3))) as server:
        answer = ask(server.url, settings)
    assert answer.ok
    assert answer.clock_ahead_s is not None
    assert 3 * 3600 - 10 < answer.clock_ahead_s < 3 * 3600 + 10


@pytest.mark.parametrize(("status", "ok"), [(200, True), (302, True), (405, True), (404, False), (503, False)])
def test_an_error_is_no_answer_but_an_unknown_question_is(status: int, ok: bool, settings: Settings) -> None:
    with serve_web(WebServer(status=status)) as server:
        answer = ask(server.url, settings)
    assert answer.ok == ok
    assert ok or str(status) in answer.reason


def test_what_can_never_answer_is_told_apart(settings: Settings, tmp_path: Path) -> None:
    assert ask("http://127.0.0.1:9/", settings).kind == "connection"
    assert ask("http://no-such-host.invalid/", settings).kind == "name"
    assert ask("ftp://127.0.0.1/", settings).kind == "address"
    assert ask(tmp_path.as_uri(), settings).ok
    assert not ask((tmp_path / "none").as_uri(), settings).ok


def test_all_are_asked_at_once_and_none_twice(settings: Settings) -> None:
    with serve_web(WebServer(silent=True)) as silent, serve_web(WebServer()) as good:
        urls = [f"{silent.url}{number}" for number in range(6)] + [good.url]
        answers = ask_all(urls, settings, timeout_s=4.0)
        assert [answers[url].ok for url in urls] == [False] * 6 + [True]
        # In turn, the first of the silent ones would have used up the time of all.
        assert sorted(silent.requests) == [f"HEAD /{number}" for number in range(6)]
        assert ask_all(urls, settings, timeout_s=4.0) == answers
        assert good.requests == ["HEAD /"]
        assert len(silent.requests) == 6
        forget_answers()
        assert ask_all([good.url], settings)[good.url].ok
        assert len(good.requests) == 2


def test_an_unknown_authority_is_named_and_trusted_once_its_file_is_set(
    settings: Settings, authority: trustme.CA, tmp_path: Path
) -> None:
    with serve_web(WebServer(), context_of(authority)) as server:
        answer = ask(server.url, settings)
        assert (answer.kind, answer.issuer) == ("tls", "Company Inspection")
        finding = explain(answer, "uv", needed=True)
        assert finding.status == "broken"
        assert "Company Inspection" in finding.mend
        assert "SAMJ_CA_BUNDLE" in finding.mend
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        trusting = Settings(home=settings.home, ca_bundle=str(tmp_path / "ca.pem"))
        assert ask(server.url, trusting).ok
        missing = Settings(home=settings.home, ca_bundle=str(tmp_path / "none.pem"))
        assert "does not exist" in ask(server.url, missing).reason


def test_a_certificate_that_is_too_old_points_to_the_clock(
    settings: Settings, authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    trusting = Settings(home=settings.home, ca_bundle=str(tmp_path / "ca.pem"))
    past = datetime.now(timezone.utc) - timedelta(days=1)
    with serve_web(WebServer(), context_of(authority, not_after=past)) as server:
        answer = ask(server.url, trusting)
    assert answer.kind == "tls"
    assert "date and time" in explain(answer, "uv", needed=False).mend


def test_a_proxy_that_wants_a_password_says_so_and_takes_it(
    settings: Settings, authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    wanted = "Basic " + base64.b64encode(b"me:p@ss").decode()
    with serve_web(Proxy(credentials=wanted)) as proxy, serve_web(WebServer(), context_of(authority)) as server:
        address = proxy.url.removeprefix("http://").rstrip("/")
        options = {"home": settings.home, "ca_bundle": str(tmp_path / "ca.pem")}
        refused = ask(server.url, Settings(proxy=f"http://{address}", **options))  # type: ignore[arg-type]
        assert refused.kind == "proxy-credentials"
        assert "user:password@" in explain(refused, "uv", needed=True).mend
        let_in = ask(server.url, Settings(proxy=f"http://me:p%40ss@{address}", **options))  # type: ignore[arg-type]
        assert let_in.ok, let_in
        assert len(server.requests) == 1


def test_a_proxy_that_blocks_a_server_is_told_apart_from_one_that_is_gone(settings: Settings) -> None:
    with serve_web(Proxy(refused=True)) as proxy:
        blocked = ask("https://pypi.example/", Settings(home=settings.home, proxy=proxy.url))
    assert blocked.kind == "proxy"
    assert "403" in blocked.reason
    gone = ask("https://pypi.example/", Settings(home=settings.home, proxy="127.0.0.1:9"))
    assert gone.kind == "connection"
    assert "proxy 127.0.0.1:9" in gone.reason


def test_plain_addresses_go_through_the_proxy_of_the_variables_too(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_web(Proxy(status=407)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        answer = ask("http://pypi.example/simple/", settings)
        assert proxy.requests == ["HEAD http://pypi.example/simple/"]
    assert answer.kind == "proxy-credentials"


def test_without_a_network_something_is_broken_only_where_there_is_no_environment_yet(
    settings: Settings, ready_home: Path
) -> None:
    offline = {"proxy": "http://127.0.0.1:9", "builder": "uv"}
    found = list(check_network(Settings(home=settings.home, **offline)))  # type: ignore[arg-type]
    assert {finding.status for finding in found} == {"broken"}
    found = list(check_network(Settings(home=ready_home, **offline)))  # type: ignore[arg-type]
    assert {finding.status for finding in found} == {"warning"}


def test_a_clock_that_is_hours_off_is_a_finding(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_web(WebServer(clock_off=timedelta(hours=5))) as server:
        away = Settings(home=settings.home, pypi_index=f"{server.url}simple", channels=(server.url.rstrip("/"),))
        found = list(check_network(away))
    (clock,) = [finding for finding in found if finding.check == "clock"]
    assert "5 hours behind" in clock.message


@pytest.mark.parametrize("cut", [0, 1, 30, 200])
def test_a_certificate_that_is_no_certificate_has_no_issuer(authority: trustme.CA, cut: int) -> None:
    der = ssl.PEM_cert_to_DER_cert(authority.cert_pem.bytes().decode())
    assert issuer_of(der) == "Company Inspection"
    assert issuer_of(der[:cut]) == ""


@pytest.mark.parametrize("kind", ["name", "connection", "time", "status", "proxy", "address", "tls"])
def test_every_kind_of_failure_has_a_way_out(kind: str) -> None:
    finding = explain(Answer("https://x.example/", kind, "because"), "uv", needed=False)
    assert finding.status == "warning"
    assert "x.example" in finding.message
    assert finding.mend
