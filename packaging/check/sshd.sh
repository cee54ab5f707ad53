#!/bin/sh
# Makes this Debian a board that was set up for ssh: a user who gets in with a key and may use sudo, and one who may not.
set -eu
. /check/common.sh
name_this_host
for user in pi guest; do
    useradd --create-home --shell /bin/bash $user
    install -D -o $user -m 600 /shared/user.pub /home/$user/.ssh/authorized_keys
done
echo 'pi ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/pi
install -m 600 /shared/host /etc/ssh/host
mkdir -p /run/sshd
# While a system starts, and this one does until this script ends, only root gets in, unless it is said that users may.
systemctl start systemd-user-sessions
exec /usr/sbin/sshd -D -p 2022 -h /etc/ssh/host -o ListenAddress=127.0.0.1
