#!/usr/bin/env bash
# Builds the demo guest from Debian's packages as an OCI image layout:
#   /boot/vmlinuz, /boot/initrd   a cloud kernel and an initramfs with busybox and dhcpcd
#   /disk/disk.img                a small ext4 data disk
# usage: guest/build.sh OUTPUT_DIR     (kept when its inputs did not change)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
output=$1
case "$(dpkg --print-architecture)" in
amd64) platform=amd64 ;;
arm64) platform=arm64 ;;
*) echo "guest/build.sh: no demo guest for $(dpkg --print-architecture)" >&2; exit 1 ;;
esac

kernel=$(apt-cache depends "linux-image-cloud-$platform" | awk '/Depends: linux-image-/{print $2; exit}')
[ -n "$kernel" ] || { echo "guest/build.sh: package lists hold no linux-image-cloud-$platform: run apt-get update" >&2; exit 1; }
version=$(apt-cache policy "$kernel" | awk '/Candidate:/{print $2}')
stamp="$kernel=$version $(cat "$here"/* | sha256sum | cut -c1-16)"
if [ -f "$output/index.json" ] && [ "$(cat "$output/built-from" 2>/dev/null)" = "$stamp" ]; then
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
# What dhcpcd may be linked with differs by release (OpenSSL since Debian 13): its libraries and theirs.
depends_on_libraries() { apt-cache depends "$@" | awk '/^ *Depends: (lib|zlib)[^<>]*$/{print $2}'; }
mapfile -t direct < <(depends_on_libraries dhcpcd-base)
mapfile -t userland < <({ printf '%s\n' busybox-static dhcpcd-base "${direct[@]}"; depends_on_libraries "${direct[@]}"; } | sort -u)
apt-get download -q -o APT::Sandbox::User=root "$kernel" "${userland[@]}" > apt.log 2>&1 || { cat apt.log >&2; exit 1; }

mkdir kernel userland root layer
# Modules are below /lib up to Debian 12 and below /usr/lib since.
dpkg-deb --fsys-tarfile "$kernel"_*.deb | tar -x -C kernel --wildcards './boot/vmlinuz-*' './*lib/modules/*'
for package in "${userland[@]}"; do
  dpkg-deb --fsys-tarfile "$package"_*.deb | tar -x -C userland --keep-directory-symlink
done

# --- initramfs
mkdir -p root/{bin,sbin,etc/acpi/PWRF,proc,sys,dev,modules,cgi,lib64,lib,tmp,usr/lib,usr/sbin,var}
cp "$(find userland -path '*bin/busybox' -type f)" root/bin/busybox
busybox=$work/root/bin/busybox
ln -s busybox root/bin/sh
install -m 755 "$here/init" root/init
install -m 755 "$here/udhcpc.script" root/etc/udhcpc.script
install -m 755 "$here/index.cgi" root/cgi/index.cgi
install -m 755 "$here/fetch.cgi" root/cgi/fetch
install -m 755 "$here/power.sh" root/etc/acpi/PWRF/00000080
printf 'root:x:0:0:root:/:/bin/sh\n' > root/etc/passwd
printf 'root:x:0:\n' > root/etc/group
# Without it the static busybox looks for name service modules that are not there, and crashes.
printf '%s: files\n' passwd group hosts services protocols networks > root/etc/nsswitch.conf
# dhcpcd with libraries of its own, out of the search path: the static busybox would load them to look names up, and crash.
mkdir -p root/usr/lib/dhcpcd/lib
cp "$(find userland -path '*sbin/dhcpcd' -type f)" root/usr/lib/dhcpcd/dhcpcd
interpreter=$(find userland \( -name 'ld-linux-x86-64.so.2' -o -name 'ld-linux-aarch64.so.1' \) -path '*/lib/*' | head -n 1)
cp -L "$interpreter" root/usr/lib/dhcpcd/lib/loader
library_path=$(find "$work/userland" -name '*.so.*' -printf '%h\n' | sort -u | paste -sd:)
"$interpreter" --library-path "$library_path" --list root/usr/lib/dhcpcd/dhcpcd > libraries
while read -r library file; do
  case "$file" in
  "$work/userland/"*) cp -L "$file" root/usr/lib/dhcpcd/lib/ ;;
  *) echo "guest/build.sh: none of ${userland[*]} holds $library, which dhcpcd needs" >&2; exit 1 ;;
  esac
done < <(awk '$1 !~ /^\// && $2 == "=>" {print $1, $3}' libraries)
printf '#!/bin/sh\nexec /usr/lib/dhcpcd/lib/loader --library-path /usr/lib/dhcpcd/lib /usr/lib/dhcpcd/dhcpcd "$@"\n' > root/usr/sbin/dhcpcd
printf '#!/bin/sh\n' > root/usr/lib/dhcpcd/dhcpcd-run-hooks
chmod 755 root/usr/sbin/dhcpcd root/usr/lib/dhcpcd/dhcpcd-run-hooks
ln -s ../usr/sbin/dhcpcd root/sbin/dhcpcd
# dhcpcd wants a configuration file; everything it does is said on its command line.
: > root/etc/dhcpcd.conf

# Modules in dependency order; one that is built in or absent is passed over by name in the loop below.
: > root/modules/order
for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover virtio_net \
  virtio_blk cdrom isofs button evdev virtio-rng virtio_balloon; do
  file=$(find kernel -name "$module.ko*" | head -n 1)
  case "$file" in
  *.ko) cp "$file" "root/modules/$module.ko" ;;
  *.ko.xz) "$busybox" xzcat "$file" > "root/modules/$module.ko" ;;
  '') continue ;;
  *) echo "guest/build.sh: no way to unpack the kernel module $file" >&2; exit 1 ;;
  esac
  echo "$module" >> root/modules/order
done

mkdir -p layer/boot layer/disk
(cd root && find . | sort | "$busybox" cpio -o -H newc) > layer/boot/initrd 2> cpio.log || { cat cpio.log >&2; exit 1; }
cp kernel/boot/vmlinuz-* layer/boot/vmlinuz

# --- data disk
mkdir data
echo 'This file came to the guest in a containerDisk image.' > data/hello.txt
truncate -s 16M layer/disk/disk.img
mke2fs -q -t ext4 -O ^has_journal -d data layer/disk/disk.img

# --- OCI image layout (https://github.com/opencontainers/image-spec, image-layout.md)
rm -rf oci
mkdir -p oci/blobs/sha256
tar -C layer --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf layer.tar boot disk
put() { # file -> digest
  local digest
  digest=$(sha256sum "$1" | cut -d' ' -f1)
  cp "$1" "oci/blobs/sha256/$digest"
  echo "$digest"
}
layer_digest=$(put layer.tar)
layer_size=$(stat -c %s layer.tar)
printf '{"architecture":"%s","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$platform" "$layer_digest" > config.json
config_digest=$(put config.json)
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":%s}]}' \
  "$config_digest" "$(stat -c %s config.json)" "$layer_digest" "$layer_size" > manifest.json
manifest_digest=$(put manifest.json)
printf '{"imageLayoutVersion":"1.0.0"}' > oci/oci-layout
printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"latest"}}]}' \
  "$manifest_digest" "$(stat -c %s manifest.json)" > oci/index.json
echo "$stamp" > oci/built-from

mkdir -p "$(dirname "$output")"
rm -rf "$output.new"
cp -r oci "$output.new"
rm -rf "$output"
mv "$output.new" "$output"
