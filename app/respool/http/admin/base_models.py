"""What all parts of the admin API share: the base of its models, the error, parameters."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field


class AdminModel(BaseModel):
    """The base of all models: a field that is not known is an error, since it would say nothing."""

    model_config = ConfigDict(extra="forbid")


class ProblemDetail(AdminModel):
    """What is wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class Problem(AdminModel):
    """An error, in the shape that the service's errors have."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "error": {
                    "message": 'There is no session "checkout".',
                    "type": "invalid_request_error",
                    "param": None,
                    "code": "not_found",
                }
            }
        },
    )
    error: ProblemDetail


def example(**fields: Any) -> ConfigDict:
    """Return the configuration of a model with this example."""
    return ConfigDict(extra="forbid", json_schema_extra={"example": fields})


SessionName = Annotated[
    str,
    Field(description='The session\'s name; "" is the default session.', max_length=200),
]
RequiredSession = Annotated[
    str, Query(description='The session\'s name; "" is the default session.', max_length=200)
]
AnySession = Annotated[
    str | None,
    Query(description='Only of this session; "" is the default session. Left out: of all.', max_length=200),
]
