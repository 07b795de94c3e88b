"""Tokens made by hand: with the user pool's own keys (local cloud only), with foreign keys, with none."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


def encode(data):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(token):
    """(header, claims) of a token, unchecked."""
    return tuple(json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])


def number(value):
    return encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@dataclass(frozen=True)
class Key:
    private: object
    kid: str

    def jwk(self):
        numbers = self.private.public_key().public_numbers()
        return {
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": self.kid,
            "n": number(numbers.n),
            "e": number(numbers.e),
        }

    def sign(self, claims, algorithm="RS256", **header):
        """A token; `claims` may be bytes, to sign what is no JSON."""
        signed = f"{encode({'alg': algorithm, 'kid': self.kid, **header})}.{encode(claims)}"
        return f"{signed}.{encode(self._signature(signed.encode(), algorithm))}"

    def _signature(self, data, algorithm):
        digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[algorithm[2:]]
        if algorithm.startswith("RS"):
            return self.private.sign(data, padding.PKCS1v15(), digest)
        if algorithm.startswith("PS"):
            return self.private.sign(data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(digest)))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def foreign_key(kid="foreign"):
    return Key(rsa.generate_private_key(public_exponent=65537, key_size=2048), kid)


def foreign_curve_key(kid="foreign"):
    return Key(ec.generate_private_key(ec.SECP256R1()), kid)


def pool_key(state_dir, pool, use):
    """The key that the local cloud's user pool signs with; use: `id` or `access`."""
    found = sorted(Path(state_dir).rglob(f"cognito-pool-keys/{pool}-{use}.pem"))
    if not found:
        raise FileNotFoundError(f"no key of the pool {pool} under STATE_DIR={state_dir}")
    private = serialization.load_pem_private_key(found[0].read_bytes(), password=None)
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Key(private, base64.b64encode(hashlib.sha256(public).digest()).decode())


def unsigned(claims, kid, algorithm="none"):
    return f"{encode({'alg': algorithm, 'kid': kid})}.{encode(claims)}."


def keyed_hash(claims, kid, secret):
    """HS256 with a secret of the attacker's choice."""
    signed = f"{encode({'alg': 'HS256', 'kid': kid})}.{encode(claims)}"
    return f"{signed}.{encode(hmac.digest(secret, signed.encode(), 'sha256'))}"


def public_forms(key):
    """The bytes in which a public key is handed about: what an HS256 forger would use as the secret."""
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


def now():
    return int(time.time())
