"""What leaves the house: each robot's own form and signature, which addresses are refused, what a no is called."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import socket
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from forgeline.notifications.sending import address, http
from forgeline.notifications.sending.dispatch import send
from forgeline.notifications.sending.letter import Letter, Target
from forgeline.notifications.sending.outcome import SendError
from forgeline.notifications.sending.robots import WECOM_BYTES, wecom
from forgeline.notifications.wording import REASONS
from tests.notifications.conftest import Mailbox, Robot

NOW_S = 1_772_000_000


def letter(**changed: Any) -> Letter:
    facts: dict[str, Any] = {
        "key": "fl-1-7", "title": "[High] Press <1> & [2](http://evil) is too hot", "lines": ["81.5 °C", "限值 80 °C"],
        "links": [("I take care of it", "https://plant.example/a/"), ("Open", "https://plant.example/b/")],
        "priority": "high", "language": "en", "facts": {"subject": "trial:42"},
    }  # fmt: skip
    return Letter(**(facts | changed))


def deliver(robot: Robot, via: str, secret: str = "", **changed: Any) -> Any:
    send(letter(**changed), Target(via, robot.url, secret), now_s=NOW_S)
    return robot.calls[-1]


def test_dingtalk_gets_markdown_and_its_signature(robot: Robot) -> None:
    call = deliver(robot, "dingtalk", "SEC42")
    assert call.body["msgtype"] == "markdown"
    text = call.body["markdown"]["text"]
    assert "[I take care of it](https://plant.example/a/)" in text
    # A machine's name cannot make a link of its own.
    assert "[2](http" not in text
    query = parse_qs(urlsplit(call.path).query)
    assert query["access_token"] == ["SesameHook"]
    stamp = str(NOW_S * 1000)
    expected = hmac.new(b"SEC42", f"{stamp}\nSEC42".encode(), hashlib.sha256).digest()
    assert query["timestamp"] == [stamp]
    assert base64.b64decode(query["sign"][0]) == expected
    assert call.headers["Idempotency-Key"] == "fl-1-7"
    assert "sign=" not in deliver(robot, "dingtalk").path


def test_feishu_gets_a_card_and_its_signature(robot: Robot) -> None:
    call = deliver(robot, "feishu", "SEC42")
    assert call.body["msg_type"] == "interactive"
    assert call.body["card"]["header"]["template"] == "orange"
    assert call.body["card"]["elements"][-1]["actions"][0]["url"] == "https://plant.example/a/"
    expected = hmac.new(f"{NOW_S}\nSEC42".encode(), b"", hashlib.sha256).digest()
    assert base64.b64decode(call.body["sign"]) == expected
    assert call.body["timestamp"] == str(NOW_S)
    assert "sign" not in deliver(robot, "feishu").body


def test_wecom_content_fits_and_keeps_its_links() -> None:
    short = wecom(letter(), "", NOW_S).body["markdown"]["content"]
    assert "限值 80 °C" in short
    long = wecom(letter(lines=["温度过高" * 2000]), "", NOW_S).body["markdown"]["content"]
    assert len(long.encode()) <= WECOM_BYTES
    assert "https://plant.example/a/" in long


def test_slack_gets_blocks_with_its_letters_escaped(robot: Robot) -> None:
    robot.answers.append((200, b"ok", {}))
    body = deliver(robot, "slack").body
    assert "Press &lt;1&gt; &amp;" in body["blocks"][0]["text"]["text"]
    assert body["blocks"][1]["elements"][0]["url"] == "https://plant.example/a/"


def test_teams_gets_an_adaptive_card(robot: Robot) -> None:
    robot.answers.append((202, b"", {}))
    card = deliver(robot, "teams").body["attachments"][0]["content"]
    assert card["type"] == "AdaptiveCard"
    assert [action["title"] for action in card["actions"]] == ["I take care of it", "Open"]


def test_webhook_is_signed_over_time_and_body(robot: Robot) -> None:
    call = deliver(robot, "webhook", "secret")
    stamp, given = (part.split("=")[1] for part in call.headers["X-Forgeline-Signature"].split(","))
    expected = hmac.new(b"secret", f"{stamp}.".encode() + call.raw, hashlib.sha256).hexdigest()
    assert given == expected
    assert call.body["subject"] == "trial:42"
    assert call.body["key"] == call.headers["Idempotency-Key"] == "fl-1-7"
    assert "X-Forgeline-Signature" not in deliver(robot, "webhook").headers


@pytest.mark.parametrize(
    ("answer", "reason", "is_final"),
    [
        ((200, b'{"errcode": 310000, "errmsg": "sign not match"}', {}), "refused", True),
        ((200, b'{"errcode": 130101, "errmsg": "send too fast"}', {}), "refused_for_now", False),
        ((200, b"<html>a login page</html>", {}), "not_understood", True),
        ((200, b"[]", {}), "not_understood", True),
        ((404, b"no such robot", {}), "refused", True),
        ((429, b"slower", {"Retry-After": "77"}), "refused_for_now", False),
        ((503, b"", {}), "refused_for_now", False),
        ((302, b"", {"Location": "http://169.254.169.254/"}), "redirected", True),
    ],
)
def test_a_no_is_told_apart_for_now_and_for_good(
    robot: Robot, answer: Any, reason: str, is_final: bool
) -> None:
    robot.answers.append(answer)
    with pytest.raises(SendError) as caught:
        deliver(robot, "dingtalk")
    assert (caught.value.reason, caught.value.is_final) == (reason, is_final)
    assert reason in REASONS
    assert caught.value.asked_s == (77.0 if answer[0] == 429 else 60.0 if b"too fast" in answer[1] else None)
    # Nobody has followed the redirect.
    assert len(robot.calls) == 1


def test_long_answer_is_cut(robot: Robot, settings: Any) -> None:
    robot.answers.append((200, b"x" * 300_000, {}))
    answer = http.post(robot.url, b"{}", {}, allow_private=True)
    assert len(answer.body) == http.MAX_ANSWER


def test_who_drips_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that sends a byte now and then cannot hold a worker beyond the whole time."""
    monkeypatch.setattr(http, "TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        import threading

        def drip() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(65536)
                try:
                    peer.sendall(b"HTTP/1.1 200 OK\r\n")
                    for number in range(100):
                        peer.sendall(f"X-{number}: y\r\n".encode())
                        time.sleep(0.2)
                except OSError:
                    return

        threading.Thread(target=drip, daemon=True).start()
        began = time.monotonic()
        with pytest.raises(SendError):
            http.post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"", {}, allow_private=True)
        assert time.monotonic() - began < 10


