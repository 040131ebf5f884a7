"""The API's errors for parameters, each worded once: see `api_errors`."""

from collections.abc import Sequence

from respool.errors import RequestError, printable
from respool.protocol.api_errors import refused
from respool.protocol.events import json_kind


def _listed(values: Sequence[str], conjunction: str) -> str:
    quoted = [f"'{printable(value)}'" for value in values]
    if len(quoted) < 3:
        return f" {conjunction} ".join(quoted)
    return f"{', '.join(quoted[:-1])}, {conjunction} {quoted[-1]}"


def one_of(values: Sequence[str]) -> str:
    """Return the expected values as an ``invalid_type`` error lists them: ``one of 'auto' or 'disabled'``."""
    return f"one of {_listed(values, 'or')}"


def missing_parameter(param: str) -> RequestError:
    """Return the error for a missing parameter. `param` is its path: ``model``, ``tools[0].name``."""
    return refused(f"Missing required parameter: '{printable(param)}'.", "missing_required_parameter", param)


def missing_input() -> RequestError:
    """Return the error for a request without any input. The quotes are the service's own."""
    return refused(
        "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation' must be provided.",
        "missing_required_parameter",
        None,
    )


def unknown_parameter(param: str, near: Sequence[str] = ()) -> RequestError:
    """Return the error for an unknown parameter. `near` are the known parameters with similar names, the
    nearest first."""
    hint = f" Did you mean {_listed(near, 'or')}?" if near else ""
    return refused(f"Unknown parameter: '{printable(param)}'.{hint}", "unknown_parameter", param)


def unsupported_parameter(param: str, reason: str) -> RequestError:
    """Return the error for a known but unsupported parameter. `reason` ends the sentence: "not supported with
    this model"."""
    return refused(
        f"Unsupported parameter: '{printable(param)}' is {reason}.", "unsupported_parameter", param
    )


def invalid_type(param: str, expected: str, value: object) -> RequestError:
    """Return the error for a value of another JSON type. `expected` has its article: "a string"."""
    got = "a decimal number" if isinstance(value, float) else json_kind(value)
    return refused(
        f"Invalid type for '{printable(param)}': expected {expected}, but got {got} instead.",
        "invalid_type",
        param,
    )


def invalid_value(param: str, value: object, supported: Sequence[str]) -> RequestError:
    """Return the error for an unsupported value."""
    shown = printable(value if isinstance(value, str) else "")
    return refused(
        f"Invalid value: '{shown}'. Supported values are: {_listed(supported, 'and')}.",
        "invalid_value",
        param,
    )


def below_minimum(param: str, value: float, minimum: float, *, decimal: bool = False) -> RequestError:
    """Return the error for a number that is too small. `decimal`: the parameter is no integer."""
    return _out_of_range(param, value, minimum, decimal, "below minimum", ">=", "below_min")


def above_maximum(param: str, value: float, maximum: float, *, decimal: bool = False) -> RequestError:
    """Return the error for a number that is too large. `decimal`: the parameter is no integer."""
    return _out_of_range(param, value, maximum, decimal, "above maximum", "<=", "above_max")


def _out_of_range(
    param: str, value: float, limit: float, decimal: bool, where: str, sign: str, code: str
) -> RequestError:
    kind = "decimal" if decimal else "integer"
    shown = "a number of many digits" if abs(value) > 1e40 else value  # Python does not print the longest
    return refused(
        f"Invalid '{printable(param)}': {kind} {where} value. "
        f"Expected a value {sign} {limit}, but got {shown} instead.",
        f"{kind}_{code}_value",
        param,
    )


def string_too_long(param: str, length: int, most: int) -> RequestError:
    """Return the error for a string that is too long. Lengths are in characters."""
    return refused(
        f"Invalid '{printable(param)}': string too long. "
        f"Expected a string with maximum length {most}, but got a string with length {length} instead.",
        "string_above_max_length",
        param,
    )


def key_too_long(param: str, key: str, most: int) -> RequestError:
    """Return the error for a key that is too long, in the object at `param`. The words are the service's; the
    code is that of a string."""
    return refused(
        f"Invalid property name in '{printable(param)}': '{printable(key)}' is too long. "
        f"Expected a string with maximum length {most}, but got a string with length {len(key)} instead.",
        "string_above_max_length",
        f"{param}.{key}",
    )


def array_too_long(param: str, length: int, most: int) -> RequestError:
    """Return the error for an array with more than `most` elements."""
    return refused(
        f"Invalid '{printable(param)}': array too long. "
        f"Expected an array with maximum length {most}, but got an array with length {length} instead.",
        "array_above_max_length",
        param,
    )


def too_many_properties(param: str, count: int, most: int) -> RequestError:
    """Return the error for an object with more than `most` keys."""
    return refused(
        f"Invalid '{printable(param)}': too many properties. "
        f"Expected an object with at most {most} properties, "
        f"but got an object with {count} properties instead.",
        "object_above_max_properties",
        param,
    )


def mutually_exclusive(first: str, second: str) -> RequestError:
    """Return the error for two parameters that exclude each other. The service abbreviates the names; we do
    not."""
    return refused(
        f"Mutually exclusive parameters. Ensure you are only providing one of: '{first}' or '{second}'.",
        "mutually_exclusive_parameters",
        None,
    )


def only_when_streaming(param: str) -> RequestError:
    """Return the error for a parameter that is only valid in a stream."""
    return refused(f"The '{param}' parameter is only allowed when 'stream' is enabled.", None, param)


def invalid_function_schema(param: str, name: str, problem: str) -> RequestError:
    """Return the error for the schema of a function. `param` is ``tools[0].parameters``; `problem` is a
    sentence without full stop."""
    return refused(
        f"Invalid schema for function '{printable(name)}': {problem}.", "invalid_function_parameters", param
    )


def invalid_format_schema(name: str, problem: str) -> RequestError:
    """Return the error for the schema of ``text.format``. `problem` is a sentence without full stop."""
    return refused(
        f"Invalid schema for response_format '{printable(name)}': {problem}.",
        "invalid_json_schema",
        "text.format.schema",
    )
