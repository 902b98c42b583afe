"""Webhook signatures, judged by the library that customers use."""

import time

import pytest
import standardwebhooks

from wame_box.kernel.signing import headers, new_secret, sign

BODY = '{"type":"message.delivered","data":{"text":"Zoé"}}'.encode()


def test_the_published_library_accepts_it() -> None:
    secret = new_secret()
    sent = headers(secret, "evt_0000000000001", int(time.time()), BODY)
    assert standardwebhooks.Webhook(secret).verify(BODY.decode(), sent)["type"] == "message.delivered"


@pytest.mark.parametrize("spoiled", ["webhook-id", "webhook-timestamp", "body", "secret"])
def test_it_refuses_what_was_changed(spoiled: str) -> None:
    secret, now = new_secret(), int(time.time())
    sent = headers(secret, "evt_1", now, BODY)
    sent |= {"webhook-id": "evt_2"} if spoiled == "webhook-id" else {}
    sent |= {"webhook-timestamp": str(now - 1)} if spoiled == "webhook-timestamp" else {}
    body = BODY.replace(b"delivered", b"read") if spoiled == "body" else BODY
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(new_secret() if spoiled == "secret" else secret).verify(body.decode(), sent)


def test_the_specifications_own_example() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    assert sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == ("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")


def test_secrets_differ() -> None:
    assert len({new_secret() for _ in range(100)}) == 100
    assert all(len(new_secret()) == 50 and new_secret().startswith("whsec_") for _ in range(3))
