#!/bin/sh
# Runs a Docker engine while a process in $directory/users/ is alive, then takes away all that it made: processes, bridge, rules, sockets.
# Arguments: the engine's own folder, a folder for sockets, `keep` or `forget` for what the engine has stored, and the size of its disk if
# that is to be limited.
# More than one may be started for a folder: the first holds its lock, the others end.
directory=$1 sockets=$2 data=$3 disk=$4
mkdir -p "$directory/users" "$sockets" || exit 1
exec 9>"$directory/lock"
flock -n 9 || exit 0
trap 'ending=yes' TERM INT HUP
mkdir -p "$directory/data" || exit 1
[ -z "$disk" ] || mount -t tmpfs -o "size=$disk" tmpfs "$directory/data" || exit 1

# A bridge and a network of 256 addresses that no other engine of this machine has: making the link is the claim.
number=0
while [ "$number" -lt 256 ]; do
  bridge=errandtest$number network=10.213.$number
  owner=$(cat "/sys/class/net/$bridge/ifalias" 2>/dev/null)
  if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then ip link delete "$bridge" 2>/dev/null; fi
  if ip link add "$bridge" type bridge 2>/dev/null; then break; fi
  number=$((number + 1))
done
device=$(ip route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
mtu=$(cat "/sys/class/net/$device/mtu" 2>/dev/null || echo 1500)
ip link set "$bridge" alias "$$" && ip address add "$network.1/25" dev "$bridge" && ip link set "$bridge" mtu "$mtu" up || exit 1

# The engine's own rules would disturb those of another engine, so it makes none.
rules() {
  iptables -w -t nat "$1" POSTROUTING -s "$network.0/24" ! -d "$network.0/24" -j MASQUERADE
  iptables -w "$1" FORWARD -s "$network.0/24" -j ACCEPT
  iptables -w "$1" FORWARD -d "$network.0/24" -j ACCEPT
}
rules -I 2>>"$directory/log"

used() {
  for user in "$directory"/users/*; do
    kill -0 "${user##*/}" 2>/dev/null && return
    rm -f "$user"
  done
  return 1
}

# Everything of the engine that names its folder of sockets, and what runs in its containers, in one blow.
end_all() {
  pids=$(grep -lzs -- "$sockets/exec" /proc/[0-9]*/cmdline | sed 's|/proc/\([0-9]*\)/.*|\1|' | grep -vx "$$")
  for pid in $pids; do grep -qs containerd-shim "/proc/$pid/cmdline" && pids="$pids $(cat /proc/"$pid"/task/*/children 2>/dev/null)"; done
  # shellcheck disable=SC2086
  [ -z "$pids" ] || kill -9 $pids 2>/dev/null
}

unmount_all() {
  for mount in $(sed -n "s|^[^ ]* \([^ ]*\) .*|\1|p" /proc/mounts | grep -e "^$sockets/" -e "^$directory/data/" | sort -r); do umount -l "$mount" 2>/dev/null; done
}

while [ -z "$ending" ] && used; do
  rm -f "$directory/again"
  dockerd --host "unix://$sockets/docker.sock" --data-root "$directory/data" --exec-root "$sockets/exec" --pidfile "$sockets/docker.pid" \
    --bridge "$bridge" --fixed-cidr "$network.0/25" --default-address-pool "base=$network.128/25,size=28" --mtu "$mtu" --iptables=false \
    --ip6tables=false --shutdown-timeout 1 --log-level warn >>"$directory/log" 2>&1 </dev/null 9>&- &
  engine=$!
  while [ -z "$ending" ] && used && kill -0 "$engine" 2>/dev/null && ! [ -e "$directory/reboot" ]; do sleep 0.3; done
  if [ -z "$ending" ] && used && [ -e "$directory/reboot" ]; then
    end_all
    wait "$engine"
    unmount_all
    # What a machine has in /run is gone after its start.
    rm -rf "$sockets"/*
    rm -f "$directory/reboot"
    continue
  fi
  # Ended by a test that starts it again.
  if [ -z "$ending" ] && used && [ -e "$directory/again" ]; then wait "$engine"; continue; fi
  break
done
kill "$engine" 2>/dev/null
wait "$engine" 2>/dev/null
end_all
rules -D 2>>"$directory/log"
ip link delete "$bridge" 2>/dev/null
unmount_all
# The limited disk, and what an engine that was killed has mounted onto its own folder.
while umount -l "$directory/data" 2>/dev/null; do :; done
rm -rf "$sockets"
[ "$data" = keep ] || rm -rf "$directory"
