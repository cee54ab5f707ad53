# Functions that the scripts of this folder share.

fail() {
    # Whoever reads it wants to know what the programs said.
    [ ! -e /result ] || tail -n 20 /tmp/*.log 2>/dev/null || journalctl --no-pager --output=cat --lines=40
    echo "FAILED: $*"
    exit 1
}

# Runs a command that must fail. (With `set -e` a shell does not stop at `! command`, whatever its result.)
not() {
    if "$@"; then fail "this should have failed: $*"; fi
}

# Tries a command until it succeeds, 30 s at most.
wait_for() {
    case $- in *x*) traced=-x ;; *) traced=+x ;; esac
    set +x
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 150 ] || fail "this did not succeed within 30 s: $*"
        sleep 0.2
    done
    set "$traced"
}

# Writes /etc/hosts, which a Debian that was made with debootstrap lacks.
name_this_host() {
    printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$(hostname)" >/etc/hosts
}

# Lists every file, user and group of this system, except for logs and the data of the package manager.
files() {
    find / -xdev \( -path /proc -o -path /run -o -path /tmp -o -path /result -o -path /var/log -o -path /var/lib/dpkg \) -prune \
        -o -print | sort
    cut -d: -f1 /etc/passwd /etc/group
}

# Fails if anything was added or removed since the list was made.
nothing_left() {
    files >/tmp/after
    diff /tmp/before /tmp/after || fail "files or users were left behind, or went"
    ! dpkg-query --list 'facefleet*' 2>/dev/null | grep -v '^[^ ]*un ' | grep facefleet || fail "dpkg knows of a package"
    ! find /var/lib/dpkg /run -xdev -name '*facefleet*' | grep . || fail "something of it is kept elsewhere"
}

master_is() {
    sed -i "s/^#master = .*/master = \"$1\"/" /etc/facefleet/worker.toml
    grep -q '^master = ' /etc/facefleet/worker.toml || fail "the sample configuration has no line for the master"
}

# Sends a picture with a face through the cluster on localhost.
find_a_face() {
    facefleet-client run /photos/astronaut.jpg --master localhost:50051 --json - >/tmp/faces
    cat /tmp/faces
    grep -q '"outcome": *"ok"' /tmp/faces && grep -q '"box"' /tmp/faces || fail "no face was found"
}
