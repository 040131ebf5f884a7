#!/bin/sh
# curl, and what a shell has.
set -eu

url=$1
shift
calls=

# The streamed answer to a body, in $out; its status in $status.
ask() {
    out=$(curl -sSN -w '\n%{http_code}' "$url/responses" -H 'content-type: application/json' -d "$1")
    status=$(printf '%s\n' "$out" | tail -n 1)
}
first() { printf '%s\n' "$out" | sed -n "s/.*$1.*/\\1/p" | head -n 1; }
streamed() { printf '%s\n' "$out" | sed -n 's/^data: .*output_text\.delta.*"delta":"\([^"]*\)".*/\1/p' | tr -d '\n'; }
tell() { printf '{"run": "%s", "name": "%s", "text": %s, "calls": [%s], "error": %s}\n' "$1" "$2" "$3" "$calls" "$4"; }

while [ $# -gt 1 ]; do
    run=$1 name=$2 calls=
    shift 2
    begin="\"model\": \"${RESPOOL_MODEL:-$name}\", \"stream\": true"
    question='{"role": "user", "content": "What is the weather in Paris now?"}'
    ask "{$begin, \"input\": [$question]}"
    if [ "$status" != 200 ]; then
        tell "$run" "$name" null "{\"type\": \"HTTP\", \"status\": $status, \"text\": \"\"}"
        continue
    fi
    case $run in grown | previous)
        id=$(first '"type":"response.created".*"id":"\(resp_[^"]*\)"')
        done=$(printf '%s\n' "$out" | grep '"type":"response.output_item.done"' | grep '"type":"function_call"')
        call=$(printf '%s\n' "$done" | sed 's/.*"call_id":"\([^"]*\)".*/\1/')
        tool=$(printf '%s\n' "$done" | sed 's/.*"name":"\([^"]*\)".*/\1/')
        given=$(printf '%s\n' "$done" | sed 's/.*"arguments":"\(\([^"\\]\|\\.\)*\)".*/\1/')
        calls="\"$tool\""
        output="{\"type\": \"function_call_output\", \"call_id\": \"$call\", \"output\": \"noon, 18 degrees\"}"
        if [ "$run" = previous ]; then
            ask "{$begin, \"previous_response_id\": \"$id\", \"input\": [$output]}"
        else
            made="{\"type\": \"function_call\", \"call_id\": \"$call\", \"name\": \"$tool\", \"arguments\": \"$given\"}"
            ask "{$begin, \"input\": [$question, $made, $output]}"
        fi
        ;;
    esac
    case $out in
    *'event: response.failed'* | *'event: error'*)
        tell "$run" "$name" null '{"type": "event", "status": null, "text": ""}' ;;
    *) tell "$run" "$name" "\"$(streamed)\"" null ;;
    esac
done
