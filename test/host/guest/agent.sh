#!/bin/sh
# First program of the mounted image: makes an ordinary host of it, says "ready", waits for "go EPOCH-SECONDS", runs what
# the share says and reports its exit code. Between "ready" and "go" the machine may be saved and restored: nothing that
# cannot be saved (a 9p mount) is mounted until then.
export PATH=/opt/node/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
control=/dev/virtio-ports/vmlet.control
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/pts /dev/shm /dev/hugepages
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 -o nsdelegate cgroup2 /sys/fs/cgroup
mount -t hugetlbfs hugetlbfs /dev/hugepages 2> /dev/null
mkdir -p /run/lock /run/netns
ln -sfn /proc/self/fd /dev/fd
ln -sfn fd/0 /dev/stdin
ln -sfn fd/1 /dev/stdout
ln -sfn fd/2 /dev/stderr
hostname test-host
# Before anything is made, so that it gets a label. Loading the policy also mounts /sys/fs/selinux.
! grep -q selinux=1 /proc/cmdline || load_policy -i
# As systemd leaves it: no process in the root that has controllers for children, and init in a group of its own.
mkdir -p /sys/fs/cgroup/init.scope
echo $$ > /sys/fs/cgroup/init.scope/cgroup.procs
for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
  echo "+$controller" > /sys/fs/cgroup/cgroup.subtree_control
done
for module in virtio_console 9pnet_virtio 9p tun bridge veth vhost_net nf_tables nft_ct nft_nat nft_masq nft_redir nft_log nft_limit nft_reject_inet \
  nft_fib_inet nft_queue nft_objref dummy macvlan macvtap ipvlan vxlan 8021q bonding kvm_amd loop $(sed -n 's/.*testhost.modules=\([^ ]*\).*/\1/p' /proc/cmdline | tr , ' '); do
  modprobe -q "$module"
done
# There is no udev: names of ports and nodes come from here.
mkdir -p /dev/virtio-ports
for port in /sys/class/virtio-ports/*; do
  [ -e "$port/name" ] && ln -sfn "../$(basename "$port")" "/dev/virtio-ports/$(cat "$port/name")"
done
chmod 666 /dev/kvm 2> /dev/null
ip link set lo up
node -e 0

exec 3<> "$control"
echo '{"type":"ready"}' >&3
while read -r word epoch <&3; do
  [ "$word" != go ] || break
done
date -s "@$epoch" > /dev/null
code=125
if mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro share /share &&
  mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro repository /repository; then
  mkdir -p /run/repository/changes /run/repository/work
  . /share/run.sh
fi
echo "{\"type\":\"exit\",\"code\":$code}" >&3
# The machine is ended from outside; a first program that ends would be a kernel panic.
while :; do sleep 1000; done
