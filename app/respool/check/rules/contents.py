"""RS4xx: contents that do not add up."""

from respool.check.rules.rule import Level, Rule

CONTENTS = (
    Rule(
        "RS401",
        Level.ERROR,
        "the deltas are not the whole text",
        "The deltas joined are what the .done event has. A difference means that a delta was lost, "
        "doubled or changed.",
        'deltas "Hel" and "o", and "Hello" in response.output_text.done',
        "restore the delta; the message says where the texts differ",
    ),
    Rule(
        "RS402",
        Level.ERROR,
        "the part is not what has come",
        "The event that closes a part repeats the text of its .done event.",
        '"Hello" in response.output_text.done, "Hallo" in response.content_part.done',
        "use one text",
    ),
    Rule(
        "RS403",
        Level.ERROR,
        "the item's parts are not what has come",
        "response.output_item.done repeats each part as it was closed. It is a warning where only other "
        "fields than the text differ.",
        '"Hello" in response.content_part.done, "Hallo" in item.content[0].text',
        "use one text",
    ),
    Rule(
        "RS404",
        Level.ERROR,
        "the item is not what has come",
        "response.output_item.done repeats arguments, input, code, diff, commands or their output.",
        '"{}" in response.function_call_arguments.done, "" in item.arguments',
        "use one value",
    ),
    Rule(
        "RS405",
        Level.ERROR,
        "the item has another number of parts",
        "Each part of a message or of a reasoning summary comes in events of its own. It is a warning "
        "where the reasoning comes without any.",
        "two parts in item.content, but only one response.content_part.added",
        "add the missing events, or remove the part",
    ),
    Rule(
        "RS406",
        Level.ERROR,
        "annotations are not those that were added",
        "A part has the annotations of its response.output_text.annotation.added events, in their order. "
        "It is a warning where there was no such event at all.",
        "two annotations in the part, but only one was added",
        "add the missing event, or remove the annotation",
    ),
    Rule(
        "RS407",
        Level.ERROR,
        "the final output has another number of items",
        "response.output has each item that was added. Clients take one for the other: those that stream "
        "use the events, those that do not use the output.",
        "two items were added, response.output has one",
        "make response.output the list of the items of response.output_item.done",
    ),
    Rule(
        "RS408",
        Level.ERROR,
        "an item differs in the final output",
        "response.output repeats each item as response.output_item.done has it; only encrypted_content, "
        "and the fingerprint of a program, are made anew. It is a warning where one of the two has fields "
        "that the other lacks, and they say nothing.",
        '"Hello" in response.output_item.done, "Hallo" in response.output',
        "use the item of response.output_item.done",
    ),
    Rule(
        "RS409",
        Level.WARNING,
        "the final output is empty or absent",
        "Items have come, but response.output has none: so it is with Codex on ChatGPT, and with vLLM. "
        "Clients that take the answer from the final response find nothing.",
        '"output": [] in response.completed, after an item',
        "nothing, if the stream is real: a client must collect the items",
    ),
    Rule(
        "RS410",
        Level.WARNING,
        "a text without deltas",
        "It comes as a whole with its .done event: LM Studio does so with arguments. Clients that show "
        "text as it grows show nothing.",
        "response.function_call_arguments.done without response.function_call_arguments.delta",
        "nothing, if the stream is real",
    ),
    Rule(
        "RS411",
        Level.INFO,
        "an empty delta",
        "OpenAI never sends one. Reported once.",
        '"delta": ""',
        "remove the event",
    ),
    Rule(
        "RS412",
        Level.WARNING,
        "a text begins before its deltas",
        "The event that opens a part or an item has a text already. Clients that add the deltas to it, "
        "and those that begin anew, end with different texts.",
        '"text": "Hello" in response.content_part.added, and then the delta "Hello"',
        "open it with an empty text",
    ),
)
