"""The places where a steer ends a response, and the error codes of a failed steer."""

from enum import StrEnum


class SteerAt(StrEnum):
    """The place where an accepted steer ends a response that was recorded without one."""

    NEXT_ITEM_DONE = "next_item_done"  # the running output item is finished first, as the service does
    IMMEDIATE = "immediate"  # items that are open end as incomplete
    NEVER = "never"  # the recording is played to its end; then the successor starts
    REFUSED = "refused"  # no steer is accepted, as with a model that cannot be steered


SUCCESSOR_FAILED = "successor_creation_failed"  # the only one that comes after the steer was accepted

# Source: `response.steer.failed` of the service's steering guide.
STEER_CODES = (
    "response_not_found",
    "invalid_input",
    "steering_not_supported",
    "too_many_pending_steers",
    "response_already_completed",
    "response_not_active",
    SUCCESSOR_FAILED,
)
