"""The package for Graviton processors: built by scripts/package, and run in an emulator."""

import os
from pathlib import Path

from checks.deployments import local_cloud
from checks.e2e import run_emulator
from checks.step import run
from checks.suite import run_file
from support.common import LOCAL, ROOT, SCRIPTS, Failure

# A compiler for machines whose Rust has no arm64 target, and an emulator. ARM64_TOOLCHAIN names another
# folder. CONTRIBUTING.md says what the program in it must do.
_TOOLCHAIN = ROOT.parent / "shared" / "arm64-toolchain"
_OUT = LOCAL / "arm64"


def arm64() -> str:
    """What each program needs of the system, that it starts and responds, the extension, and photos."""
    toolchain = Path(os.environ.get("ARM64_TOOLCHAIN") or _TOOLCHAIN) / "arm64-toolchain"
    if not toolchain.is_file():
        raise Failure(f"Nothing was built: there is no {toolchain}. CONTRIBUTING.md says what it must do.")
    run(
        [toolchain, "run", SCRIPTS / "package", "--arch", "arm64", "--out", _OUT],
        "Fix what the compiler says above.",
        name="package for arm64",
    )
    zips = sorted((_OUT / "arm64").glob("*.zip"))
    run([toolchain, "check", *zips], "Lambda cannot run these programs.", name="what arm64 programs need")
    emulated = _OUT / "emulated"
    run([toolchain, "wrap", emulated, *zips], "The emulator does not take these zips.")
    (emulated / "service.json").write_bytes((_OUT / "arm64" / "service.json").read_bytes())
    run_emulator("arm64-emulator", emulated)
    with local_cloud(LOCAL / "cloud-arm64") as cloud:
        cloud.start("--zips", str(emulated), "--authorizer", "lambda")
        run_file("arm64", "tests/programs.py", {**cloud.settings(), "ZIPS": str(emulated)})
    return f"{len(zips)} zips built, checked, and run in an emulator"
