"""Forged tokens: signed with the user pool's keys (local cloud only), with foreign keys, or not at all."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

#: The claims of a token. Tests put values of any type there.
Claims = dict[str, Any]


def encode(data: object) -> str:
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(token: str) -> tuple[dict[str, Any], Claims]:
    """The header and the claims of a token, without any check."""
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    return header, claims


def number(value: int) -> str:
    return encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@dataclass(frozen=True)
class Key:
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    kid: str

    def jwk(self) -> dict[str, str]:
        numbers = self.private.public_key().public_numbers()
        assert isinstance(numbers, rsa.RSAPublicNumbers)
        return {
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": self.kid,
            "n": number(numbers.n),
            "e": number(numbers.e),
        }

    def sign(self, claims: object, algorithm: str = "RS256", **header: object) -> str:
        """A token. `claims` may be bytes, to sign something that is not JSON."""
        signed = f"{encode({'alg': algorithm, 'kid': self.kid, **header})}.{encode(claims)}"
        return f"{signed}.{encode(self._signature(signed.encode(), algorithm))}"

    def _signature(self, data: bytes, algorithm: str) -> bytes:
        digests: dict[str, hashes.HashAlgorithm] = {
            "256": hashes.SHA256(),
            "384": hashes.SHA384(),
            "512": hashes.SHA512(),
        }
        digest = digests[algorithm[2:]]
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(digest)))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        if algorithm.startswith("PS"):
            return self.private.sign(data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        return self.private.sign(data, padding.PKCS1v15(), digest)


def rsa_key(pem: bytes) -> rsa.RSAPrivateKey:
    """An RSA key without a passphrase."""
    private = serialization.load_pem_private_key(pem, password=None)
    assert isinstance(private, rsa.RSAPrivateKey)
    return private


def foreign_key(kid: str = "foreign") -> Key:
    return Key(rsa.generate_private_key(public_exponent=65537, key_size=2048), kid)


def foreign_curve_key(kid: str = "foreign") -> Key:
    return Key(ec.generate_private_key(ec.SECP256R1()), kid)


def pool_key(state_dir: str | None, pool: str | None, use: str) -> Key:
    """The key with which the local cloud's user pool signs `id` or `access` tokens."""
    assert state_dir, "STATE_DIR is not set"
    found = sorted(Path(state_dir).rglob(f"cognito-pool-keys/{pool}-{use}.pem"))
    if not found:
        raise FileNotFoundError(f"no key of the pool {pool} under STATE_DIR={state_dir}")
    private = rsa_key(found[0].read_bytes())
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Key(private, base64.b64encode(hashlib.sha256(public).digest()).decode())


def unsigned(claims: object, kid: str, algorithm: str = "none") -> str:
    return f"{encode({'alg': algorithm, 'kid': kid})}.{encode(claims)}."


def keyed_hash(claims: object, kid: str, secret: bytes) -> str:
    """HS256 with a secret of the attacker's choice."""
    signed = f"{encode({'alg': 'HS256', 'kid': kid})}.{encode(claims)}"
    return f"{signed}.{encode(hmac.digest(secret, signed.encode(), 'sha256'))}"


def public_forms(key: Key) -> dict[str, bytes]:
    """The usual encodings of a public key, which an HS256 forger would try as the secret."""
    public = key.private.public_key()
    encodings, formats = serialization.Encoding, serialization.PublicFormat
    pem = public.public_bytes(encodings.PEM, formats.SubjectPublicKeyInfo)
    return {
        "pem": pem,
        "pem without its last line end": pem.strip(),
        "der": public.public_bytes(encodings.DER, formats.SubjectPublicKeyInfo),
        "pkcs1": public.public_bytes(encodings.DER, formats.PKCS1),
        "jwk": json.dumps(key.jwk()).encode(),
        "modulus": key.jwk()["n"].encode(),
        "empty": b"",
    }


def now() -> int:
    return int(time.time())
