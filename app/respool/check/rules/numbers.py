"""RS2xx: sequence numbers and indexes."""

from respool.check.rules.rule import Level, Rule

NUMBERS = (
    Rule(
        "RS201",
        Level.ERROR,
        "the first sequence_number is not 0",
        "Every real stream starts at 0, though the samples of the API reference show 1. It is a warning "
        "where it starts at 1: clients take it, but starting_after then means another event.",
        '"sequence_number": 3 in response.created',
        "number the events from 0",
    ),
    Rule(
        "RS202",
        Level.ERROR,
        "a sequence_number was skipped",
        "Numbers rise by one, keepalive included. A gap means that events were lost or cut out. It is a "
        "warning where an error event skips one: the service counts the end that it then does not send.",
        "sequence_number 7 after 5",
        "restore the event, or number the events anew",
    ),
    Rule(
        "RS203",
        Level.ERROR,
        "a sequence_number does not rise",
        "An event came twice, or two have changed places.",
        "sequence_number 5 after 5",
        "remove the second event, or put them in order",
    ),
    Rule(
        "RS204",
        Level.ERROR,
        "only some events have a sequence_number",
        "All events have one, or none has. A client that resumes needs each.",
        "no sequence_number in response.output_item.added, but 1 in the event before",
        "give the event its number",
    ),
    Rule(
        "RS205",
        Level.WARNING,
        "no event has a sequence_number",
        "So it was with OpenAI until spring 2025, and is with llama.cpp. Such a stream cannot be resumed.",
        '{"type": "response.created", "response": {...}}',
        "nothing, if the stream is real",
    ),
    Rule(
        "RS206",
        Level.ERROR,
        "output_index is not the next",
        "response.output_item.added has the number of items added so far. Clients use it as an index into "
        "output.",
        "output_index 2 for the second item",
        "count the items from 0",
    ),
    Rule(
        "RS207",
        Level.ERROR,
        "output_index is taken",
        "Another item has it already. It is a warning where that is a message which is still open: Ollama "
        "gives a message and the tool call after it the same one, and never closes the message.",
        "output_index 0 for the second item",
        "count the items from 0",
    ),
    Rule(
        "RS208",
        Level.ERROR,
        "output_index and item_id name different items",
        "A client goes by the one or by the other, so the event goes astray for some. Reported once for "
        "an item and index.",
        'output_index 1 and item_id "msg_1", which was added at 0',
        "correct the one that is wrong",
    ),
    Rule(
        "RS209",
        Level.ERROR,
        "the number of a part is wrong",
        "content_index, summary_index and command_index count from 0 within their item, and each event of "
        "a part has that part's.",
        "content_index 1 for the only part",
        "count the parts from 0, each kind by itself",
    ),
    Rule(
        "RS210",
        Level.ERROR,
        "annotation_index is not the next",
        "Annotations count from 0 within their part.",
        "annotation_index 1 for the first annotation",
        "count the annotations from 0",
    ),
    Rule(
        "RS211",
        Level.WARNING,
        "an index is nowhere",
        "No event of the stream has output_index, or content_index. llama.cpp sends neither. Clients that "
        "put the output together by index fail.",
        '{"type": "response.output_item.added", "item": {...}}',
        "nothing, if the stream is real",
    ),
    Rule(
        "RS212",
        Level.WARNING,
        "partial_image_index is not the next",
        "Previews of an image count from 0.",
        "partial_image_index 1 for the first preview",
        "count the previews from 0",
    ),
)
