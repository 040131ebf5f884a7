"""openai-python: the helper, which folds the events into the final response."""

import sys

from openai import OpenAI

try:
    with OpenAI().responses.stream(model="gpt-5.2", input="Say hello.") as stream:
        print(stream.get_final_response().output_text)
except Exception as error:
    sys.exit(type(error).__name__)
