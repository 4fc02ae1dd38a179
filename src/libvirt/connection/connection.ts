/** One open libvirt connection, as typed methods. Made by `connectLibvirt`. */
import type { Duplex } from 'node:stream';
import type { DomainEvent, DomainEventKind } from '../domain/events.ts';
import type { DomainRef } from '../domain/domain-ref.ts';
import type { MemoryStats } from '../domain/memory-stats.ts';
import type { DomainState, DomainStatus } from '../domain/states.ts';
import type { TypedParameter, TypedParameterMap } from '../domain/typed-parameters.ts';
import type { Channel } from '../rpc/channel.ts';
import { RemoteError } from '../rpc/errors.ts';
import type { ConnectionClosedError } from '../rpc/errors.ts';
import type { CallOptions } from '../rpc/procedure.ts';
import type { StreamOptions } from '../rpc/stream.ts';
import { listenToEvents } from './event-listeners.ts';
import type { EventListeners } from './event-listeners.ts';
import { procedures } from './procedure-table.ts';

export interface DomainInfo {
  readonly state: DomainState;
  readonly maxMemoryKiB: bigint;
  readonly memoryKiB: bigint;
  readonly vcpus: number;
  readonly cpuTimeNs: bigint;
}

/** `major * 1,000,000 + minor * 1,000 + release`, as libvirt counts versions. */
export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly release: number;
}

/**
 * Methods map one to one to libvirt's functions; `flags` are those of domain/flags.ts and default to 0. All reject with
 * RemoteError (libvirt said no), CancelledError (deadline or abort; the call may still take effect) or
 * ConnectionClosedError (code `ConnectionClosed`).
 */
export interface LibvirtConnection {
  libVersion(options?: CallOptions): Promise<Version>;
  hypervisorVersion(options?: CallOptions): Promise<Version>;
  hostname(options?: CallOptions): Promise<string>;
  /** XML. The first call on a daemon without a cache may take seconds. */
  capabilities(options?: CallOptions): Promise<string>;
  domainCapabilities(
    args: { emulator?: string; arch?: string; machine?: string; virtType?: string },
    options?: CallOptions,
  ): Promise<string>;

  listAllDomains(flags?: number, options?: CallOptions): Promise<DomainRef[]>;
  /** undefined when there is none (VIR_ERR_NO_DOMAIN). */
  findDomainByName(name: string, options?: CallOptions): Promise<DomainRef | undefined>;
  findDomainByUuid(uuid: string, options?: CallOptions): Promise<DomainRef | undefined>;

  /** Makes the domain persistent or replaces its definition; does not start it. */
  defineDomain(xml: string, flags?: number, options?: CallOptions): Promise<DomainRef>;
  /** Starts a defined domain. */
  createDomain(domain: DomainRef, flags?: number, options?: CallOptions): Promise<DomainRef>;
  /** Starts a transient domain: one round trip, nothing is left when it stops. */
  createDomainXml(xml: string, flags?: number, options?: CallOptions): Promise<DomainRef>;
  undefineDomain(domain: DomainRef, flags?: number, options?: CallOptions): Promise<void>;

  shutdownDomain(domain: DomainRef, flags?: number, options?: CallOptions): Promise<void>;
  rebootDomain(domain: DomainRef, flags?: number, options?: CallOptions): Promise<void>;
  resetDomain(domain: DomainRef, flags?: number, options?: CallOptions): Promise<void>;
  destroyDomain(domain: DomainRef, flags?: number, options?: CallOptions): Promise<void>;
  suspendDomain(domain: DomainRef, options?: CallOptions): Promise<void>;
  resumeDomain(domain: DomainRef, options?: CallOptions): Promise<void>;

