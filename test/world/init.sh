#!/bin/sh
# PID 1 of a world. Runs in fresh network, mount, pid, ipc and uts namespaces: lays the private mounts, makes the one
# bridge that everything sits on, writes its id as the outside knows it, and reaps what is orphaned until it is killed.
# Usage: init.sh <run folder> <node address>/<length> <service network>
set -eu
run=$1 address=$2 services=$3
# Still the outer /proc, so this is the outer id.
read -r pid _ </proc/self/stat

mount --make-rprivate /
mount -t proc proc /proc
resolver=$(readlink -m /etc/resolv.conf)
mkdir -p /var/lib/kubelet /var/lib/cni /var/lib/diolkos
for folder in /run /var/log /var/lib/cni; do mount -t tmpfs tmpfs "$folder"; done
mount --bind "$run/kubelet" /var/lib/kubelet
mount --make-rshared /var/lib/kubelet
# Where install/README.md has people put their bundles.
mount --bind "$run/bundles" /var/lib/diolkos
# A resolv.conf that links into the old /run has lost its target.
[ -e "$resolver" ] || { mkdir -p "$(dirname "$resolver")" && : >"$resolver"; }
mount --bind "$run/resolv.conf" "$resolver"
mount --bind "$run/hosts" /etc/hosts
hostname node-1

# No veth leaves this bridge and there is no default route: that is the gap.
ip link set lo up
ip link add cni0 type bridge
ip address add "$address" dev cni0
ip link set cni0 up
ip route add "$services" dev cni0
echo 1 >/proc/sys/net/ipv4/ip_forward
# Else a pod does not reach a service whose pod sits on the same bridge.
[ ! -e /proc/sys/net/bridge ] || echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables

echo "$pid" >"$run/init.pid.partial"
mv "$run/init.pid.partial" "$run/init.pid"
sleep infinity &
wait
