# Installs the package $package, which lies in the home folder, and starts the worker, with $master as its master if that is said.
# Prints the number that the master gave it.
set -eu
if [ "$(id -u)" = 0 ]; then as_root=; else as_root='sudo -n'; fi
trap 'rm -f "$package"' EXIT

# Who changed the configuration here keeps it, also where a new version brings another one.
$as_root env DEBIAN_FRONTEND=noninteractive dpkg --force-confold --install "$package" >&2
if [ -n "$master" ]; then
    config=/etc/facefleet/worker.toml
    rest=$(sed '/^master *=/d' "$config")
    printf 'master = "%s"\n%s\n' "$master" "$rest" | $as_root tee "$config" >/dev/null
fi
$as_root systemctl restart facefleet-worker

# What the worker says since this start, and not what it said in an earlier life.
said() {
    life=$($as_root systemctl show --property=InvocationID --value facefleet-worker)
    $as_root journalctl --quiet --output=cat "_SYSTEMD_INVOCATION_ID=$life"
}
tries=0
until joined=$(said | sed -n 's/^joined .* as worker \([0-9]*\)$/\1/p' | tail -n 1) && [ -n "$joined" ]; do
    tries=$((tries + 1))
    if [ "$tries" = 150 ]; then
        echo "the worker has not joined a master in 30 s; the end of its log:" >&2
        said | tail -n 20 >&2
        exit 1
    fi
    sleep 0.2
done
echo "$joined"
