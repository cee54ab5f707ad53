#!/bin/sh
# `cargo xtask deploy` to a Debian with an ssh server, over the network that this script and the Debian share with nobody else.
set -eu
. packaging/check/common.sh
ip link set lo up
# A cable, so that the master can be found; nobody is at its other end.
ip link add eth0 type veth peer name far
ip address add 192.168.77.1/24 dev eth0
ip link set far up
ip link set eth0 up
mkdir "$WORK/bin" "$WORK/shared"

# Keys of their own, and an ssh that knows no others.
for key in host user; do
    ssh-keygen -q -t ed25519 -N '' -f "$WORK/shared/$key"
done
printf '* %s\n' "$(cat "$WORK/shared/host.pub")" >"$WORK/known"
cat >"$WORK/ssh_config" <<END
Port 2022
IdentityFile $WORK/shared/user
IdentitiesOnly yes
UserKnownHostsFile $WORK/known
END
for program in ssh scp; do
    printf '#!/bin/sh\nexec %s -F "%s" "$@"\n' "$(command -v $program)" "$WORK/ssh_config" >"$WORK/bin/$program"
done
chmod +x "$WORK"/bin/*
PATH=$WORK/bin:$PATH

systemd-nspawn --quiet --register=no --keep-unit --volatile=overlay --directory="$DEBIAN" \
    --bind-ro="$WORK/shared:/shared" --bind-ro="$(realpath packaging/check):/check" \
    --boot systemd.run=/check/sshd.sh </dev/null >"$WORK/console.log" 2>&1 &
debian=$!
"$MASTER" >"$WORK/master.log" 2>&1 &
master=$!
# The Debian is switched off in good order.
trap 'kill $debian $master; wait' EXIT
trap 'exit 1' INT TERM
wait_for ssh pi@127.0.0.1 true

deploy() {
    "$XTASK" deploy --packages "$PACKAGES" "$@"
}
on_board() {
    ssh pi@127.0.0.1 "$@"
}
echo "-- what it would do, also to a host that is off"
deploy --dry-run pi@127.0.0.1 pi@127.0.0.2 >"$WORK/plan"
grep -v '^ ' "$WORK/plan"
for said in 'scp .*facefleet-worker_.*\.deb pi@127.0.0.1:$' 'ssh .* pi@127.0.0.2 ' 'dpkg .*--install "$package"' 'nodes$'; do
    grep -q "$said" "$WORK/plan" || fail "a dry run is to say: $said"
done
! on_board test -e /usr/bin/facefleet-worker || fail "a dry run is not to install anything"

echo "-- the first time, behind a host that is off and one where nothing may be installed; nobody names the master"
begin=$(date +%s%N)
code=0
deploy pi@127.0.0.2 guest@127.0.0.1 pi@127.0.0.1 2>"$WORK/stderr" || code=$?
cat "$WORK/stderr"
[ "$code" = 1 ] || fail "the exit code is to be 1, not $code"
grep -q '^xtask: failed on 2 of the hosts: pi@127.0.0.2: .*; guest@127.0.0.1: ' "$WORK/stderr" || fail "the error is to name those hosts"
grep -q 'connect to host 127.0.0.2 .* Connection refused' "$WORK/stderr" || fail "ssh is to say why"
grep -q 'sudo: .*password' "$WORK/stderr" || fail "sudo is to say why"
# Without a name it would do the work itself if it did not find the master.
timeout 60 "$CLIENT" run assets/photos/astronaut.jpg --master 127.0.0.1:50051 --json - >"$WORK/faces"
end=$(date +%s%N)
grep -q '"box"' "$WORK/faces" || fail "no face was found"
! on_board sudo sh -c "'ls /home/guest/*.deb'" || fail "a package is not to stay where it cannot be installed"
echo "from deploy to the first frame served: $(((end - begin) / 1000000)) ms"

echo "-- once more, where it is installed already, and with a name for the master; and again"
pid() {
    on_board sudo systemctl show --property=MainPID --value facefleet-worker
}
for address in 127.0.0.1:50051 localhost:50051; do
    before=$(pid)
    deploy --master $address pi@127.0.0.1
    [ "$(pid)" != "$before" ] || fail "the worker is to be started again"
    on_board cat /etc/facefleet/worker.toml | grep '^master = ' >"$WORK/master"
    [ "$(cat "$WORK/master")" = "master = \"$address\"" ] || fail "the configuration is to name $address alone"
done
! on_board ls -A | grep deb || fail "the package is to be removed once it is installed"
echo "deploy: passed"
