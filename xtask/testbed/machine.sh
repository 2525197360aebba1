#!/bin/sh
# The hardware of one node, run by `cargo xtask testbed` in a mount namespace of its own: boots the container, boots it again
# after a reboot, ends after a power-off. A shell, since it is nothing but mounts and one program; its settings are in the
# environment, as testbed/power.rs writes them. What it mounts dies with its namespace, also when it is killed.
set -eu

while read -r group; do echo $$ >"$group/cgroup.procs"; done <"$BED_NODE/cgroups"
# pid and start time together name a process for good
note() { stat=$(cat "/proc/$2/stat"); set -- "$1" "$2" ${stat##*) }; echo "$2 ${22}" >"$BED_NODE/$1.new"; mv "$BED_NODE/$1.new" "$BED_NODE/$1"; }
say() { echo "=== $(date +%T.%3N) $*" >>"$BED_NODE/console.log"; }
note machine.pid $$

unset SYSTEMD_NSPAWN_UNIFIED_HIERARCHY
case $BED_CGROUP in
unified)
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 ;;
hybrid) ;; # what systemd-nspawn chooses by itself on a machine with both
legacy) export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=0 ;;
esac

mkdir -p "$BED_NODE/disk" "$BED_NODE/root"
while :; do
  mount -o loop "$BED_NODE/disk.img" "$BED_NODE/disk"
  mkdir -p "$BED_NODE/disk/up" "$BED_NODE/disk/work" "$BED_NODE/disk/data"
  mount -t overlay "$BED_HOST" -o "lowerdir=$BED_ROOT,upperdir=$BED_NODE/disk/up,workdir=$BED_NODE/disk/work" "$BED_NODE/root"
  mkdir -p "$BED_NODE/root/data"
  say "power on"
  systemd-nspawn --quiet --register=no --keep-unit --directory="$BED_NODE/root" \
    --machine="$BED_HOST" --hostname="$BED_HOST" --network-namespace-path="/run/netns/$BED_NETNS" \
    --resolv-conf=off --timezone=off --link-journal=no --console=pipe \
    --bind="$BED_NODE/disk/data:/data" --bind-ro="$BED_SHARE:/mnt/share" $BED_FIRST \
    >>"$BED_NODE/console.log" 2>&1 </dev/null &
  nspawn=$!
  note nspawn.pid $nspawn
  code=0
  wait $nspawn || code=$?
  say "power off, code $code"
  rm -f "$BED_NODE/nspawn.pid"
  umount "$BED_NODE/root" || umount -l "$BED_NODE/root"
  umount "$BED_NODE/disk" || umount -l "$BED_NODE/disk"
  # 133: the node asked for a reboot
  [ "$code" = 133 ] || break
  sleep 1 # in the firmware
done
rm -f "$BED_NODE/machine.pid"
