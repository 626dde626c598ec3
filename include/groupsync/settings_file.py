"""A settings file in YAML, read as a model; what is wrong with it is said with file, key and next step."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from include.groupsync.errors import SettingsError
from include.groupsync.unique_keys import UniqueKeys

_M = TypeVar("_M", bound=BaseModel)


def load_yaml(path: Path, model: type[_M]) -> _M:
    """The file as that model; SettingsError naming the file, the key, what is wrong with it and the next step."""
    return validated(path, read_yaml(path), model)


def read_yaml(path: Path) -> Any:
    """What the file holds, before anything of it is judged; SettingsError where it cannot be read."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=UniqueKeys)  # noqa: S506 - a SafeLoader
    except FileNotFoundError:
        raise SettingsError(f"{path} is missing: copy it from the project and adapt it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} cannot be read ({type(error).__name__}): it must be a text file in UTF-8, as in the project"
        ) from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not YAML: {error}") from None


def validated(path: Path, raw: Any, model: type[_M]) -> _M:
    """What was read as that model; SettingsError as for ``load_yaml``."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise SettingsError(f"{path}:\n" + "\n".join(f"  {_told(e)}" for e in error.errors())) from None


def _told(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "the file"
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown key; docs/settings.md lists the known ones"
    what = f"{where}: {error['msg'].removeprefix('Value error, ')}"
    # Whose addresses are in the section of the alerts is nobody's business who reads a log (rule W3).
    return what if error["loc"][:1] == ("alerts",) else f"{what} (found: {error['input']!r})"[:400]
