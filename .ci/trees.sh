# Bare Debian trees, for `.ci/fresh` and `.ci/image`, which source this file and clean up at their end.
#
# A tree is made in namespaces of its own, which end with the trial, so that nothing is ever mounted in a tree that is removed.
trees=""
trial=""

say() { printf '%s\n' "$*" >&2; }
fail() { say "test-${0##*/}: $*"; exit 1; }

possible() {
    [ "$(id -u)" = 0 ] || { say "test-${0##*/}: no bare machine is tried: only root can make one"; return 1; }
    command -v mmdebstrap >/dev/null || install_mmdebstrap >/dev/null 2>&1 </dev/null ||
        { say "test-${0##*/}: no bare machine is tried: mmdebstrap cannot be had here (apt-get install mmdebstrap)"; return 1; }
    unshare --mount-proc --pid --fork true 2>/dev/null ||
        { say "test-${0##*/}: no bare machine is tried: no namespaces can be made here (unshare --mount-proc --pid)"; return 1; }
}

install_mmdebstrap() {
    local packages="mmdebstrap debian-archive-keyring"
    # shellcheck disable=SC2086 # two packages
    apt-get install -y --no-install-recommends $packages || { apt-get update && apt-get install -y --no-install-recommends $packages; }
}

# Where this machine has its Debian packages from, for another release; nothing where it is no Debian.
debian_sources() { # release
    local label uri
    # shellcheck disable=SC2016 # apt-get fills these in
    apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | sort -u | while read -r label uri; do
        case "$label" in
            Debian) printf 'deb %s %s main\n' "$uri" "$1" "$uri" "$1-updates" ;;
            Debian-Security) printf 'deb %s %s main\n' "$uri" "$1-security" ;;
        esac
    done
}

make_tree() { # release, folder, packages with commas between
    local sources=()
    debian_sources "$1" >"$trees/sources"
    if [ ! -s "$trees/sources" ]; then # apt-get knows them once it has fetched their lists
        if apt-get update -q >/dev/null 2>&1; then debian_sources "$1" >"$trees/sources"; fi
    fi
    apt-config dump | grep -E '^Acquire::(https?::Proxy|Check-)' >"$trees/apt.conf" || true
    if [ -s "$trees/sources" ]; then sources=("$trees/sources"); fi
    unshare --mount-proc --pid --fork --kill-child mmdebstrap --quiet --variant=minbase --include="$3" --aptopt="$trees/apt.conf" "$1" "$2" "${sources[@]}" &
    until_it_ends
    chmod 755 "$2"
    cp /etc/resolv.conf "$2/etc/resolv.conf"
    if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
        cp /usr/local/share/ca-certificates/*.crt "$2/usr/local/share/ca-certificates/"
        # Without this machine's environment: its TMPDIR is no folder of the tree.
        chroot "$2" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin update-ca-certificates >"$trees/certificates" 2>&1 ||
            { cat "$trees/certificates" >&2; fail "the certificates of this machine cannot be added to $2"; }
    fi
}

# What leads to the package index from here, NAME=value.
network_settings() {
    local name index certificates
    index="${PIP_INDEX_URL:-$(pip_setting index-url)}"
    certificates="${PIP_CERT:-$(pip_setting cert)}"
    if [ -n "$index" ]; then echo "PIP_INDEX_URL=$index"; fi
    if [ -n "$certificates" ]; then echo "PIP_CERT=/etc/ssl/certs/ca-certificates.crt"; fi
    for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_DEFAULT_TIMEOUT UV_DEFAULT_INDEX UV_HTTP_TIMEOUT; do
        if [ -n "${!name:-}" ]; then echo "$name=${!name}"; fi
    done
}

pip_setting() { "$(command -v "${VENV:-.venv}/bin/python" || echo python3)" -m pip config get "global.$1" 2>/dev/null || true; }

# Waits for what was started last; an interruption ends it at once, with all that it started.
until_it_ends() {
    local code=0
    trial=$!
    wait "$trial" || code=$?
    trial=""
    return "$code"
}

remove() { # folder
    if grep -qF " $1/" /proc/self/mountinfo; then fail "something is mounted in $1; it is left as it is"; fi
    rm -rf --one-file-system "$1"
}

end() {
    if [ -n "$trial" ]; then
        kill -KILL "$trial" 2>/dev/null || true
        wait "$trial" 2>/dev/null || true
    fi
    if [ -z "$trees" ]; then return; fi
    if [ -n "${KEEP:-}" ]; then say "── kept: $trees"; else remove "$trees"; fi
}
