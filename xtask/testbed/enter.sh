#!/bin/sh
# enter.sh CGROUPS PID COMMAND.. - runs a command inside a node, whose PID 1 is PID here: in all its namespaces and in its
# cgroups, so that /proc/self/cgroup makes sense to it and `down` finds it; as root, with a clean environment.
set -eu
groups=$1
leader=$2
shift 2
while read -r group; do echo $$ >"$group/cgroup.procs"; done <"$groups"
exec nsenter --target "$leader" --mount --uts --ipc --net --pid --cgroup --root --wdns=/ -- \
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" SYSTEMD_PAGER= "$@"
