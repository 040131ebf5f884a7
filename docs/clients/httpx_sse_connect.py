"""httpx-sse: the server-sent events, each with a JSON object as its data."""

import json
import os
import sys

import httpx
from httpx_sse import connect_sse

url = f"{os.environ['OPENAI_BASE_URL']}/responses"
request = {"model": "gpt-5.2", "input": "Say hello.", "stream": True}
try:
    with httpx.Client() as client, connect_sse(client, "POST", url, json=request) as source:
        for sse in source.iter_sse():
            event = json.loads(sse.data)
            if event["type"] == "response.output_text.delta":
                print(event["delta"], end="")
except Exception as error:
    sys.exit(type(error).__name__)
