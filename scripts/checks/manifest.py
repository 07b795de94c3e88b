"""The service manifest, and the unit tests of the scripts."""

from checks.step import run
from support.common import SCRIPTS, virtual_environment


def manifest() -> str:
    """The manifest follows its schema and refers only to what it defines; the scripts' unit tests pass."""
    run([SCRIPTS / "manifest"], "Correct lambdas/service.json.")
    python = virtual_environment("manifest")
    discover = ["discover", "--start-directory", "scripts"]
    run([python, "-m", "unittest", *discover], "Fix the tests above.", name="tests: scripts")
    return ""
