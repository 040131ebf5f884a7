"""openai-python: the events of `create(stream=True)`, one by one."""

import sys

from openai import OpenAI

try:
    for event in OpenAI().responses.create(model="gpt-5.2", input="Say hello.", stream=True):
        if event.type == "response.output_text.delta":
            print(event.delta, end="")
except Exception as error:
    sys.exit(type(error).__name__)
