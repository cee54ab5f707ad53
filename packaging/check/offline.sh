#!/bin/sh
# In a Debian where no systemd runs, as when the image of a board is made: install, look, run, upgrade, remove, purge.
set -eu
touch /result/begun
exec >/result/log 2>&1
. /check/common.sh
name_this_host
export DEBIAN_FRONTEND=noninteractive
set -x

files >/tmp/before
dpkg --install /packages/this/*.deb
for program in master worker client; do
    facefleet-$program --version
    test -s /usr/share/man/man1/facefleet-$program.1.gz
    test -s /usr/share/bash-completion/completions/facefleet-$program
    test -s /usr/share/doc/facefleet-$program/copyright
done
dpkg --verify
# It will be there when the board starts.
test -L /etc/systemd/system/multi-user.target.wants/facefleet-worker.service
test -L /etc/systemd/system/multi-user.target.wants/facefleet-master.service

# As the units start them, with what is in the files.
master_is localhost:50051
running=
for program in master worker; do
    facefleet-$program --check-config
    $(sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/facefleet-$program.service) >/tmp/$program.log 2>&1 &
    running="$running $!"
done
wait_for grep -q '^joined' /tmp/worker.log
find_a_face
kill $running
wait
cat /tmp/worker.log

# The owner's configuration survives, and so does a service that the owner has switched off.
cp /etc/facefleet/worker.toml /tmp/mine
systemctl disable facefleet-worker
dpkg --install /packages/later/*.deb
cmp /etc/facefleet/worker.toml /tmp/mine
test ! -e /etc/systemd/system/multi-user.target.wants/facefleet-worker.service
dpkg-query --show 'facefleet*'

dpkg --remove facefleet-worker facefleet-master facefleet-client
test ! -e /usr/bin/facefleet-worker
cmp /etc/facefleet/worker.toml /tmp/mine
dpkg --purge facefleet-worker facefleet-master facefleet-client
nothing_left
set +x
echo "offline: passed"
