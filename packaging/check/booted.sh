#!/bin/sh
# In a Debian with a systemd, as on a board: install, start, break, upgrade, remove, purge; and the same by hand, from the archive.
set -eu
touch /result/begun
exec >/result/log 2>&1
. /check/common.sh
name_this_host
export DEBIAN_FRONTEND=noninteractive
set -x
systemctl --version

files >/tmp/before
# Who says that nothing may be started while packages are installed is heard.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
dpkg --install /packages/this/facefleet-master_*.deb
not systemctl is-active facefleet-master
rm /usr/sbin/policy-rc.d
dpkg --purge facefleet-master
nothing_left

dpkg --install /packages/this/*.deb
systemctl is-enabled facefleet-master facefleet-worker
master_is localhost:50051
sed -i 's/^#heartbeat-log/heartbeat-log/' /etc/facefleet/master.toml
systemctl restart facefleet-worker facefleet-master
systemctl is-active facefleet-master facefleet-worker
joined() {
    facefleet-client nodes --master localhost:50051 --json | grep -q '"state": *"healthy"'
}
wait_for joined
find_a_face
systemctl --no-pager --full status facefleet-worker facefleet-master

property() {
    systemctl show --property="$2" --value "$1"
}
pid() {
    property "$1" MainPID
}
for unit in facefleet-worker facefleet-master; do
    # A user from systemd's range of those that are there only while a service runs.
    user=$(stat -c %u "/proc/$(pid $unit)")
    test "$user" -ge 61184 && test "$user" -le 65519
    # As the service sees it, nobody writes to the system, not even root.
    not nsenter --mount --target "$(pid $unit)" touch /usr/bin/mine
    not nsenter --mount --target "$(pid $unit)" touch /etc/mine
    systemctl show --property=MemoryHigh,MemoryMax $unit
    systemd-analyze security --no-pager --threshold=25 $unit | tail -n 1
done

# Systemd understands the units, but for what it has learned since 252.
journalctl --no-pager --output=cat _PID=1 | grep '/facefleet-[a-z]*\.service:' | sort -u >/tmp/warnings || true
cat /tmp/warnings
not grep -v "Unknown key.*'Restart\(Steps\|MaxDelaySec\)'" /tmp/warnings

# One that is killed is back, and again, later each time where systemd can do that.
for time in 1 2; do
    before=$(pid facefleet-worker)
    kill -KILL "$before"
    back() {
        after=$(pid facefleet-worker)
        test "$after" != 0 && test "$after" != "$before"
    }
    wait_for back
    wait_for joined
done
find_a_face
test "$(property facefleet-worker NRestarts)" = 2
test "$(property facefleet-worker RestartUSec)" = 5s
[ -s /tmp/warnings ] || not test "$(property facefleet-worker RestartUSecNext)" = 5s

# One whose configuration is wrong says where, and is not tried again.
cp /etc/facefleet/worker.toml /tmp/mine
echo 'thraeds = 3' >>/etc/facefleet/worker.toml
systemctl restart facefleet-worker || true
wait_for systemctl is-failed facefleet-worker
test "$(property facefleet-worker ExecMainStatus)" = 2
journalctl --no-pager --output=cat --unit facefleet-worker --lines 8
cp /tmp/mine /etc/facefleet/worker.toml
systemctl restart facefleet-worker

# A new version takes over, with the owner's configuration.
units="facefleet-worker facefleet-master"
before=$(for unit in $units; do pid $unit; done)
dpkg --install /packages/later/*.deb
cmp /etc/facefleet/worker.toml /tmp/mine
for unit in $units; do
    systemctl is-active $unit
    not test "$(echo "$before" | grep -x "$(pid $unit)")"
    test "$(readlink "/proc/$(pid $unit)/exe")" = /usr/bin/$unit
done
wait_for joined
find_a_face

# What was switched off stays off.
systemctl disable --now facefleet-worker
dpkg --install /packages/later/facefleet-worker_*.deb
not systemctl is-active facefleet-worker
not systemctl is-enabled facefleet-worker

# Who removes them keeps what is theirs; who purges them keeps nothing.
touch /var/cache/private/facefleet-worker/speed
dpkg --remove facefleet-worker facefleet-master facefleet-client
not systemctl is-active facefleet-master
cmp /etc/facefleet/worker.toml /tmp/mine
test -s /var/lib/private/facefleet-master/heartbeats.jsonl
test -e /var/cache/private/facefleet-worker/speed
dpkg --purge facefleet-worker facefleet-master facefleet-client
nothing_left

# What the archive's own words say: the commands below a heading.
commands() {
    awk -v heading="## $1" '/^## /{on = $0 == heading} on && /^```/{code = !code; next} on && code' README.md
}
mkdir /tmp/by-hand
cd /tmp/by-hand
tar --extract --file "$(ls /packages/this/*.tar.gz)" --strip-components=1
commands Install | sh -ex
master_is localhost:50051
systemctl restart facefleet-worker
wait_for joined
find_a_face
commands Remove | sh -ex
cd /
nothing_left
set +x
echo "booted: passed"