# --- addresses ---


def refused(url: str, *, allow_private: bool = False) -> str:
    with pytest.raises(SendError) as caught:
        address.resolve(url, allow_private=allow_private)
    assert caught.value.is_final
    assert caught.value.reason in REASONS
    return caught.value.reason


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",
        "[::1]", "[::]", "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]", "[2001:0:1::1]", "224.0.0.1", "255.255.255.255", "2130706433", "0x7f.1", "127.1",
        "0177.0.0.1",
    ],
)  # fmt: skip
def test_private_addresses_are_refused_however_they_are_written(host: str) -> None:
    assert refused(f"https://{host}/hook") == "address_private"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://example.com/", "address_not_https"), ("ftp://example.com/", "address_unreadable"),
        ("file://etc/passwd", "address_unreadable"), ("https://", "address_unreadable"),
        ("https://me:pass@example.com/", "address_with_password"), ("https://example.com:99999/", "address_unreadable"),
        ("https://[::1", "address_unreadable"), ("https://example.com/a b", "address_unreadable"),
        ("https://example.com/\r\nX-Evil: 1", "address_unreadable"), ("gopher://127.0.0.1/", "address_unreadable"),
    ],
)  # fmt: skip
def test_bad_addresses_have_a_reason(url: str, reason: str) -> None:
    assert refused(url) == reason


