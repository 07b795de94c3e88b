"""What scripts/publish uploads, and what it expects to be served."""

import tempfile
import threading
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import Mock

from support import publishing
from support.common import Failure

_PAGE = b"<!doctype html>"
_POLICY = {"Content-Security-Policy": "default-src 'none'"}


@contextmanager
def _server(headers: dict[str, str], *bodies: bytes) -> Iterator[str]:
    """A server that answers each request with the next body, and repeats the last."""
    left = list(bodies)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(200)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class Publishing(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.app = Path(folder.name)
        (self.app / "assets").mkdir()
        (self.app / "index.html").write_bytes(_PAGE)
        (self.app / "assets" / "index-Bk3x.js").write_text("a script")

    def test_the_page_comes_after_the_assets_that_it_names(self) -> None:
        (self.app / "assets" / "z.css").touch()
        (self.app / "manifest.json").touch()
        expected = ["assets/index-Bk3x.js", "assets/z.css", "index.html"]
        self.assertEqual(publishing.files(self.app), expected)

    def test_browsers_keep_only_files_with_a_hash_in_their_names(self) -> None:
        s3 = Mock()
        publishing.upload(s3, "bucket", self.app, publishing.files(self.app))
        script, page = (call.kwargs for call in s3.put_object.call_args_list)
        self.assertEqual(
            script,
            {
                "Bucket": "bucket",
                "Key": "assets/index-Bk3x.js",
                "Body": b"a script",
                "ContentType": "text/javascript; charset=utf-8",
                "CacheControl": "public, max-age=31536000, immutable",
            },
        )
        self.assertEqual((page["Body"], page["CacheControl"]), (_PAGE, "no-cache"))

    def test_a_file_of_an_unknown_type_is_refused(self) -> None:
        (self.app / "font.woff2").touch()
        with self.assertRaisesRegex(Failure, "font.woff2"):
            publishing.files(self.app)

    def test_a_folder_without_an_app_is_refused(self) -> None:
        (self.app / "index.html").unlink()
        with self.assertRaisesRegex(Failure, "scripts/package"):
            publishing.files(self.app)

    def test_it_waits_for_the_new_page(self) -> None:
        with _server(_POLICY, b"the page before", _PAGE) as url:
            publishing.wait_for(url, self.app, seconds=0.1)

    def test_another_page_is_refused(self) -> None:
        with _server(_POLICY, b"another page") as url, self.assertRaisesRegex(Failure, "another page"):
            publishing.wait_for(url, self.app, seconds=0.05)

    def test_a_page_without_its_headers_is_refused(self) -> None:
        with _server({}, _PAGE) as url, self.assertRaisesRegex(Failure, "content security policy"):
            publishing.wait_for(url, self.app, seconds=0.05)


if __name__ == "__main__":
    unittest.main()
