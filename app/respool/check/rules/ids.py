"""RS3xx: ids."""

from respool.check.rules.rule import Level, Rule

IDS = (
    Rule(
        "RS301",
        Level.ERROR,
        "the response's id changes",
        "All events of a stream are of one response, and response.id is the same in each that has it.",
        "resp_1 in response.created, resp_2 in response.completed",
        "use one id",
    ),
    Rule(
        "RS302",
        Level.ERROR,
        "item_id is not that of the item",
        "item_id repeats the id from response.output_item.added of the same output_index. Clients which "
        "keep items by id lose the event.",
        'item_id "msg_2" at output_index 0, where msg_1 was added',
        "use the item's id",
    ),
    Rule(
        "RS303",
        Level.ERROR,
        "the item's id changes when it is done",
        "response.output_item.done has the id with which the item was added.",
        "msg_1 in response.output_item.added, msg_2 in response.output_item.done",
        "use one id",
    ),
    Rule(
        "RS304",
        Level.ERROR,
        "call_id or name changes",
        "The call_id binds a tool's output to its call; it may be null at first (a client's "
        "tool_search_call), but does not change. It is a warning where the name of the function changes.",
        "call_1 in response.output_item.added, call_2 in response.output_item.done",
        "use one call_id",
    ),
    Rule(
        "RS305",
        Level.ERROR,
        "another id in the final output",
        "response.output has the items in their order, with their ids. It is a warning for OpenRouter "
        "and vLLM, which give items other ids then.",
        "response.output[0].id is msg_2, but the item was msg_1",
        "use the ids and the order of the events",
    ),
    Rule(
        "RS306",
        Level.WARNING,
        "every id changes in every event",
        "GitHub Copilot encrypts ids anew each time. Clients must go by output_index; the SDKs' helpers "
        "fail.",
        "item_id differs in each response.output_text.delta",
        "nothing, if the stream is real",
    ),
    Rule(
        "RS307",
        Level.WARNING,
        "two items have one id",
        "Clients which keep items by id take the second for the first.",
        "msg_1 at output_index 0 and 1",
        "give each item an id of its own",
    ),
)