def test_name_that_leads_inside_is_refused_even_beside_a_public_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def both(*_words: Any, **_named: Any) -> list[Any]:
        return [(2, 1, 6, "", ("93.184.216.34", 443)), (2, 1, 6, "", ("10.0.0.7", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    assert refused("https://rebinding.example/hook") == "address_private"


def test_the_name_is_resolved_once_and_that_address_is_used(
    robot: Robot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a second look would say is never asked: the answer of the first is connected to."""
    port = urlsplit(robot.url).port
    asked: list[str] = []
    real = socket.getaddrinfo

    def once(host: str, *words: Any, **named: Any) -> Any:
        if host != "plant.example":
            return real(host, *words, **named)
        asked.append(host)
        assert len(asked) == 1
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", once)
    answer = http.post(f"http://plant.example:{port}/x", b"{}", {}, allow_private=True)
    assert answer.status == 200
    assert robot.calls[0].headers["Host"] == f"plant.example:{port}"


def test_unknown_name_and_closed_port_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_words: Any, **_named: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(SendError) as caught:
        http.post(f"http://127.0.0.1:{port}/", b"", {}, allow_private=True)
    assert (caught.value.reason, caught.value.is_final) == ("not_reached", False)
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(SendError) as caught:
        http.post("https://nowhere.example/", b"", {}, allow_private=False)
    assert (caught.value.reason, caught.value.is_final) == ("host_unknown", False)


def test_no_log_line_holds_an_address_or_a_secret(robot: Robot, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        deliver(robot, "dingtalk", "SECsesame")
        robot.answers.append((500, b"", {}))
        with pytest.raises(SendError) as caught:
            deliver(robot, "dingtalk", "SECsesame")
    told = caplog.text + str(caught.value) + repr(Target("dingtalk", robot.url, "SECsesame"))
    assert "Sesame" not in told
    assert "sesame" not in told


# --- mail ---


def test_mail_has_both_forms_and_one_message_id(mailbox: Mailbox) -> None:
    for _ in range(2):
        send(
            letter(title="[High] two\nlines", thread="1 trial:42"),
            Target("email", "a@example.com"),
            now_s=NOW_S,
        )
    first, second = mailbox.letters
    assert first["Message-ID"] == second["Message-ID"] == "<fl-1-7@localhost>"
    assert first["Subject"] == "[High] two lines"
    assert first["References"] == second["References"]
    html = first.get_body(("html",))
    assert html is not None
    assert "https://plant.example/a/" in html.get_content()


@pytest.mark.parametrize(
    ("says", "reason", "is_final"),
    [("451 try later", "mail_refused", False), ("552 too much", "mail_refused", True)],
)
def test_mail_servers_no_is_told_apart(mailbox: Mailbox, says: str, reason: str, is_final: bool) -> None:
    mailbox.says.append(says)
    with pytest.raises(SendError) as caught:
        send(letter(), Target("email", "a@example.com"), now_s=NOW_S)
    assert (caught.value.reason, caught.value.is_final) == (reason, is_final)
    assert says.split()[0] in caught.value.detail


def test_mail_server_that_is_away_is_tried_again(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    with pytest.raises(SendError) as caught:
        send(letter(), Target("email", "a@example.com"), now_s=NOW_S)
    assert (caught.value.reason, caught.value.is_final) == ("mail_server_away", False)


def test_every_reason_in_the_code_has_words() -> None:
    import re
    from pathlib import Path

    from django.conf import settings

    room = Path(settings.BASE_DIR) / "platform/forgeline/notifications"
    text = "\n".join(path.read_text() for path in room.rglob("*.py"))
    used = set(re.findall(r'SendError\(\s*"(\w+)"', text)) | set(re.findall(r'reason="(\w+)"', text))
    assert used <= set(REASONS), used - set(REASONS)
