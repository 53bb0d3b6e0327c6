"""Nothing is sent to an address that is not public, however it is written, unless the operator lists it."""

import socket
from typing import Any

import pytest

from portal.checks import settings_are_meant
from subscriptions.push import addresses
from subscriptions.push.addresses import Forbidden, is_public, real, resolve
from subscriptions.push.outgoing import Line
from tests.subscriptions.partner_server import PartnerServer, Reply, Request

NOT_PUBLIC = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254", "127.0.0.1",
    "127.255.255.254", "169.254.169.254", "169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.170",
    "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:10.0.0.1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0:1", "::127.0.0.1", "::a00:1", "64:ff9b::a00:1",
    "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1",
    "2001:10::1", "2001:20::1", "2002:7f00:1::1", "2002:a00:1::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254",
    "fdff::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "4000::1", "::ffff:0:127.0.0.1",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
    "128.0.0.0", "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0",
    "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1111", "2a00:1450:4001:800::200e",
    "2400:cb00:2048:1::c629:d7a2", "::ffff:8.8.8.8",
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_these_are_not_public(text: str) -> None:
    assert not is_public(real(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_these_are(text: str) -> None:
    assert is_public(real(text))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "0", "::1",
     "::ffff:127.0.0.1", "0:0:0:0:0:ffff:7f00:1", "169.254.169.254", "10.1", "192.168.257"],
)  # fmt: skip
def test_a_host_is_what_it_is_looked_up_as(host: str) -> None:
    with pytest.raises(Forbidden):
        resolve(host, 443, encrypted=True)


def looked_up_as(monkeypatch: pytest.MonkeyPatch, *found: str) -> list[str]:
    """Has every name be these addresses; what is asked for is noted."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        kinds = [socket.AF_INET6 if ":" in text else socket.AF_INET for text in found]
        return [(kind, socket.SOCK_STREAM, 6, "", (text, port)) for kind, text in zip(kinds, found, strict=True)]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", getaddrinfo)
    return asked


def test_one_private_address_of_several_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up_as(monkeypatch, "8.8.8.8", "2606:4700::1111")
    assert [where for _, where in resolve("x", 443, encrypted=True)] == [("8.8.8.8", 443), ("2606:4700::1111", 443)]
    looked_up_as(monkeypatch, "8.8.8.8", "10.0.0.1")
    with pytest.raises(Forbidden):
        resolve("x", 443, encrypted=True)


def test_what_the_operator_lists_may_be_asked(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PUSH_ALLOWED_NETWORKS = ["10.1.0.0/16", "fd00::/8", "no network"]
    for text, fine in (("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("fd00::1", True), ("10.2.0.1", False)):
        looked_up_as(monkeypatch, text)
        if fine:
            assert resolve("x", 80, encrypted=False)
        else:
            with pytest.raises(Forbidden):
                resolve("x", 80, encrypted=False)


def test_a_token_is_not_sent_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up_as(monkeypatch, "8.8.8.8")
    assert resolve("x", 443, encrypted=True)
    with pytest.raises(Forbidden, match="not encrypted"):
        resolve("x", 80, encrypted=False)


def test_a_name_is_looked_up_once_and_the_address_checked_is_asked(
    server: PartnerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that answers otherwise the second time has no second time."""
    asked = looked_up_as(monkeypatch, "127.0.0.1")
    with Line() as line:
        url = f"http://partner.example:{server.http.server_port}/x"
        assert line.ask("GET", url, {}).ok
        assert line.ask("GET", url, {}).ok
    assert asked == ["partner.example"]
    assert server.received[0].headers["Host"] == f"partner.example:{server.http.server_port}"


def test_nothing_is_sent_where_it_must_not(server: PartnerServer, settings: Any) -> None:
    settings.PUSH_ALLOWED_NETWORKS = []
    with Line() as line:
        answer = line.ask("PUT", f"{server.url}/x", {}, b"{}")
    assert (answer.http, answer.ok, server.received) == (None, False, [])
    assert str(answer) == "this is never sent to: 127.0.0.1 is no public address"


def test_redirections_are_not_followed(server: PartnerServer) -> None:
    def answer(request: Request) -> Reply:
        return Reply(307, headers={"Location": f"{server.url}/elsewhere"})

    server.answer = answer
    with Line() as line:
        assert str(line.ask("PUT", f"{server.url}/x", {}, b"{}")) == "HTTP 307: a redirection, which is not followed"
    assert server.told() == [("PUT", "/x")]


def test_no_proxy_of_the_environment_is_used(server: PartnerServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Line() as line:
        assert line.ask("GET", f"{server.url}/x", {}).ok


@pytest.mark.parametrize(
    "url",
    ["", "ftp://a/b", "file:///etc/passwd", "http://", "http://[::1", "http://a:99999/", "//a", "gopher://a", "x"],
)
def test_what_is_no_url_is_not_asked(url: str) -> None:
    with Line() as line:
        assert line.ask("GET", url, {}).http is None


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [("PUSH_ALLOWED_NETWORKS", ["10.0.0.0/8", "10.0.0.1/8"], "E012"), ("PUSH_ALLOWED_NETWORKS", ["x"], "E012"),
     ("OCPI_PARTY", "nl-chw", "E013"), ("OCPI_PARTY", "NLCHW", "E013")],
)  # fmt: skip
def test_wrong_settings_are_said(settings: Any, name: str, value: Any, code: str) -> None:
    def said() -> list[str]:
        return [str(message.id) for message in settings_are_meant(None) if name in message.msg]

    assert said() == []
    setattr(settings, name, value)
    assert said() == [f"chargeward.{code}"]
