#!/bin/sh
# In a Debian with a systemd, as on a board: install, start, break, upgrade, remove, purge.
set -eu
touch /result/begun
exec >/result/log 2>&1
. /check/common.sh
name_this_host
export DEBIAN_FRONTEND=noninteractive
set -x

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
systemctl restart facefleet-worker
systemctl is-active facefleet-master facefleet-worker
joined() {
    facefleet-client nodes --master localhost:50051 --json | grep -q '"state": *"healthy"'
}
wait_for joined
find_a_face
systemctl --no-pager --full status facefleet-worker facefleet-master

pid() {
    systemctl show --property=MainPID --value "$1"
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

# One that is killed is back.
before=$(pid facefleet-worker)
kill -KILL "$before"
back() {
    systemctl is-active facefleet-worker && test "$(pid facefleet-worker)" != "$before"
}
wait_for back
wait_for joined
find_a_face

# One whose configuration is wrong says where, and is not tried again.
cp /etc/facefleet/worker.toml /tmp/mine
echo 'thraeds = 3' >>/etc/facefleet/worker.toml
systemctl restart facefleet-worker || true
wait_for systemctl is-failed facefleet-worker
systemctl show --property=ExecMainStatus --value facefleet-worker | grep -qx 2
journalctl --no-pager --output=cat --unit facefleet-worker --lines 8
cp /tmp/mine /etc/facefleet/worker.toml
systemctl restart facefleet-worker

# A new version takes over, with the owner's configuration.
before=$(pid facefleet-worker)
dpkg --install /packages/later/*.deb
cmp /etc/facefleet/worker.toml /tmp/mine
test "$(pid facefleet-worker)" != "$before"
wait_for joined
find_a_face

# What was switched off stays off.
systemctl disable --now facefleet-worker
dpkg --install /packages/later/facefleet-worker_*.deb
not systemctl is-active facefleet-worker
not systemctl is-enabled facefleet-worker

dpkg --remove facefleet-worker facefleet-master facefleet-client
not systemctl is-active facefleet-master
cmp /etc/facefleet/worker.toml /tmp/mine
dpkg --purge facefleet-worker facefleet-master facefleet-client
nothing_left
set +x
echo "booted: passed"
