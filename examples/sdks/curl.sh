#!/bin/sh
# curl, and nothing else.
set -eu

ask() { curl -sSN "$OPENAI_BASE_URL/responses" -H "authorization: Bearer $OPENAI_API_KEY" -d "$1"; }

printf 'text: '
ask '{"model": "text/hello", "input": "Say hello", "stream": true}' |
    sed -n 's/^data: .*output_text\.delta.*"delta":"\([^"]*\)".*/\1/p' | tr -d '\n'
echo

call=$(ask '{"model": "tools/get_weather", "input": "What is the weather in Paris now?"}' |
    sed -n 's/.*"call_id":"\([^"]*\)".*/\1/p')
printf 'tool: '
ask '{"model": "tools/get_weather", "input": [
  {"role": "user", "content": "What is the weather in Paris now?"},
  {"type": "function_call", "call_id": "'"$call"'", "name": "get_weather",
   "arguments": "{\"city\":\"Paris\",\"unit\":\"celsius\"}"},
  {"type": "function_call_output", "call_id": "'"$call"'", "output": "18 degrees"}]}' |
    sed -n 's/.*"text":"\([^"]*\)".*/\1/p'
echo

printf 'error: '
curl -sS -o /dev/null -w '%{http_code}\n' "$OPENAI_BASE_URL/responses" \
    -d '{"model": "errors/rate_limit", "input": "Hi"}'
