"""RS5xx: status and settings of the response and its items."""

from respool.check.rules.rule import Level, Rule

STATUS = (
    Rule(
        "RS501",
        Level.ERROR,
        "response.status does not fit the event",
        "Each event of the response has its status: response.completed completed, response.failed failed "
        "(or cancelled). Clients go by the one or the other.",
        '"status": "in_progress" in response.completed',
        "correct the status",
    ),
    Rule(
        "RS502",
        Level.WARNING,
        "the response changes before anything was generated",
        "response.in_progress repeats the response of response.created; only the status of one that was "
        "queued changes. It is an info where fields are missing.",
        '"temperature": 1 in response.created, 0 in response.in_progress',
        "use one response",
    ),
    Rule(
        "RS503",
        Level.WARNING,
        "output or usage before the end",
        "Until the terminal event, output is empty and usage is null.",
        "usage in response.in_progress",
        "empty the output, set usage to null",
    ),
    Rule(
        "RS504",
        Level.WARNING,
        "created_at, model or object changes",
        "They are the same in all events of one response. Ollama takes the time anew for each.",
        '"created_at": 1 in response.created, 2 in response.completed',
        "use one value",
    ),
    Rule(
        "RS505",
        Level.WARNING,
        "an item is done, but its status is not",
        "A closed item is completed, incomplete or failed, unless its type has no status. Azure leaves "
        "images generating, and web searches searching.",
        '"status": "in_progress" in response.output_item.done',
        "correct the status",
    ),
    Rule(
        "RS506",
        Level.ERROR,
        "the type of an item or part changes",
        "What is closed has the type with which it was opened.",
        "a message is added, a reasoning item is done",
        "correct the type",
    ),
    Rule(
        "RS507",
        Level.WARNING,
        "the response does not say why it ended",
        "response.failed has error, response.incomplete has incomplete_details.reason. Clients show it.",
        '"error": null in response.failed',
        "give the reason",
    ),
    Rule(
        "RS508",
        Level.WARNING,
        "no usage at the end",
        "response.completed has the number of tokens. Clients which count them count nothing.",
        '"usage": null in response.completed',
        "nothing, if the stream is real",
    ),
)
