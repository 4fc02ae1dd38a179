#!/usr/bin/env bash
# Builds what the test host boots, from Debian's packages, without touching the packages of this machine:
#   tree/       the root tree; the outer QEMU runs out of it, through its own dynamic loader
#   root.ext4   the same as a disk image      vmlinuz, initrd   its kernel, and a busybox that mounts the image
#   packages    every package with its version
# usage: test/host/build-image.sh OUTPUT MIRROR SUITE NODE PACKAGE...     (OUTPUT is new; NODE is copied in as /opt/node)
set -euo pipefail
umask 022
here=$(cd "$(dirname "$0")" && pwd)
output=$1 mirror=$2 suite=$3 node=$4
shift 4
mkdir -p "$output"
chmod 755 "$output"
cd "$output"
fail() { echo "test host: $1" >&2; exit 1; }

# --- mmdebstrap, installed or unpacked from its package
if ! command -v mmdebstrap > /dev/null; then
  mkdir tools
  (cd tools && apt-get download -q -o APT::Sandbox::User=root mmdebstrap) ||
    fail 'mmdebstrap is neither installed nor to be had from the package sources: apt-get update, apt-get install mmdebstrap'
  dpkg-deb -x tools/mmdebstrap_*.deb tools
  PATH=$PWD/tools/usr/bin:$PATH
fi

# --- root tree
excluded=()
for path in doc man locale info lintian; do
  excluded+=("--dpkgopt=path-exclude=/usr/share/$path/*")
done
packages=$(IFS=,; echo "$*")
mmdebstrap --mode=root --variant=minbase --format=directory "${excluded[@]}" \
  --aptopt='Acquire::Check-Valid-Until "false"' --include="$packages" "$suite" tree "deb $mirror $suite main"
dpkg-query --admindir=tree/var/lib/dpkg -W -f '${Package}=${Version}\n' > packages
kernel=$(basename "$(echo tree/lib/modules/*)")
[ -f "tree/boot/vmlinuz-$kernel" ] || fail "the tree holds no single kernel: $(ls tree/boot)"
cp "tree/boot/vmlinuz-$kernel" vmlinuz
rm -rf tree/boot/initrd* tree/var/cache/apt/* tree/var/lib/apt/lists/*

# --- Node.js, the agent, and the places that are mounted over
mkdir -p tree/opt/node tree/opt/test-host tree/repository tree/share
tar -C "$node" -cf - bin/node | tar -C tree/opt/node -xf -
install -m 755 "$here/guest/agent.sh" tree/opt/test-host/agent.sh
printf 'test-host\n' > tree/etc/hostname
printf '127.0.0.1 localhost test-host\n::1 localhost\n' > tree/etc/hosts
: > tree/etc/machine-id
echo 0123456789abcdef0123456789abcdef > tree/etc/machine-id

# --- SELinux labels, written now so that no boot needs to relabel; they mean nothing to the other profiles
contexts=/etc/selinux/default/contexts/files/file_contexts
if [ -f "tree$contexts" ]; then
  sed -i 's/^SELINUX=.*/SELINUX=permissive/' tree/etc/selinux/config
  chroot tree setfiles -q -F -e /proc -e /sys -e /dev "$contexts" / || fail 'setfiles could not write the SELinux labels'
fi

# --- initramfs: modules in dependency order, busybox, and a switch to the image
mkdir -p initrd/bin initrd/modules initrd/{proc,sys,dev,lower,upper,root}
cp "$(find tree/bin/busybox tree/usr/bin/busybox -type f 2> /dev/null | head -n 1)" initrd/bin/busybox
ln -s busybox initrd/bin/sh
install -m 755 "$here/guest/init" initrd/init
number=100
for module in virtio_pci virtio_blk ext4 overlay; do
  while read -r verb file _; do
    [ "$verb" = insmod ] || continue
    name=$(basename "$file")
    plain=${name%.xz}
    [ -z "$(ls initrd/modules | grep -x "[0-9]*-$plain")" ] || continue
    number=$((number + 1))
    case "$name" in
    *.ko.xz) initrd/bin/busybox xzcat "tree$file" > "initrd/modules/$number-$plain" ;;
    *.ko) cp "tree$file" "initrd/modules/$number-$plain" ;;
    *) fail "no way to unpack the kernel module $file" ;;
    esac
  done < <(chroot tree modprobe -S "$kernel" --show-depends "$module")
done
(cd initrd && find . | sort | ./bin/busybox cpio -o -H newc) > initrd.cpio 2> cpio.log || { cat cpio.log >&2; exit 1; }
gzip -1 < initrd.cpio > initrd.gz
rm -rf initrd initrd.cpio cpio.log tools
mv initrd.gz initrd

# --- disk image: owners, extended attributes and labels are kept, and nothing is mounted
size=$(du -sm --apparent-size tree | cut -f1)
truncate -s "$((size * 13 / 10 + 200))M" root.ext4
mke2fs -q -t ext4 -O ^has_journal -d tree root.ext4
