"""How long a line may be. rustfmt leaves comments and strings alone, and no other linter reads the rest."""

import os
from collections.abc import Iterator
from pathlib import Path

from support.common import ROOT

# In characters, by the end of the file's name. A string of HCL cannot be wrapped.
_LONGEST = {".rs": 120, ".py": 110, ".md": 120, ".yml": 160, ".tf": 200, ".hcl": 200, ".tfvars": 200}
# A row of a table cannot be wrapped.
_LONGEST_TABLE_ROW = 160
_NOT_OURS = {"target", "dist", "node_modules"}


def too_long() -> list[str]:
    """Every line that is too long, as `file:line: what is wrong`."""
    return [problem for path in _files() for problem in _problems(path)]


def _files() -> Iterator[Path]:
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if name not in _NOT_OURS and not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names) if Path(name).suffix in _LONGEST)


def _problems(path: Path) -> Iterator[str]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        is_table_row = path.suffix == ".md" and line.startswith("|")
        longest = _LONGEST_TABLE_ROW if is_table_row else _LONGEST[path.suffix]
        if len(line) > longest:
            yield f"{path.relative_to(ROOT)}:{number}: {len(line)} characters, at most {longest}"
