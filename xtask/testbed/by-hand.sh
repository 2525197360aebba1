#!/bin/sh
# What the package and `kafka-node setup` do, by hand: only for a bed without a package (`--by-hand`).
set -eu
share=/mnt/share
id kafka >/dev/null 2>&1 || useradd --system --user-group --home-dir /var/lib/kafka-node --no-create-home --shell /usr/sbin/nologin kafka
install -m 0755 "$share/kafka-node" /usr/bin/kafka-node
install -m 0644 "$share/kafka-node.service" /usr/lib/systemd/system/kafka-node.service
install -m 0644 "$share/kafka-node.tmpfiles" /usr/lib/tmpfiles.d/kafka-node.conf
install -d -m 0755 /etc/kafka-node /opt
install -m 0640 -g kafka "$share/kafka-node.toml" /etc/kafka-node/kafka-node.toml
tar --extract --gzip --no-same-owner --directory=/opt --file="$(echo "$share"/kafka_*.tgz)"
ln -sfn "$(basename "$share"/kafka_*.tgz .tgz)" /opt/kafka
install -d -m 0750 -o kafka -g kafka /data/zookeeper /data/kafka
systemd-tmpfiles --create kafka-node.conf
systemctl daemon-reload
