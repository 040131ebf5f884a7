"""The bug: it has no timeout. When the stream stalls, it waits for ever.

respool drill --recording text/hello fixtures/ -- python examples/clients/waits_for_ever.py
"""

import sys

from openai import OpenAI

# Here is the bug; but the default of ten minutes, for each of three tries, is hardly better.
with OpenAI(timeout=None) as client:
    for event in client.responses.create(model="gpt-5.2", input="Say hello.", stream=True):
        if event.type == "response.completed":
            print(event.response.output_text)
            break
        if event.type in ("response.failed", "response.incomplete", "error"):
            sys.exit(f"no answer: {event.type}")
    else:
        sys.exit("the stream ended before the answer did")