  domainState(domain: DomainRef, options?: CallOptions): Promise<DomainStatus>;
  domainInfo(domain: DomainRef, options?: CallOptions): Promise<DomainInfo>;
  domainIsPersistent(domain: DomainRef, options?: CallOptions): Promise<boolean>;
  domainXml(domain: DomainRef, flags?: number, options?: CallOptions): Promise<string>;
  /** Warnings such as a tainted configuration; empty for most domains. */
  domainMessages(domain: DomainRef, options?: CallOptions): Promise<string[]>;
  memoryStats(domain: DomainRef, options?: CallOptions): Promise<MemoryStats>;
  /** `stats` are VIR_DOMAIN_STATS_*; an empty `domains` means all. */
  allDomainStats(
    args: { domains?: readonly DomainRef[]; stats: number; flags?: number },
    options?: CallOptions,
  ): Promise<{ domain: DomainRef; parameters: TypedParameterMap }[]>;
  jobStats(
    domain: DomainRef,
    flags?: number,
    options?: CallOptions,
  ): Promise<{ type: number; parameters: TypedParameterMap }>;
  abortJob(domain: DomainRef, flags?: number, options?: CallOptions): Promise<void>;
  schedulerParameters(domain: DomainRef, flags?: number, options?: CallOptions): Promise<TypedParameterMap>;
  setSchedulerParameters(
    domain: DomainRef,
    parameters: readonly TypedParameter[],
    flags?: number,
    options?: CallOptions,
  ): Promise<void>;

  /** The XML element of one namespace; undefined when the domain has none. */
  metadataElement(
    domain: DomainRef,
    args: { namespace: string; flags?: number },
    options?: CallOptions,
  ): Promise<string | undefined>;
  /** `element` is written without namespace or prefix, libvirt adds both; undefined removes it. */
  setMetadataElement(
    domain: DomainRef,
    args: { namespace: string; prefix: string; element: string | undefined; flags?: number },
    options?: CallOptions,
  ): Promise<void>;

  attachDevice(domain: DomainRef, xml: string, flags?: number, options?: CallOptions): Promise<void>;
  detachDevice(domain: DomainRef, xml: string, flags?: number, options?: CallOptions): Promise<void>;
  updateDevice(domain: DomainRef, xml: string, flags?: number, options?: CallOptions): Promise<void>;
  setVcpus(domain: DomainRef, vcpus: number, flags?: number, options?: CallOptions): Promise<void>;
  setMemory(domain: DomainRef, memoryKiB: bigint, flags?: number, options?: CallOptions): Promise<void>;

  /** Through the guest agent: sets the guest's clock, or with VIR_DOMAIN_TIME_SYNC from its hardware clock. */
  setTime(
    domain: DomainRef,
    args: { seconds: bigint; nanoseconds?: number; flags?: number },
    options?: CallOptions,
  ): Promise<void>;
  /** Raw guest agent command, JSON in and out. `timeoutSeconds` is the daemon's own limit. */
  agentCommand(
    domain: DomainRef,
    args: { command: string; timeoutSeconds: number },
    options?: CallOptions,
  ): Promise<string | undefined>;
  /** Raw QMP command, JSON in and out. Taints the domain in libvirt's eyes. */
  monitorCommand(domain: DomainRef, args: { command: string; flags?: number }, options?: CallOptions): Promise<string>;
  agentResponseTimeout(domain: DomainRef, timeoutSeconds: number, options?: CallOptions): Promise<void>;
  guestInfo(domain: DomainRef, types: number, options?: CallOptions): Promise<TypedParameterMap>;
  /** Number of file systems frozen; an empty list means all. */
  freezeFilesystems(domain: DomainRef, mountpoints: readonly string[], options?: CallOptions): Promise<number>;
  thawFilesystems(domain: DomainRef, mountpoints: readonly string[], options?: CallOptions): Promise<number>;

