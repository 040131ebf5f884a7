# The engine of `run` that is docker itself.
address=127.0.0.1
container=

build() {
    quietly docker build ${BASE:+--build-arg "BASE=$BASE"} --tag "$image" .
    echo "built, $(docker image inspect --format '{{.Size}}' "$image") bytes"
}

image_json() { docker image inspect --format '{{json .Config}}' "$image"; }

image_run() {
    command=$1
    shift
    docker run --rm --read-only --entrypoint "$command" "$image" "$@"
}

start() {
    folder=$1 setting=$2
    shift 2
    container=$(docker run --detach --read-only --cap-drop ALL --publish "127.0.0.1:$port:8080" \
        ${folder:+--volume "$folder:/fixtures:ro"} ${setting:+--env "$setting"} "$image" "$@")
}

inside() { docker exec "$container" "$@"; }

log() { docker logs "$container"; }

# After its 5 seconds docker kills, and the exit code is no longer 0.
terminate() {
    docker stop --time 5 "$container"
    code=$(docker inspect --format '{{.State.ExitCode}}' "$container")
    echo "exit code $code" && [ "$code" = 0 ]
}

remove() {
    [ -z "$container" ] || docker rm --force "$container" >/dev/null
    container=
}

discard() { remove; }
