/** Flag values of libvirt-domain.h, names verbatim. Combine with `|`. */

/** virDomainDefineFlags */
export const VIR_DOMAIN_DEFINE_VALIDATE = 1;

/** virDomainCreateFlags */
export const VIR_DOMAIN_START_PAUSED = 1;
export const VIR_DOMAIN_START_AUTODESTROY = 2;
export const VIR_DOMAIN_START_BYPASS_CACHE = 4;
export const VIR_DOMAIN_START_FORCE_BOOT = 8;
export const VIR_DOMAIN_START_VALIDATE = 16;
export const VIR_DOMAIN_START_RESET_NVRAM = 32;

/** virDomainDestroyFlagsValues: SIGTERM only, fail when QEMU does not go. */
export const VIR_DOMAIN_DESTROY_GRACEFUL = 1;

/** virDomainUndefineFlagsValues */
export const VIR_DOMAIN_UNDEFINE_MANAGED_SAVE = 1;
export const VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA = 2;
export const VIR_DOMAIN_UNDEFINE_NVRAM = 4;
export const VIR_DOMAIN_UNDEFINE_KEEP_NVRAM = 8;
export const VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA = 16;
export const VIR_DOMAIN_UNDEFINE_TPM = 32;
export const VIR_DOMAIN_UNDEFINE_KEEP_TPM = 64;

/** virDomainShutdownFlagValues and virDomainRebootFlagValues (the same numbers) */
export const VIR_DOMAIN_SHUTDOWN_DEFAULT = 0;
export const VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN = 1;
export const VIR_DOMAIN_SHUTDOWN_GUEST_AGENT = 2;

/** virDomainModificationImpact */
export const VIR_DOMAIN_AFFECT_CURRENT = 0;
export const VIR_DOMAIN_AFFECT_LIVE = 1;
export const VIR_DOMAIN_AFFECT_CONFIG = 2;

/** virDomainXMLFlags */
export const VIR_DOMAIN_XML_SECURE = 1;
export const VIR_DOMAIN_XML_INACTIVE = 2;
export const VIR_DOMAIN_XML_UPDATE_CPU = 4;
export const VIR_DOMAIN_XML_MIGRATABLE = 8;

/** virConnectListAllDomainsFlags */
export const VIR_CONNECT_LIST_DOMAINS_ACTIVE = 1;
export const VIR_CONNECT_LIST_DOMAINS_INACTIVE = 2;
export const VIR_CONNECT_LIST_DOMAINS_PERSISTENT = 4;
export const VIR_CONNECT_LIST_DOMAINS_TRANSIENT = 8;

/** virDomainConsoleFlags: take the console from another client; fail unless it is exclusive. */
export const VIR_DOMAIN_CONSOLE_FORCE = 1;
export const VIR_DOMAIN_CONSOLE_SAFE = 2;

/** virDomainMetadataType */
export const VIR_DOMAIN_METADATA_DESCRIPTION = 0;
export const VIR_DOMAIN_METADATA_TITLE = 1;
export const VIR_DOMAIN_METADATA_ELEMENT = 2;

/** virDomainSetTimeFlags: read the time from the guest's own hardware clock. */
export const VIR_DOMAIN_TIME_SYNC = 1;

/** virDomainVcpuFlags (with virDomainModificationImpact) */
export const VIR_DOMAIN_VCPU_MAXIMUM = 4;
export const VIR_DOMAIN_VCPU_GUEST = 8;
/** virDomainMemoryModFlags */
export const VIR_DOMAIN_MEM_MAXIMUM = 4;

/** virDomainStatsTypes */
export const VIR_DOMAIN_STATS_STATE = 1;
export const VIR_DOMAIN_STATS_CPU_TOTAL = 2;
export const VIR_DOMAIN_STATS_BALLOON = 4;
export const VIR_DOMAIN_STATS_VCPU = 8;
export const VIR_DOMAIN_STATS_INTERFACE = 16;
export const VIR_DOMAIN_STATS_BLOCK = 32;
export const VIR_DOMAIN_STATS_PERF = 64;
export const VIR_DOMAIN_STATS_IOTHREAD = 128;
export const VIR_DOMAIN_STATS_MEMORY = 256;
export const VIR_DOMAIN_STATS_DIRTYRATE = 512;

/** virConnectGetAllDomainStatsFlags: do not wait for a busy domain, give what is known without QEMU. */
export const VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT = 0x2000_0000;

/** virDomainGuestInfoTypes */
export const VIR_DOMAIN_GUEST_INFO_USERS = 1;
export const VIR_DOMAIN_GUEST_INFO_OS = 2;
export const VIR_DOMAIN_GUEST_INFO_TIMEZONE = 4;
export const VIR_DOMAIN_GUEST_INFO_HOSTNAME = 8;
export const VIR_DOMAIN_GUEST_INFO_FILESYSTEM = 16;
export const VIR_DOMAIN_GUEST_INFO_DISKS = 32;
export const VIR_DOMAIN_GUEST_INFO_INTERFACES = 64;

/** virDomainQemuAgentCommandTimeoutValues (seconds above 0) */
export const VIR_DOMAIN_QEMU_AGENT_COMMAND_BLOCK = -2;
export const VIR_DOMAIN_QEMU_AGENT_COMMAND_DEFAULT = -1;
export const VIR_DOMAIN_QEMU_AGENT_COMMAND_NOWAIT = 0;
