"""How the environments of Python tools are installed."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

from support import common
from support.common import HASHED_ENVIRONMENTS, SCRIPTS


class HashedEnvironments(unittest.TestCase):
    def test_what_builds_the_zips_is_installed_by_hash_and_not_built(self) -> None:
        with (
            tempfile.TemporaryDirectory(dir=common.ROOT) as folder,
            mock.patch.object(common, "LOCAL", Path(folder)),
            mock.patch.object(common, "_quiet") as quiet,
        ):
            for name in ("package", "manifest", "lint"):
                (Path(folder) / "venv" / name).mkdir(parents=True)
                common.virtual_environment(name)
            installs = [set(call.args[0]) for call in quiet.call_args_list if "install" in call.args[0]]
        by_hash = [{"--require-hashes", "--only-binary=:all:"} <= install for install in installs]
        self.assertEqual(by_hash, [True, True, False])

    def test_every_one_of_their_requirements_has_a_hash(self) -> None:
        for name in HASHED_ENVIRONMENTS:
            text = (SCRIPTS / f"requirements-{name}.txt").read_text().replace("\\\n", " ")
            for line in text.splitlines():
                if not line.startswith("#"):
                    self.assertIn("--hash=sha256:", line)


if __name__ == "__main__":
    unittest.main()
