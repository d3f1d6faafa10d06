"""Logs are events without secrets, in any library's lines."""

import io
import json
import logging
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from server.http.logs import configure_logging
from server.http.redaction import needs_no_redaction, redact, redact_text
from tests.server.conftest import Logs
from tests.server.shop import CARD, CLIENT_SECRET, SECRET, Shop, token_for

STRIPE_KEY = "sk_live_51Habcdefghijk"
SECRETS = [
    STRIPE_KEY,
    "rk_test_51Habcdefghijk",
    "whsec_c2VjcmV0L3ZhbHVl+x==",
    CLIENT_SECRET,
    "seti_1Nabc_secret_9xYzQ",
    "Bearer abc.def-ghi",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl",
    "ada.lovelace+shop@example.co.uk",
    "postgresql://user:hunter2@db/paygraph",
    CARD,
    "4242 4242 4242 4242",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_known_by_their_shape(secret: str) -> None:
    for text in (secret, f"failed with {secret}, sorry", f"'{secret}'", f"x={secret};"):
        cleaned = redact_text(text)

        assert secret not in cleaned
        assert "hunter2" not in cleaned
        assert "[removed]" in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "payment_01j9xq5s8cfz6tq4k0m6v3d1ab",
        "req_0192f1a4c5d67f0e8a9b0c1d2e3f4a5b",
        "0192f1a4-c5d6-7f0e-8a9b-0c1d2e3f4a5b",
        "2026-11-23T17:42:49.123456Z",
        "pi_3NabcDEF",
        "payment.settled",
        "/webhooks/stripe",
        "GET",
    ],
)
def test_ids_times_and_names_stay_readable(text: str) -> None:
    assert redact_text(text) == text


def test_values_under_secret_names_are_removed_at_any_depth() -> None:
    event: dict[str, Any] = {
        "client_secret": "x",
        "headers": {"a": "b"},
        "deep": [{"Authorization": "x", "apiKey": "y", "idempotency_key": "z", "kept": 1}],
        "email": "x",
        "query": "{ hello }",
        "variables": {"a": 1},
        "password": None,
    }

    assert redact(event) == {
        "client_secret": "[removed]",
        "headers": "[removed]",
        "deep": [{"Authorization": "[removed]", "apiKey": "[removed]", "idempotency_key": "[removed]", "kept": 1}],
        "email": "[removed]",
        "query": "[removed]",
        "variables": "[removed]",
        "password": "[removed]",
    }


def test_other_values_are_walked_named_or_cut() -> None:
    class Thing:
        def __str__(self) -> str:
            return f"thing with {STRIPE_KEY}"

    nested: list[object] = []
    for _ in range(50):
        nested = [nested]

    assert redact(int(CARD)) == "[removed]"
    assert redact([1, 2.5, True, None, (1, {2})]) == [1, 2.5, True, None, [1, [2]]]
    assert redact(ValueError(STRIPE_KEY)) == "ValueError"
    assert redact(STRIPE_KEY.encode()) == "[removed]"
    assert redact(Thing()) == "thing with [removed]"
    assert "[removed]" in str(redact(nested))
    assert redact({STRIPE_KEY: 1}) == {"[removed]": 1}
    assert len(redact_text("a b" * 10_000)) < 10_100


@given(st.recursive(st.none() | st.text() | st.integers() | st.binary(), st.lists, max_leaves=5))
def test_redaction_never_fails(value: object) -> None:
    redact(value)


