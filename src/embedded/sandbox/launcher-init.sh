#!/bin/sh
# PID 1 of a launcher sandbox. Starts one libvirt daemon in the foreground and keeps it running; QEMU is daemonized by
# libvirt and therefore becomes a child of this process, which reaps it. Everything is driven by signals, nothing polls:
#   SIGTERM  ask every guest to power off (ACPI), leave with 0 when the last QEMU is gone
#   SIGUSR1  leave with 0 as soon as no QEMU runs (at once in an empty sandbox)
# The checks live in the traps, so a child that ends between a check and the next wait is never missed.
set -u
export MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=65536 MALLOC_TOP_PAD_=16384
# There is no message bus; without this the daemon would try to start one.
export DBUS_SESSION_BUS_ADDRESS=unix:path=/run/no-bus DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/no-bus
[ -d /vmlet/drivers ] && export LIBVIRT_DRIVER_DIR=/vmlet/drivers

ending=
daemon=
if [ -x /usr/sbin/virtqemud ]; then
  name=virtqemud
else
  name=libvirtd
fi
case $name in
  virtqemud) socket=$XDG_RUNTIME_DIR/libvirt/virtqemud-sock ;;
  *) socket=$XDG_RUNTIME_DIR/libvirt/libvirt-sock ;;
esac
uri="qemu:///session?socket=$socket"

# The same program under a path that no AppArmor profile of the host is attached to, where the runtime provides it.
program=/usr/sbin/$name
[ -s "/vmlet/libvirt/$name" ] && program=/vmlet/libvirt/$name

qemu_runs() {
  for stat in /proc/[0-9]*/stat; do
    { read -r _ comm state _ <"$stat"; } 2>/dev/null || continue
    case $comm in
      '(qemu-'*) [ "$state" = Z ] || return 0 ;;
    esac
  done
  return 1
}

# The parent of this process may have changed meanwhile, so nobody can wait for its status: it is left in a file.
leave() {
  echo 0 >"$XDG_CONFIG_HOME/exit-code"
  exit 0
}

leave_when_empty() {
  [ -n "$ending" ] || return 0
  qemu_runs && return 0
  # Clients still have to hear from the daemon how the guest ended.
  trap - CHLD
  [ "$ending" = empty ] || sleep 0.2
  leave
}

# Runs beside the main loop. The daemon may just be restarting, so a few attempts, a second apart.
shut_guests_down() {
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    if domains=$(virsh -q -c "$uri" list --name </dev/null 2>/dev/null); then
      for domain in $domains; do
        virsh -q -c "$uri" shutdown --mode acpi --domain "$domain" </dev/null >&2 &&
          echo "init: asked guest $domain to shut down" >&2
      done
      return
    fi
    sleep 1
  done
}

on_term() {
  [ "$ending" = graceful ] && return
  ending=graceful
  qemu_runs || leave
  shut_guests_down &
}

on_usr1() {
  ending=empty
  leave_when_empty
}

trap leave_when_empty CHLD
trap on_term TERM
trap on_usr1 USR1

# A session daemon reads qemu.conf from the user's configuration directory only.
if [ ! -e "$XDG_CONFIG_HOME/libvirt/qemu.conf" ]; then
  mkdir -p "$XDG_CONFIG_HOME/libvirt" && ln -sf /etc/libvirt/qemu.conf "$XDG_CONFIG_HOME/libvirt/qemu.conf"
fi

delay=0
while :; do
  read -r now _ </proc/uptime
  started=${now%.*}
  "$program" --config "/etc/libvirt/$name.conf" </dev/null &
  daemon=$!
  status=0
  while kill -0 "$daemon" 2>/dev/null; do
    wait "$daemon"
    status=$?
  done
  read -r now _ </proc/uptime
  [ $((${now%.*} - started)) -ge 30 ] && delay=0
  echo "init: $name ended with status $status, starting it again after ${delay}s" >&2
  if [ "$delay" -gt 0 ]; then
    sleep "$delay" &
    pause=$!
    while kill -0 "$pause" 2>/dev/null; do
      wait "$pause"
    done
  fi
  [ "$delay" -lt 8 ] && delay=$((delay * 2 + 1))
done
