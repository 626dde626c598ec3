"""Descriptions of parameters and results, and Moodle's two walks over them: validating and cleaning."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.moodle import types
from sandbox.moodle.errors import InvalidParameter, InvalidResponse

REQUIRED, OPTIONAL, DEFAULT = "required", "optional", "default"


@dataclass(frozen=True)
class Value:
    """One scalar of a PARAM_* type."""

    type: str
    required: str = REQUIRED
    default: Any = None


@dataclass(frozen=True)
class Many:
    """A list of one kind of thing."""

    content: "Description"
    required: str = REQUIRED
    default: Any = field(default_factory=list)


@dataclass(frozen=True)
class One:
    """A structure with named parts, in the order Moodle declares them."""

    keys: Mapping[str, "Description"]
    required: str = REQUIRED
    default: Any = None


Description = Value | Many | One


def optional(param_type: str) -> Value:
    """A scalar that may be left out."""
    return Value(param_type, OPTIONAL)


def default(param_type: str, value: Any) -> Value:
    """A scalar with a default."""
    return Value(param_type, DEFAULT, value)


def validate(description: Description, given: Any) -> Any:
    """The validated parameters, or InvalidParameter with the path to the first wrong one in debuginfo."""
    if isinstance(description, Value):
        return _validate_value(description, given)
    if not isinstance(given, dict):
        raise InvalidParameter(f"Only arrays accepted. The bad value is: '{given}'")
    if isinstance(description, Many):
        return [validate(description.content, item) for item in given.values()]
    return _validate_keys(description, dict(given))


def _validate_value(description: Value, given: Any) -> Any:
    if given is None:
        return None
    if isinstance(given, dict):
        raise InvalidParameter("Scalar type expected, array or object received.")
    if description.type == "bool" and given in ("0", "1", 0, 1):
        return bool(int(given))
    if not types.survives(given, description.type):
        raise InvalidParameter(
            f'Invalid external api parameter: the value is "{given}", '
            f'the server was expecting "{description.type}" type'
        )
    return types.clean(given, description.type)


def _validate_keys(description: One, given: dict[Any, Any]) -> dict[str, Any]:
    result = {}
    for key, part in description.keys.items():
        if key in given:
            try:
                result[key] = validate(part, given.pop(key))
            except InvalidParameter as error:
                raise InvalidParameter(f"{key} => {error.message}: {error.debuginfo}") from None
        elif part.required == REQUIRED:
            raise InvalidParameter(f"Missing required key in single structure: {key}")
        elif part.required == DEFAULT:
            result[key] = part.default
    if given:
        keys = ", ".join(str(key) for key in given)
        raise InvalidParameter(f"Unexpected keys ({keys}) detected in parameter array.")
    return result


def clean_result(description: Description, answer: Any) -> Any:
    """The answer as described: unknown keys dropped, scalars of the right type, or InvalidResponse."""
    if answer is None:
        return None
    if isinstance(description, Value):
        return _clean_scalar(description, answer)
    if isinstance(description, Many):
        return [clean_result(description.content, item) for item in answer]
    result = {}
    for key, part in description.keys.items():
        if key in answer:
            result[key] = clean_result(part, answer[key])
        elif part.required == REQUIRED:
            raise InvalidResponse(f"Error in response - Missing following required key in a single structure: {key}")
        elif part.required == DEFAULT and isinstance(part, Value):
            result[key] = part.default
    return result


def _clean_scalar(description: Value, answer: Any) -> Any:
    if description.type == "bool" and answer in (0, 1, "0", "1"):
        return bool(int(answer))
    if description.type == "url":
        return answer
    if not types.survives(answer, description.type):
        raise InvalidResponse(
            f'Invalid external api response: the value is "{answer}", '
            f'the server was expecting "{description.type}" type'
        )
    return types.clean(answer, description.type)
