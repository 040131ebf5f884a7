"""The bug: it decodes each chunk by itself, and a character that is cut across two of them is lost.

respool drill --recording text/hello fixtures/ -- python examples/clients/loses_characters.py
"""

import json
import os
import re
import sys
import time

import httpx2

url = f"{os.environ['OPENAI_BASE_URL']}/responses"
key = {"authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
request = {"model": "gpt-5.2", "input": "Say hello.", "stream": True}

deadline = time.monotonic() + 5

text = ""
with httpx2.stream("POST", url, json=request, headers=key, timeout=3) as response:
    response.raise_for_status()
    for chunk in response.iter_bytes():
        # Here is the bug: the chunks are cut anywhere. codecs.getincrementaldecoder("utf-8") would do.
        text += chunk.decode("utf-8", "ignore")
        if time.monotonic() > deadline:
            sys.exit("the answer takes too long")

for block in re.split(r"\r\n\r\n|\n\n|\r\r", text.removeprefix("\ufeff")):
    lines = re.split(r"\r\n|\n|\r", block)
    data = "\n".join(
        line.removeprefix("data:").removeprefix(" ") for line in lines if line.startswith("data:")
    )
    if not data or data == "[DONE]":
        continue
    event = json.loads(data)
    if event["type"] == "response.completed":
        output = event["response"]["output"]
        print("".join(part["text"] for item in output for part in item.get("content", [])))
        break
else:
    sys.exit("the stream ended before the answer did")
