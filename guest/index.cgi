#!/bin/sh
# The page about this guest.
printf 'Content-Type: text/html; charset=utf-8\r\n\r\n'
cat <<PAGE
<!doctype html><title>$(hostname)</title>
<h1>Hello from $(hostname)</h1>
<pre>kernel    $(uname -sr)
up        $(cut -d' ' -f1 /proc/uptime) s
cpus      $(grep -c ^processor /proc/cpuinfo)
memory    $(sed -n 's/MemTotal: *//p' /proc/meminfo)
firmware  $([ -d /sys/firmware/efi ] && echo UEFI || echo BIOS)
hypervisor $(grep -q hypervisor /proc/cpuinfo && echo visible || echo hidden)
addresses $(ip -o addr show scope global | awk '{print $4}' | tr '\n' ' ')
routes    $(ip route | tr '\n' ';') $(ip -6 route show default | tr '\n' ';')
visitor   $REMOTE_ADDR</pre>
PAGE
