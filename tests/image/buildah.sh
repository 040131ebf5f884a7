# The engine of `run` where there is no docker: as root on Debian, with buildah and debootstrap.
#
# The image is built on Debian's own Python. Its files are run by unshare and chroot, with the user and the
# environment of its configuration, and as `docker run --read-only --cap-drop ALL` would: as PID 1 of a process
# namespace, with all mounts read-only, without capabilities. Only the network is that of this machine.
export BUILDAH_ISOLATION=chroot DEBIAN_FRONTEND=noninteractive

base=localhost/respool-base
tarball=.cache/image-base.tar
address=127.0.0.2 # answers only if the server listens on all addresses, as in a container it must
container=
job=
pid=

build() {
    for tool in buildah debootstrap curl; do
        command -v "$tool" >/dev/null && continue
        quietly apt-get update
        quietly apt-get install -y --no-install-recommends buildah debootstrap curl
    done
    if [ ! -e "$tarball" ]; then
        echo "making $tarball, which later runs use again"
        quietly make_tarball
        quietly import_tarball
    elif ! buildah inspect --type image "$base" >/dev/null 2>&1; then
        quietly import_tarball
    fi
    quietly build_image
    container=$(buildah from --pull-never "$image")
    root=$(buildah mount "$container")
    echo "built, $(du -sm "$root" | cut -f 1) MB, of which $(du -sm "$root/opt/respool" | cut -f 1) MB are ours"
}

make_tarball() {
    # The mirror that apt uses here; debootstrap has one of its own.
    mirror=$(find /etc/apt \( -name '*.list' -o -name '*.sources' \) -exec cat {} + |
        sed -nE '/^#/d; s#.*(https?://[^ ]+/debian)/?( .*)?$#\1#p' | head -n 1)
    mkdir -p .cache
    rm -rf --one-file-system "$tarball.tree"
    debootstrap --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates \
        bookworm "$tarball.tree" ${mirror:+"$mirror"} &&
        tar -C "$tarball.tree" --exclude './var/cache/apt/*' --exclude './var/lib/apt/lists/*' --exclude './dev/*' \
            -cf "$tarball.part" . &&
        mv "$tarball.part" "$tarball" &&
        rm -rf --one-file-system "$tarball.tree"
}

import_tarball() {
    new=$(buildah from scratch) && buildah add --quiet "$new" "$tarball" / && buildah commit --rm "$new" "$base"
}

# The package index and the certificates of this machine reach the build as mounts, never the image.
build_image() {
    pip_settings >"$work/pip.conf"
    set -- --volume "$work/pip.conf:/etc/pip.conf:ro"
    [ ! -d /etc/ssl/certs ] || set -- "$@" --volume /etc/ssl/certs:/etc/ssl/certs:ro
    old=$(buildah images --quiet "$image" 2>/dev/null)
    buildah build --format docker "$@" --build-arg "BASE=$base" --tag "$image" . &&
        { [ -z "$old" ] || buildah rmi "$old" || true; }
}

# What pip has been told here of where packages come from, in its files and in the environment.
pip_settings() {
    python3 -c '
import configparser, os
from pathlib import Path
config = configparser.RawConfigParser()
config.read([
    "/etc/pip.conf",
    Path.home() / ".pip/pip.conf",
    Path.home() / ".config/pip/pip.conf",
    os.environ.get("PIP_CONFIG_FILE", os.devnull),
])
found = {key: value for name in config.sections() for key, value in config[name].items()}
print("[global]")
for key in ("index-url", "extra-index-url", "trusted-host", "proxy"):
    value = os.environ.get("PIP_" + key.upper().replace("-", "_"), found.get(key, ""))
    words = [word for word in value.split() if not word.startswith("file:")]
    if words:
        print(key, "=", *words)
if os.path.exists("/etc/ssl/certs/ca-certificates.crt"):
    print("cert = /etc/ssl/certs/ca-certificates.crt")'
}

image_json() {
    buildah inspect --type image "$image" |
        python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)["Docker"]["config"]))'
}

image_run() { sandbox "" "" "$@"; }

# sandbox FOLDER SETTING COMMAND ...: runs a command in the image, with FOLDER mounted at /fixtures.
sandbox() {
    folder=$1 setting=$2
    shift 2
    set -- "RESPOOL_PORT=$port" ${setting:+"$setting"} "$@"
    eval "set -- $(of_image Env)" '"$@"'
    unshare --mount --pid --fork sh -ec "$enter" enter "$work/pid" "$root" "$(of_image User)" "$folder" "$@"
}

# The process that reads its own /proc/self here becomes the command; the /proc is still that of this machine.
enter='
read -r pid _ </proc/self/stat
echo "$pid" >"$1"
root=$2 user=$3 folder=$4
shift 4
mount --bind "$root" "$root"
[ -z "$folder" ] || mount --bind --read-only "$folder" "$root/fixtures"
mount --options remount,bind,ro "$root"
mount --bind --read-only /dev "$root/dev"
mount -t proc --read-only proc "$root/proc"
cd /
exec chroot --userspec="$user" --groups= "$root" /usr/bin/env -i "$@"
'

start() {
    folder=$1 setting=$2
    shift 2
    rm -f "$work/pid"
    eval "set -- $(of_image Entrypoint)" '"$@"'
    sandbox "$folder" "$setting" "$@" >"$work/log" 2>&1 &
    job=$!
    eventually test -s "$work/pid" && read -r pid <"$work/pid"
}

inside() {
    user=$(of_image User)
    set -- "RESPOOL_PORT=$port" "$@"
    eval "set -- $(of_image Env)" '"$@"'
    nsenter --target "$pid" --mount --pid --root --wd --setuid "${user%:*}" --setgid "${user#*:}" /usr/bin/env -i "$@"
}

log() { cat "$work/log"; }

terminate() {
    kill -TERM "$pid"
    tries=0
    while kill -0 "$pid" 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 50 ] || return 1
        sleep 0.1
    done
    code=0
    wait "$job" || code=$?
    job=
    echo "exit code $code" && [ "$code" = 0 ]
}

remove() {
    [ -z "$job" ] || { kill -KILL "$pid" && wait "$job"; } 2>/dev/null || true
    job=
}

discard() {
    remove
    [ -z "$container" ] || buildah rm "$container" >/dev/null
}
