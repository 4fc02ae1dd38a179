/**
 * Configuration of the one libvirt daemon of a sandbox. It serves one client on a unix socket and one guest, so few
 * threads; it has no network listener. libvirt: remote/libvirtd.conf.in and qemu/qemu.conf.in say what each line means.
 */

const daemonConf = `unix_sock_group = "qemu"
unix_sock_rw_perms = "0700"
auth_unix_ro = "none"
auth_unix_rw = "none"
min_workers = 1
max_workers = 5
prio_workers = 1
max_clients = 20
max_queued_clients = 20
max_client_requests = 10
admin_min_workers = 1
admin_max_workers = 1
admin_max_clients = 2
keepalive_interval = -1
log_level = 3
log_outputs = "3:stderr"
`;

export const libvirtdConf = `listen_tls = 0\nlisten_tcp = 0\n${daemonConf}`;
export const virtqemudConf = daemonConf;

/**
 * The sandbox already is the boundary: libvirt itself need not make namespaces, cgroups or labels. `max_core` says what the
 * sandbox's RLIMIT_CORE says: the default of newer releases, unlimited, is refused there and no guest would start.
 */
export const qemuConf = `stdio_handler = "file"
security_driver = "none"
security_default_confined = 0
security_require_confined = 0
cgroup_controllers = [ ]
namespaces = [ ]
seccomp_sandbox = 1
remember_owner = 0
clear_emulator_capabilities = 1
max_core = 0
`;
