# What the scripts of this folder share.

fail() {
    # Whoever reads it wants to know what the programs said.
    [ ! -e /result ] || tail -n 20 /tmp/*.log 2>/dev/null || journalctl --no-pager --output=cat --lines=40
    echo "FAILED: $*"
    exit 1
}

# Runs a command that is to fail. (A shell does not end at `! command`, whatever comes out.)
not() {
    if "$@"; then fail "it is not to succeed: $*"; fi
}

# Tries a command until it succeeds, 30 s at most.
wait_for() {
    case $- in *x*) traced=-x ;; *) traced=+x ;; esac
    set +x
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 150 ] || fail "in 30 s, not once: $*"
        sleep 0.2
    done
    set "$traced"
}

# A Debian that debootstrap made does not know its own names.
name_this_host() {
    printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$(hostname)" >/etc/hosts
}

# Every file, user and group of this system, logs and the package manager's own notes left out.
files() {
    find / -xdev \( -path /proc -o -path /run -o -path /tmp -o -path /result -o -path /var/log -o -path /var/lib/dpkg \) -prune \
        -o -print | sort
    cut -d: -f1 /etc/passwd /etc/group
}

# Ends with an error if anything is there that was not, or gone that was.
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

# A picture with a face goes through the cluster at localhost.
find_a_face() {
    facefleet-client run /photos/astronaut.jpg --master localhost:50051 --json - >/tmp/faces
    cat /tmp/faces
    grep -q '"outcome": *"ok"' /tmp/faces && grep -q '"box"' /tmp/faces || fail "no face was found"
}
