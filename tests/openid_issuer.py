"""A real OpenID Connect issuer, Django OAuth Toolkit, which a deployment trusts beside the user pool.

`python tests/openid_issuer.py [PORT]` prints one line, the list that `scripts/local --trusted-issuers` takes,
and serves until it is stopped. Users log in by the authorization code flow. Under /test the tests create
users, change the keys, and read how often the published keys were fetched.
"""

import json
import signal
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.management import call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse

ALIAS = "partner"
#: The client whose tokens are for this service, and another client of the same issuer.
CLIENT, OTHER_CLIENT = "yourplace", "another"
REDIRECT = "http://localhost/logged-in"
JWKS_PATH = "/.well-known/jwks.json"


def new_key() -> str:
    """A private key, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def set_up(address: str, folder: Path) -> WSGIApplication:
    """The application for WSGI, with a database in the folder."""
    settings.configure(
        SECRET_KEY=new_key(),
        ALLOWED_HOSTS=["localhost"],
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "oauth2_provider",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": folder / "issuer.sqlite3",
                # Users log in at the same time; by default some of them would find the database locked.
                "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 30},
            }
        },
        # Fast hashing is enough: these passwords protect nothing.
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        USE_TZ=True,
        LOGGING_CONFIG=None,
    )
    django.setup()
    # Django allows these imports only after its set-up.
    from django.urls import include, path
    from oauth2_provider.models import Application
    from oauth2_provider.oauth2_validators import OAuth2Validator
    from oauth2_provider.settings import oauth2_settings

    class Validator(OAuth2Validator):  # type: ignore[misc]
        """Puts the user name and the email address into tokens."""

        oidc_claim_scope = None

        def get_additional_claims(self, request: Any) -> dict[str, Any]:
            user = request.user
            return {"sub": user.get_username(), "email": user.email, "email_verified": True}

    settings.OAUTH2_PROVIDER = {
        "OIDC_ENABLED": True,
        "OIDC_ISS_ENDPOINT": address,
        "OIDC_RSA_PRIVATE_KEY": new_key(),
        "OIDC_RSA_PRIVATE_KEYS_INACTIVE": [],
        "OAUTH2_VALIDATOR_CLASS": Validator,
        "SCOPES": {"openid": "who you are"},
    }
    oauth2_settings.reload()
    jwks = Counter()
    settings.ROOT_URLCONF = (
        path("login/", log_in),
        path("test/users", make_user),
        path("test/keys", keys),
        path("test/fetches", lambda request: JsonResponse(jwks.count, safe=False)),
        path("", include("oauth2_provider.urls")),
    )
    settings.LOGIN_URL = "/login/"
    call_command("migrate", verbosity=0)
    for client in (CLIENT, OTHER_CLIENT):
        Application.objects.create(
            client_id=client,
            client_type=Application.CLIENT_PUBLIC,
            authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
            redirect_uris=REDIRECT,
            algorithm=Application.RS256_ALGORITHM,
            skip_authorization=True,
        )
    return jwks.counting(get_wsgi_application())


def make_user(request: Any) -> HttpResponse:
    """POST {username, password, email}: creates a user."""
    from django.contrib.auth.models import User

    User.objects.create_user(**json.loads(request.body))
    return HttpResponse(status=204)


def log_in(request: Any) -> HttpResponse:
    """POST a form with username and password: logs in and redirects to the address in `next`."""
    from django.contrib import auth

    user = auth.authenticate(request, username=request.POST["username"], password=request.POST["password"])
    if user is None:
        return HttpResponse(status=401)
    auth.login(request, user)
    return HttpResponseRedirect(request.GET["next"])


def keys(request: Any) -> JsonResponse:
    """GET or PUT [PEM, …]: all keys are published, the first one signs."""
    from oauth2_provider.settings import oauth2_settings

    if request.method == "PUT":
        first, *others = json.loads(request.body)
        changed = {"OIDC_RSA_PRIVATE_KEY": first, "OIDC_RSA_PRIVATE_KEYS_INACTIVE": others}
        settings.OAUTH2_PROVIDER = settings.OAUTH2_PROVIDER | changed
        oauth2_settings.reload()
    now = settings.OAUTH2_PROVIDER
    return JsonResponse([now["OIDC_RSA_PRIVATE_KEY"], *now["OIDC_RSA_PRIVATE_KEYS_INACTIVE"]], safe=False)


class Counter:
    """Counts how often the published keys are fetched."""

    def __init__(self) -> None:
        self.count, self._lock = 0, threading.Lock()

    def counting(self, application: WSGIApplication) -> WSGIApplication:
        def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"] == JWKS_PATH:
                with self._lock:
                    self.count += 1
            return application(environ, start_response)

        return serve


class Handler(WSGIRequestHandler):  # type: ignore[misc]
    """A request handler that does not log each request."""

    def log_message(self, *_: object) -> None:
        pass


def main(port: int = 0) -> None:
    server = ThreadedWSGIServer(("127.0.0.1", port), Handler)
    address = f"http://localhost:{server.server_port}"
    with tempfile.TemporaryDirectory() as folder:
        server.set_app(set_up(address, Path(folder)))
        print(json.dumps([{"issuer": address, "audiences": [CLIENT], "alias": ALIAS}]), flush=True)
        server.serve_forever()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    main(*map(int, sys.argv[1:]))
