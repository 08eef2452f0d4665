"""The key file: which bugs each kit holds. It stays with the grader and is only ever added to."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import platformdirs
from pydantic import Field, ValidationError

from grader.errors import HarnessError, UsageError
from grader.fixtures import Positions
from grader.models import KIT_ID, Frozen

VARIABLE = "GRADER_KEYS"


class Key(Frozen):
    """What one kit holds. Classes stand beside bugs, so that a key outlives a bug that is renamed."""

    kit: str = Field(pattern=f"^{KIT_ID}$")
    made_at: str  # ISO 8601, UTC
    seed: int
    positions: Positions
    bugs: tuple[str, ...] = Field(min_length=1)
    classes: tuple[str, ...] = Field(min_length=1)


def default_path() -> Path:
    """Give the key file that is used where none is named: $GRADER_KEYS, else one among the user's data."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else platformdirs.user_data_path("ml-screen-grader") / "kits.toml"


def read(path: Path) -> dict[str, Key]:
    """Give the keys in path by kit id; none where there is no such file yet. Raises HarnessError for a broken one."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("kits", [])
        keys = [Key.model_validate(entry) for entry in entries]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, ValidationError) as error:
        raise HarnessError(
            f"key file {path} cannot be read: {error}. Repair it, or name another in {VARIABLE}"
        ) from error
    return {key.kit: key for key in keys}


def add(path: Path, key: Key) -> None:
    """Append key to path in one write, so that two kits made at once do not lose each other's. Raises UsageError."""
    fields = key.model_dump()
    entry = "\n[[kits]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)  # nobody else's to read
        with os.fdopen(fd, "wb") as file:
            file.write(entry.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UsageError(f"key file {path} cannot be written: {error.strerror}; name another with --keys") from None
