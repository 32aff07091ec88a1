"""How a notice is signed."""

import base64

import pytest

from toolkit.notices import notice


def test_the_signature_of_the_standards_own_example() -> None:
    """The example that its libraries test themselves with."""
    key = notice.key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = notice.headers(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made["Webhook-Signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert (made["Webhook-Id"], made["Webhook-Timestamp"]) == ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330")


@pytest.mark.parametrize(
    "text",
    ["", "whsec_", "whsec_short", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_###", "whsec_" + "A" * 88],
)
def test_what_is_no_secret(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        notice.key_of(text)


def test_a_new_secret_is_one_and_new() -> None:
    first, second = notice.new_secret(), notice.new_secret()
    assert first != second
    assert len(notice.key_of(first)) == 32
    assert notice.new_id() != notice.new_id()
    assert base64.b64decode(first.removeprefix("whsec_"))