  /** `device` is an alias (`serial0`); the first console when undefined. */
  openConsole(
    domain: DomainRef,
    args?: { device?: string; flags?: number },
    options?: CallOptions & StreamOptions,
  ): Promise<Duplex>;
  /** `name` is the channel's target name; the first one when undefined. */
  openChannel(
    domain: DomainRef,
    args?: { name?: string; flags?: number },
    options?: CallOptions & StreamOptions,
  ): Promise<Duplex>;
  /** The stream gives an image of type `mime` and ends. */
  screenshot(
    domain: DomainRef,
    args?: { screen?: number },
    options?: CallOptions & StreamOptions,
  ): Promise<{ mime: string; stream: Duplex }>;

  /**
   * Calls `listener` for every event of the kinds (of one domain, or of all), in order, until disposed. Events between
   * connecting and registering are not seen, so list the domains after this returned.
   */
  onDomainEvent(
    args: { kinds: readonly DomainEventKind[]; domain?: DomainRef },
    listener: (event: DomainEvent) => void,
    options?: CallOptions,
  ): Promise<AsyncDisposable>;

  /** Settles once the connection is over, for whichever reason; never rejects. */
  readonly closed: Promise<ConnectionClosedError>;
  onClose(listener: (reason: ConnectionClosedError) => void): void;
  /** Tells the daemon, then closes. Running domains are not touched. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const CLOSE_TIMEOUT_MS = 2_000;

export function createConnection(channel: Channel, listeners: EventListeners): LibvirtConnection {
  const { call } = channel;
  const p = procedures;

  async function close(): Promise<void> {
    if (!channel.isClosed) {
      // A daemon that does not answer any more is left all the same.
      await call(p.connectClose, undefined, { timeoutMs: CLOSE_TIMEOUT_MS }).catch(() => undefined);
    }
    channel.close('closed by us');
  }

  return {
    libVersion: async (options) => version(await call(p.getLibVersion, undefined, options)),
    hypervisorVersion: async (options) => version(await call(p.getVersion, undefined, options)),
    hostname: (options) => call(p.getHostname, undefined, options),
    capabilities: (options) => call(p.getCapabilities, undefined, options),
    domainCapabilities: ({ emulator, arch, machine, virtType }, options) =>
      call(p.getDomainCapabilities, { emulator, arch, machine, virtType }, options),

    listAllDomains: (flags = 0, options = {}) => call(p.listAllDomains, flags, options),
    findDomainByName: (name, options) => noDomainAsUndefined(call(p.lookupByName, name, options)),
    findDomainByUuid: (uuid, options) => noDomainAsUndefined(call(p.lookupByUuid, uuid, options)),

    defineDomain: (xml, flags = 0, options = {}) => call(p.defineXml, { xml, flags }, options),
    createDomain: (domain, flags = 0, options = {}) => call(p.createWithFlags, { domain, flags }, options),
    createDomainXml: (xml, flags = 0, options = {}) => call(p.createXml, { xml, flags }, options),
    undefineDomain: (domain, flags = 0, options = {}) => call(p.undefine, { domain, flags }, options),

    shutdownDomain: (domain, flags = 0, options = {}) => call(p.shutdown, { domain, flags }, options),
    rebootDomain: (domain, flags = 0, options = {}) => call(p.reboot, { domain, flags }, options),
    resetDomain: (domain, flags = 0, options = {}) => call(p.reset, { domain, flags }, options),
    destroyDomain: (domain, flags = 0, options = {}) => call(p.destroy, { domain, flags }, options),
    suspendDomain: (domain, options) => call(p.suspend, domain, options),
    resumeDomain: (domain, options) => call(p.resume, domain, options),

    domainState: (domain, options) => call(p.getState, { domain, flags: 0 }, options),
    domainInfo: (domain, options) => call(p.getInfo, domain, options),
    domainIsPersistent: (domain, options) => call(p.isPersistent, domain, options),
    domainXml: (domain, flags = 0, options = {}) => call(p.getXmlDesc, { domain, flags }, options),
    domainMessages: (domain, options) => call(p.getMessages, { domain, flags: 0 }, options),
    memoryStats: (domain, options) => call(p.memoryStats, domain, options),
    allDomainStats: ({ domains = [], stats, flags = 0 }, options) =>
      call(p.getAllDomainStats, { domains, stats, flags }, options),
    jobStats: (domain, flags = 0, options = {}) => call(p.getJobStats, { domain, flags }, options),
    abortJob: (domain, flags = 0, options = {}) => call(p.abortJob, { domain, flags }, options),
    schedulerParameters: (domain, flags = 0, options = {}) =>
      call(p.getSchedulerParameters, { domain, flags }, options),
    setSchedulerParameters: (domain, parameters, flags = 0, options = {}) =>
      call(p.setSchedulerParameters, { domain, parameters, flags }, options),

    metadataElement: (domain, { namespace, flags = 0 }, options) =>
      asUndefined('VIR_ERR_NO_DOMAIN_METADATA', call(p.getMetadata, { domain, type: 2, namespace, flags }, options)),
    setMetadataElement: (domain, { namespace, prefix, element, flags = 0 }, options) =>
      call(p.setMetadata, { domain, type: 2, metadata: element, key: prefix, namespace, flags }, options),

    attachDevice: (domain, xml, flags = 0, options = {}) => call(p.attachDevice, { domain, xml, flags }, options),
    detachDevice: (domain, xml, flags = 0, options = {}) => call(p.detachDevice, { domain, xml, flags }, options),
    updateDevice: (domain, xml, flags = 0, options = {}) => call(p.updateDevice, { domain, xml, flags }, options),
    setVcpus: (domain, vcpus, flags = 0, options = {}) => call(p.setVcpus, { domain, vcpus, flags }, options),
    setMemory: (domain, memoryKiB, flags = 0, options = {}) => call(p.setMemory, { domain, memoryKiB, flags }, options),

    setTime: (domain, { seconds, nanoseconds = 0, flags = 0 }, options) =>
      call(p.setTime, { domain, seconds, nanoseconds, flags }, options),
    agentCommand: (domain, { command, timeoutSeconds }, options) =>
      call(p.agentCommand, { domain, command, timeoutSeconds }, options),
    monitorCommand: (domain, { command, flags = 0 }, options) =>
      call(p.monitorCommand, { domain, command, flags }, options),
    agentResponseTimeout: (domain, timeoutSeconds, options) =>
      call(p.agentSetResponseTimeout, { domain, timeoutSeconds }, options),
    guestInfo: (domain, types, options) => call(p.getGuestInfo, { domain, types }, options),
    freezeFilesystems: (domain, mountpoints, options) => call(p.fsFreeze, { domain, mountpoints }, options),
    thawFilesystems: (domain, mountpoints, options) => call(p.fsThaw, { domain, mountpoints }, options),

    openConsole: async (domain, { device, flags = 0 } = {}, options = {}) =>
      (await channel.openStream(p.openConsole, { domain, device, flags }, options)).stream,
    openChannel: async (domain, { name, flags = 0 } = {}, options = {}) =>
      (await channel.openStream(p.openChannel, { domain, device: name, flags }, options)).stream,
    async screenshot(domain, { screen = 0 } = {}, options = {}) {
      const { result, stream } = await channel.openStream(p.screenshot, { domain, screen }, options);
      return { mime: result ?? 'application/octet-stream', stream };
    },

    onDomainEvent: ({ kinds, domain }, listener, options) =>
      listenToEvents(channel, listeners, { kinds, domain, listener }, options),

    closed: channel.closed,
    onClose(listener) {
      void channel.closed.then(listener);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function version(packed: bigint): Version {
  const number = Number(packed);
  return { major: Math.floor(number / 1_000_000), minor: Math.floor(number / 1_000) % 1_000, release: number % 1_000 };
}

function noDomainAsUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  return asUndefined('VIR_ERR_NO_DOMAIN', promise);
}

async function asUndefined<T>(code: string, promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof RemoteError && error.code === code) {
      return undefined;
    }
    throw error;
  }
}
