#!/bin/sh
# PID 1's first step in a node. systemd-nspawn mounts the v1 controllers read-only; they show this node's own cgroup alone, so
# they are opened: without it MemoryLimit=, TasksMax= and CPUShares= are accepted and do nothing.
set -eu
for controller in memory cpu cpuacct pids blkio; do
  [ ! -d "/sys/fs/cgroup/$controller" ] || mount -o remount,rw,bind "/sys/fs/cgroup/$controller" || :
done
for init in /sbin/init /usr/lib/systemd/systemd /lib/systemd/systemd; do
  [ ! -x "$init" ] || exec "$init" "$@"
done
exit 1
