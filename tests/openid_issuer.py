"""A real OpenID Connect issuer on this machine, Django OAuth Toolkit, to be trusted beside the user pool.

`python tests/openid_issuer.py [PORT]` prints one line, the list that `scripts/local --trusted-issuers` takes,
and serves until it is stopped. People log in by the authorization code flow, as everywhere. Under /test the
tests make its users, change its keys, and read how often the published ones were fetched.
"""

import json
import signal
import sys
import tempfile
import threading
from pathlib import Path

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.management import call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse

ALIAS = "partner"
#: The client whose tokens are for us, and another of the same issuer.
CLIENT, OTHER_CLIENT = "yourplace", "another"
REDIRECT = "http://localhost/logged-in"
JWKS_PATH = "/.well-known/jwks.json"


def new_key():
    """A private key, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def set_up(address, folder):
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
                # Logins come side by side; without it, some would find the database locked.
                "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 30},
            }
        },
        # Quick, for passwords that protect nothing.
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        USE_TZ=True,
        LOGGING_CONFIG=None,
    )
    django.setup()
    # Django lets these be imported only now.
    from django.urls import include, path
    from oauth2_provider.models import Application
    from oauth2_provider.oauth2_validators import OAuth2Validator
    from oauth2_provider.settings import oauth2_settings

    class Validator(OAuth2Validator):
        """Calls users by their names in tokens, and tells their mail addresses."""

        oidc_claim_scope = None

        def get_additional_claims(self, request):
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


def make_user(request):
    """POST {username, password, email}."""
    from django.contrib.auth.models import User

    User.objects.create_user(**json.loads(request.body))
    return HttpResponse(status=204)


def log_in(request):
    """POST username, password, as a form; then on to the address in `next`."""
    from django.contrib import auth

    user = auth.authenticate(request, username=request.POST["username"], password=request.POST["password"])
    if user is None:
        return HttpResponse(status=401)
    auth.login(request, user)
    return HttpResponseRedirect(request.GET["next"])


def keys(request):
    """GET or PUT [PEM, …]: all are published, the first signs."""
    from oauth2_provider.settings import oauth2_settings

    if request.method == "PUT":
        first, *others = json.loads(request.body)
        changed = {"OIDC_RSA_PRIVATE_KEY": first, "OIDC_RSA_PRIVATE_KEYS_INACTIVE": others}
        settings.OAUTH2_PROVIDER = settings.OAUTH2_PROVIDER | changed
        oauth2_settings.reload()
    now = settings.OAUTH2_PROVIDER
    return JsonResponse([now["OIDC_RSA_PRIVATE_KEY"], *now["OIDC_RSA_PRIVATE_KEYS_INACTIVE"]], safe=False)


class Counter:
    """How often the published keys were fetched."""

    def __init__(self):
        self.count, self._lock = 0, threading.Lock()

    def counting(self, application):
        def serve(environ, start_response):
            if environ["PATH_INFO"] == JWKS_PATH:
                with self._lock:
                    self.count += 1
            return application(environ, start_response)

        return serve


class Handler(WSGIRequestHandler):
    """Says nothing of each request."""

    def log_message(self, *_):
        pass


def main(port=0):
    server = ThreadedWSGIServer(("127.0.0.1", port), Handler)
    address = f"http://localhost:{server.server_port}"
    with tempfile.TemporaryDirectory() as folder:
        server.set_app(set_up(address, Path(folder)))
        print(json.dumps([{"issuer": address, "audiences": [CLIENT], "alias": ALIAS}]), flush=True)
        server.serve_forever()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    main(*map(int, sys.argv[1:]))