@given(
    st.dictionaries(
        st.sampled_from(["payment", "token", "card_number", STRIPE_KEY, "x" * 60]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(max_size=40)
        | st.sampled_from(
            [
                *SECRETS,
                int(CARD),
                float(CARD),
                "é",
                "\ud800",
                "x" * 20_000,
                b"x",
                [],
                [1, "x"],
                [CARD],
                [["x"]],
                {"key": 1},
            ]
        ),
    )
)
def test_a_line_that_needs_no_redaction_is_left_as_it_is_by_it(line: dict[str, object]) -> None:
    if needs_no_redaction(line):
        assert redact(line) == line


def test_usual_lines_need_no_redaction() -> None:
    assert needs_no_redaction(
        {"event": "webhook.received", "type": "charge.updated", "new": True, "ignored": None, "of": ["x"]}
    )
    assert not any(needs_no_redaction({"text": secret}) for secret in SECRETS)
    assert not needs_no_redaction({"number": int(CARD)})
    assert not needs_no_redaction({"of": [{"token": "x"}]})
    assert not needs_no_redaction({"text": "x" * 20_000})


def log_everywhere(text: str) -> None:
    structlog.get_logger().info("own.event", detail=text, nested={"list": [text]})
    structlog.get_logger().bind(note=text).warning(f"name {text}")
    logging.getLogger("someone.else").error("failed: %s", text)
    logging.getLogger("uvicorn.error").error("crash %s", text)
    try:
        raise RuntimeError(text)
    except RuntimeError as error:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
        structlog.get_logger().exception("own.crash", error=error)
        logging.getLogger("someone.else").error("with %r", error, exc_info=error, stack_info=True)


@pytest.mark.parametrize("secret", SECRETS)
def test_no_logger_of_the_process_writes_a_secret(logs: Logs, secret: str) -> None:
    log_everywhere(secret)

    assert len(logs.events) == 7
    assert secret not in logs.text
    assert "hunter2" not in logs.text
    assert all("timestamp" in entry and "level" in entry for entry in logs.events)


@pytest.mark.parametrize("secret", SECRETS)
def test_the_console_is_redacted_too(logs: Logs, secret: str) -> None:
    stream = io.StringIO()
    configure_logging(json=False, stream=stream)

    log_everywhere(secret)

    assert "own.event" in stream.getvalue()
    assert secret not in stream.getvalue()
    assert "hunter2" not in stream.getvalue()
    assert logs.text == ""


def test_a_crash_is_logged_with_types_and_places(logs: Logs) -> None:
    try:
        try:
            raise KeyError(STRIPE_KEY)
        except KeyError as error:
            raise RuntimeError("outer") from error
    except RuntimeError:
        structlog.get_logger().exception("own.crash")

    [entry] = logs.events
    assert [link["type"] for link in entry["failure"]] == ["builtins.RuntimeError", "builtins.KeyError"]
    assert "test_log.py" in entry["failure"][0]["stack"][0]
    assert "outer" not in logs.text


def test_talkative_libraries_are_held_at_warning(logs: Logs) -> None:
    for name in ("stripe", "httpx", "uvicorn.access"):
        logging.getLogger(name).info("client secret %s", CLIENT_SECRET)
        logging.getLogger(name).warning("something is wrong")

    assert [entry["event"] for entry in logs.events] == ["something is wrong"] * 3


def test_a_line_that_cannot_be_formatted_leaks_nothing(logs: Logs, capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("someone.else").error("%d %d", STRIPE_KEY)

    written = capsys.readouterr()
    assert STRIPE_KEY not in logs.text + written.out + written.err


async def test_a_request_leaves_one_line_without_its_query_string(shop: Shop, logs: Logs) -> None:
    response = await shop.client.get("/graphql", params={"query": '{ hello(name: "Sesame") }'})

    [entry] = logs.named("http.request")
    assert entry | {"ms": 0, "timestamp": ""} == {
        "event": "http.request",
        "method": "GET",
        "path": "/graphql",
        "status": 200,
        "ms": 0,
        "request_id": response.headers["x-request-id"],
        "level": "info",
        "logger": "server.http",
        "timestamp": "",
    }
    assert entry["ms"] >= 0
    assert "Sesame" not in logs.text


async def test_nothing_of_a_request_is_logged_but_its_path(shop: Shop, logs: Logs) -> None:
    planted = {"name": "Sesame", "key": "idem-Sesame"}
    token = token_for("Sesame-subject")

    await shop.ask("query Sesame($name: String!) { hello(name: $name) missing broken }", variables=planted, token=token)
    await shop.ask("query Sesame { nothing }", variables=planted, token=token)
    await shop.ask("query Sesame { hello(", variables=planted, token=token)
    await shop.ask("{ hello }", variables=planted, token=token + "x")
    await shop.post(b"Sesame")

    assert "Sesame" not in logs.text
    assert token not in logs.text
    assert SECRET not in logs.text
    assert len(logs.named("http.request")) == 5
    assert [json.dumps(entry) for entry in logs.events]
