"""A client of the issuer that is trusted beside the user pool (openid_issuer.py)."""

import hashlib
import json
import secrets
from urllib.parse import parse_qs, urlsplit

import httpx

import tokens
from openid_issuer import ALIAS, CLIENT, REDIRECT
from service import User

PASSWORD = "correct-horse-7-battery"


class Issuer:
    def __init__(self, address: str) -> None:
        self.address = address
        self._http = httpx.Client(base_url=address, timeout=180)

    # Its users

    def add(self, name: str) -> str:
        """Creates a user; returns the email address."""
        email = f"{name}@partner.example"
        user = {"username": name, "password": PASSWORD, "email": email}
        self._http.post("/test/users", json=user).raise_for_status()
        return email

    def token(self, name: str, client: str = CLIENT) -> str:
        """Logs a user in to a client by the authorization code flow with PKCE; returns the ID token."""
        verifier = secrets.token_urlsafe(48)
        challenge = tokens.encode(hashlib.sha256(verifier.encode()).digest())
        request = {
            "response_type": "code",
            "client_id": client,
            "redirect_uri": REDIRECT,
            "scope": "openid",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        with httpx.Client(base_url=self.address, timeout=180) as browser:
            asked = browser.get("/authorize/", params=request)
            assert asked.status_code == 302, asked.text
            form = {"username": name, "password": PASSWORD}
            logged_in = browser.post(asked.headers["location"], data=form)
            assert logged_in.status_code == 302, logged_in.text
            granted = browser.get(logged_in.headers["location"])
            assert granted.headers["location"].startswith(REDIRECT), granted.text
            parameters = parse_qs(urlsplit(granted.headers["location"]).query)
            assert "code" in parameters, parameters
            exchange = {
                "grant_type": "authorization_code",
                "client_id": client,
                "redirect_uri": REDIRECT,
                "code": parameters["code"][0],
                "code_verifier": verifier,
            }
            response = browser.post("/token/", data=exchange)
        assert response.status_code == 200, response.text
        return str(response.json()["id_token"])

    def user(self, http: httpx.Client, name: str) -> User:
        """A new user who has logged in. The service does not show the issuer's user names, but ids."""
        email = self.add(name)
        user = id_of(name)
        return User(http, user, self.token(name), password=PASSWORD, email=email, id=user)

    # Its keys

    def publish(self, *keys: str) -> None:
        """Publishes exactly these keys, as PEM; the first one signs from now on."""
        self._http.put("/test/keys", json=keys).raise_for_status()

    @property
    def keys(self) -> list[str]:
        """The published keys, as PEM."""
        return list(self._http.get("/test/keys").json())

    @property
    def key(self) -> tokens.Key:
        """The signing key, to forge tokens with."""
        private = tokens.rsa_key(self.keys[0].encode())
        jwk = tokens.Key(private, "").jwk()
        # The issuer names its keys by their thumbprints (RFC 7638).
        members = json.dumps({name: jwk[name] for name in ("e", "kty", "n")}, separators=(",", ":"))
        return tokens.Key(private, tokens.encode(hashlib.sha256(members.encode()).digest()))

    @property
    def fetches(self) -> int:
        """How often anybody has fetched the published keys."""
        return int(self._http.get("/test/fetches").json())


def id_of(sub: str) -> str:
    """The service's id of a user of the issuer whose `sub` needs no encoding."""
    return f"{ALIAS}~{sub}"
