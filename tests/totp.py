"""An authenticator app: codes as in RFC 6238, with the usual 6 digits, 30 seconds and SHA-1."""

import base64
import hmac
import time

STEP_SECONDS = 30


class Authenticator:
    """Codes for one secret. No code is given twice, because Cognito refuses one that was used."""

    def __init__(self, secret: str, *, reuse: bool = False) -> None:
        self._key = base64.b32decode(secret + "=" * (-len(secret) % 8))
        self._reuse, self._last = reuse, 0

    def code(self) -> str:
        """The current code. Without `reuse`, waits for the next one if the current one was given already."""
        if not self._reuse and self._step() == self._last:
            time.sleep(STEP_SECONDS - time.time() % STEP_SECONDS + 1)
        self._last = self._step()
        return code_of(self._key, self._last)

    def wrong_code(self) -> str:
        """Six digits that are not the code of the current step, nor of one near it."""
        near = {code_of(self._key, self._step() + offset) for offset in range(-3, 4)}
        return next(text for text in (f"{number:06}" for number in range(10)) if text not in near)

    @staticmethod
    def _step() -> int:
        return int(time.time()) // STEP_SECONDS


def code_of(key: bytes, step: int) -> str:
    """HOTP (RFC 4226, 5.3) of a step."""
    digest = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"
