"""RS1xx: the order of events."""

from respool.check.rules.rule import Level, Rule

ORDER = (
    Rule(
        "RS101",
        Level.ERROR,
        "the stream does not begin with response.created",
        "Clients take the response's id and settings from response.created; the SDKs' stream helpers "
        "refuse to start without it. Only the rest of a background response's stream (starting_after) "
        "begins later.",
        "response.in_progress is the first event",
        "put response.created before it",
    ),
    Rule(
        "RS102",
        Level.ERROR,
        "response.in_progress is missing",
        "After response.created comes response.queued, for a background response that waits, and then "
        "always response.in_progress, before anything is generated.",
        "response.created, then response.output_item.added",
        "put response.in_progress between them",
    ),
    Rule(
        "RS103",
        Level.ERROR,
        "an event of the response is out of order",
        "Each of response.created, response.queued and response.in_progress comes once, in this order; "
        "after an error event there is nothing but response.failed.",
        "response.created comes a second time",
        "remove the second one; if it begins another response, record that as a turn of its own",
    ),
    Rule(
        "RS104",
        Level.ERROR,
        "an event after the end",
        "response.completed, response.incomplete or response.failed ends the stream. Clients stop reading "
        "there, so that all that follows is lost. It is reported once.",
        "response.output_text.delta after response.completed",
        "move the event before the end, or remove it",
    ),
    Rule(
        "RS105",
        Level.WARNING,
        "keepalive after the end",
        "A keepalive changes nothing, but the service closes the stream after the terminal event and has "
        "nothing to keep alive.",
        "keepalive after response.completed",
        "remove it",
    ),
    Rule(
        "RS106",
        Level.ERROR,
        "the stream is cut",
        "There is no response.completed, response.incomplete, response.failed or error at its end. "
        "Clients wait, or report that the stream was closed too early.",
        "response.output_text.delta is the last event",
        "`respool repair` closes a stream that was cut; keep it as it is to test how a client takes it",
    ),
    Rule(
        "RS107",
        Level.ERROR,
        "the item is not open",
        "An event names an output item that response.output_item.added has not opened, or that "
        "response.output_item.done has closed. Clients drop such an event, or fail.",
        "response.output_text.delta with output_index 1, but only item 0 was added",
        "put response.output_item.added before it; if it has come already, correct output_index and item_id",
    ),
    Rule(
        "RS108",
        Level.ERROR,
        "the part is not open",
        "An event names a part that no event has opened, or that is closed. It is a warning where parts "
        "of reasoning are neither opened nor closed at all: vLLM, Ollama and llama.cpp do so.",
        "response.output_text.delta with content_index 0 before response.content_part.added",
        "put response.content_part.added or response.reasoning_summary_part.added before it",
    ),
    Rule(
        "RS109",
        Level.ERROR,
        "out of order in its item or part",
        "The steps of an item, and of a part, have an order: text grows before it is whole, a search is "
        "in progress before it is completed.",
        "response.output_text.delta after response.output_text.done",
        "put the event where the message says that it was expected",
    ),
    Rule(
        "RS110",
        Level.ERROR,
        "an event of another type of item or part",
        "Each event has its type of item (function_call_arguments: function_call) or part (refusal: "
        "refusal). Reported once for an item or part.",
        "response.refusal.delta in a part of type output_text",
        "correct the type, or the output_index or content_index which leads there",
    ),
    Rule(
        "RS111",
        Level.WARNING,
        "a tool's status event is missing",
        "Tool calls tell how they go on: in_progress, searching, completed ... Real streams lack some of "
        "them: Azure's and xAI's web search and image generation, older ones from OpenAI.",
        "response.output_item.done of a web_search_call after response.web_search_call.searching",
        "add the event if a client needs it to show progress",
    ),
    Rule(
        "RS112",
        Level.ERROR,
        "a .done event is missing",
        "When a text or an argument string is whole, a .done event holds all of it. Some clients use only "
        "that. It is a warning for custom tool input, where nothing has grown, and in dialects that leave "
        "it out.",
        "response.content_part.done after deltas, without response.output_text.done",
        "add the .done event with the whole text",
    ),
    Rule(
        "RS113",
        Level.ERROR,
        "an item is open at the end",
        "A response is completed when all its items are. It is a warning for mcp_list_tools, which OpenAI "
        "has left open; an info where the response failed or is incomplete.",
        "response.completed, but msg_1 has had no response.output_item.done",
        "put response.output_item.done before the end",
    ),
    Rule(
        "RS114",
        Level.ERROR,
        "a part is open when its item is done",
        "response.output_item.done has all parts of the item, so each must have been closed.",
        "response.output_item.done without response.content_part.done",
        "put the event that closes the part before response.output_item.done",
    ),
    Rule(
        "RS115",
        Level.INFO,
        "several items are open at a time",
        "OpenAI closes an item before it opens the next, almost always; xAI, OpenRouter and Ollama do "
        "not. Clients that keep only one current item mix them up. Reported once.",
        "response.output_item.added with output_index 1 while item 0 is open",
        "nothing, if the stream is real: a client must go by output_index",
    ),
    Rule(
        "RS116",
        Level.INFO,
        "the stream was resumed",
        "It begins after the first event, as the answer to `GET "
        "/responses/ID?stream=true&starting_after=N` does. What would need the earlier events is not "
        "checked.",
        "response.output_text.delta with sequence_number 7 is the first event",
        "nothing, if that was meant; else record the stream from its beginning",
    ),
)
