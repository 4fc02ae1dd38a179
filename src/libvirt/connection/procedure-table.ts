/** The procedures in use, with numbers and structures from libvirt's remote_protocol.x and qemu_protocol.x. */
import { DOMAIN_REF_MIN_BYTES, decodeDomainRef, encodeDomainRef, encodeUuid } from '../domain/domain-ref.ts';
import type { DomainRef } from '../domain/domain-ref.ts';
import { decodeMemoryStats } from '../domain/memory-stats.ts';
import { domainStateName, domainStatus } from '../domain/states.ts';
import {
  VIR_TYPED_PARAM_STRING_OKAY,
  decodeTypedParameters,
  encodeTypedParameters,
  toMap,
} from '../domain/typed-parameters.ts';
import type { TypedParameter } from '../domain/typed-parameters.ts';
import { QEMU_PROGRAM, REMOTE_DOMAIN_LIST_MAX, REMOTE_PROGRAM, REMOTE_STRING_MAX } from '../rpc/constants.ts';
import type { Procedure } from '../rpc/procedure.ts';
import type { XdrReader, XdrWriter } from '../xdr/xdr.ts';

type Encode<Args> = (writer: XdrWriter, args: Args) => void;
type Decode<Result> = (reader: XdrReader) => Result;

function remote<Args, Result>(
  number: number,
  name: string,
  encode: Encode<Args>,
  decode: Decode<Result>,
): Procedure<Args, Result> {
  return { program: REMOTE_PROGRAM, number, name, encode, decode };
}

function qemu<Args, Result>(
  number: number,
  name: string,
  encode: Encode<Args>,
  decode: Decode<Result>,
): Procedure<Args, Result> {
  return { program: QEMU_PROGRAM, number, name, encode, decode };
}

const nothing = (): void => undefined;
const text: Decode<string> = (reader) => reader.string(REMOTE_STRING_MAX);
const optionalText: Decode<string | undefined> = (reader) => reader.optionalString(REMOTE_STRING_MAX);
const parameterMap = (reader: XdrReader) => toMap(decodeTypedParameters(reader));

/** `{ remote_nonnull_domain dom; }` */
const onDomain: Encode<DomainRef> = encodeDomainRef;
/** `{ remote_nonnull_domain dom; unsigned int flags; }` */
const onDomainFlags: Encode<{ readonly domain: DomainRef; readonly flags: number }> = (writer, args) => {
  encodeDomainRef(writer, args.domain);
  writer.uint(args.flags);
};
/** `{ remote_nonnull_domain dom; remote_nonnull_string xml; unsigned int flags; }` */
const onDomainXml: Encode<{ readonly domain: DomainRef; readonly xml: string; readonly flags: number }> = (
  writer,
  args,
) => {
  encodeDomainRef(writer, args.domain);
  writer.string(args.xml).uint(args.flags);
};
/** `{ remote_nonnull_string xml; unsigned int flags; }` */
const xmlFlags: Encode<{ readonly xml: string; readonly flags: number }> = (writer, args) =>
  void writer.string(args.xml).uint(args.flags);
/** OPEN_CONSOLE and OPEN_CHANNEL */
const onDevice: Encode<{ readonly domain: DomainRef; readonly device: string | undefined; readonly flags: number }> = (
  writer,
  args,
) => {
  encodeDomainRef(writer, args.domain);
  writer.optionalString(args.device).uint(args.flags);
};

export const procedures = {
  connectOpen: remote(
    1,
    'CONNECT_OPEN',
    (writer, args: { uri: string; flags: number }) => void writer.optionalString(args.uri).uint(args.flags),
    nothing,
  ),
  connectClose: remote(2, 'CONNECT_CLOSE', nothing, nothing),
  getVersion: remote(4, 'CONNECT_GET_VERSION', nothing, (reader) => reader.uhyper()),
  getCapabilities: remote(7, 'CONNECT_GET_CAPABILITIES', nothing, text),
  createXml: remote(10, 'DOMAIN_CREATE_XML', xmlFlags, decodeDomainRef),
  getXmlDesc: remote(14, 'DOMAIN_GET_XML_DESC', onDomainFlags, text),
  getInfo: remote(16, 'DOMAIN_GET_INFO', onDomain, (reader) => ({
    state: domainStateName(reader.uint()),
    maxMemoryKiB: reader.uhyper(),
    memoryKiB: reader.uhyper(),
    vcpus: reader.uint(),
    cpuTimeNs: reader.uhyper(),
  })),
  lookupByName: remote(
    23,
    'DOMAIN_LOOKUP_BY_NAME',
    (writer, name: string) => void writer.string(name),
    decodeDomainRef,
  ),
  lookupByUuid: remote(24, 'DOMAIN_LOOKUP_BY_UUID', encodeUuid, decodeDomainRef),
  reboot: remote(27, 'DOMAIN_REBOOT', onDomainFlags, nothing),
  resume: remote(28, 'DOMAIN_RESUME', onDomain, nothing),
  suspend: remote(34, 'DOMAIN_SUSPEND', onDomain, nothing),
  getHostname: remote(59, 'CONNECT_GET_HOSTNAME', nothing, text),
  supportsFeature: remote(
    60,
    'CONNECT_SUPPORTS_FEATURE',
    (writer, feature: number) => void writer.int(feature),
    (reader) => reader.int() !== 0,
  ),
  authList: remote(66, 'AUTH_LIST', nothing, (reader) =>
    reader.array({ maxItems: 20, minItemBytes: 4 }, () => reader.int()),
  ),
  getUri: remote(110, 'CONNECT_GET_URI', nothing, text),
  isActive: remote(150, 'DOMAIN_IS_ACTIVE', onDomain, (reader) => reader.int() === 1),
  isPersistent: remote(151, 'DOMAIN_IS_PERSISTENT', onDomain, (reader) => reader.int() === 1),
  getLibVersion: remote(157, 'CONNECT_GET_LIB_VERSION', nothing, (reader) => reader.uhyper()),
  memoryStats: remote(
    159,
    'DOMAIN_MEMORY_STATS',
    (writer, domain: DomainRef) => {
      encodeDomainRef(writer, domain);
      writer.uint(64).uint(0);
    },
    decodeMemoryStats,
  ),
  attachDevice: remote(160, 'DOMAIN_ATTACH_DEVICE_FLAGS', onDomainXml, nothing),
  detachDevice: remote(161, 'DOMAIN_DETACH_DEVICE_FLAGS', onDomainXml, nothing),
  updateDevice: remote(174, 'DOMAIN_UPDATE_DEVICE_FLAGS', onDomainXml, nothing),
  createWithFlags: remote(196, 'DOMAIN_CREATE_WITH_FLAGS', onDomainFlags, decodeDomainRef),
  setVcpus: remote(
    199,
    'DOMAIN_SET_VCPUS_FLAGS',
    (writer, args: { domain: DomainRef; vcpus: number; flags: number }) => {
      encodeDomainRef(writer, args.domain);
      writer.uint(args.vcpus).uint(args.flags);
    },
    nothing,
  ),
  openConsole: remote(201, 'DOMAIN_OPEN_CONSOLE', onDevice, nothing),
  setMemory: remote(
    204,
    'DOMAIN_SET_MEMORY_FLAGS',
    (writer, args: { domain: DomainRef; memoryKiB: bigint; flags: number }) => {
      encodeDomainRef(writer, args.domain);
      writer.uhyper(args.memoryKiB).uint(args.flags);
    },
    nothing,
  ),
  screenshot: remote(
    211,
    'DOMAIN_SCREENSHOT',
    (writer, args: { domain: DomainRef; screen: number }) => {
      encodeDomainRef(writer, args.domain);
      writer.uint(args.screen).uint(0);
    },
    optionalText,
  ),
  getState: remote(212, 'DOMAIN_GET_STATE', onDomainFlags, (reader) => domainStatus(reader.int(), reader.int())),
  getSchedulerParameters: remote(
    223,
    'DOMAIN_GET_SCHEDULER_PARAMETERS_FLAGS',
    (writer, args: { domain: DomainRef; flags: number }) => {
      encodeDomainRef(writer, args.domain);
      writer.int(16).uint(args.flags | VIR_TYPED_PARAM_STRING_OKAY);
    },
    parameterMap,
  ),
  setSchedulerParameters: remote(
    219,
    'DOMAIN_SET_SCHEDULER_PARAMETERS_FLAGS',
    (writer, args: { domain: DomainRef; parameters: readonly TypedParameter[]; flags: number }) => {
      encodeDomainRef(writer, args.domain);
      encodeTypedParameters(writer, args.parameters);
      writer.uint(args.flags);
    },
    nothing,
  ),
  undefine: remote(231, 'DOMAIN_UNDEFINE_FLAGS', onDomainFlags, nothing),
  destroy: remote(234, 'DOMAIN_DESTROY_FLAGS', onDomainFlags, nothing),
  reset: remote(245, 'DOMAIN_RESET', onDomainFlags, nothing),
  shutdown: remote(258, 'DOMAIN_SHUTDOWN_FLAGS', onDomainFlags, nothing),
  setMetadata: remote(
    264,
    'DOMAIN_SET_METADATA',
    (
      writer,
      args: {
        domain: DomainRef;
        type: number;
        metadata: string | undefined;
        key: string | undefined;
        namespace: string | undefined;
        flags: number;
      },
    ) => {
      encodeDomainRef(writer, args.domain);
      writer.int(args.type).optionalString(args.metadata).optionalString(args.key).optionalString(args.namespace);
      writer.uint(args.flags);
    },
    nothing,
  ),
  getMetadata: remote(
    265,
    'DOMAIN_GET_METADATA',
    (writer, args: { domain: DomainRef; type: number; namespace: string | undefined; flags: number }) => {
      encodeDomainRef(writer, args.domain);
      writer.int(args.type).optionalString(args.namespace).uint(args.flags);
    },
    text,
  ),
  listAllDomains: remote(
    273,
    'CONNECT_LIST_ALL_DOMAINS',
    (writer, flags: number) => void writer.int(1).uint(flags),
    (reader) => {
      const domains = reader.array({ maxItems: REMOTE_DOMAIN_LIST_MAX, minItemBytes: DOMAIN_REF_MIN_BYTES }, () =>
        decodeDomainRef(reader),
      );
      reader.uint();
      return domains;
    },
  ),
  openChannel: remote(296, 'DOMAIN_OPEN_CHANNEL', onDevice, nothing),
  getJobStats: remote(298, 'DOMAIN_GET_JOB_STATS', onDomainFlags, (reader) => ({
    type: reader.int(),
    parameters: parameterMap(reader),
  })),
  eventRegister: remote(
    316,
    'CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY',
    (writer, args: { eventId: number; domain: DomainRef | undefined }) =>
      void writer.int(args.eventId).optional(args.domain, (domain) => encodeDomainRef(writer, domain)),
    (reader) => reader.int(),
  ),
  eventDeregister: remote(
    317,
    'CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY',
    (writer, callbackId: number) => void writer.int(callbackId),
    nothing,
  ),
  fsFreeze: remote(
    335,
    'DOMAIN_FSFREEZE',
    (writer, args: { domain: DomainRef; mountpoints: readonly string[] }) => {
      encodeDomainRef(writer, args.domain);
      writer.array(args.mountpoints, (mountpoint) => writer.string(mountpoint)).uint(0);
    },
    (reader) => reader.int(),
  ),
  fsThaw: remote(
    336,
    'DOMAIN_FSTHAW',
    (writer, args: { domain: DomainRef; mountpoints: readonly string[] }) => {
      encodeDomainRef(writer, args.domain);
      writer.array(args.mountpoints, (mountpoint) => writer.string(mountpoint)).uint(0);
    },
    (reader) => reader.int(),
  ),
  setTime: remote(
    338,
    'DOMAIN_SET_TIME',
    (writer, args: { domain: DomainRef; seconds: bigint; nanoseconds: number; flags: number }) => {
      encodeDomainRef(writer, args.domain);
      writer.hyper(args.seconds).uint(args.nanoseconds).uint(args.flags);
    },
    nothing,
  ),
  getDomainCapabilities: remote(
    342,
    'CONNECT_GET_DOMAIN_CAPABILITIES',
    (
      writer,
      args: {
        emulator: string | undefined;
        arch: string | undefined;
        machine: string | undefined;
        virtType: string | undefined;
      },
    ) =>
      void writer
        .optionalString(args.emulator)
        .optionalString(args.arch)
        .optionalString(args.machine)
        .optionalString(args.virtType)
        .uint(0),
    text,
  ),
  getAllDomainStats: remote(
    344,
    'CONNECT_GET_ALL_DOMAIN_STATS',
    (writer, args: { domains: readonly DomainRef[]; stats: number; flags: number }) => {
      writer.array(args.domains, (domain) => encodeDomainRef(writer, domain));
      writer.uint(args.stats).uint(args.flags);
    },
    (reader) =>
      reader.array({ maxItems: REMOTE_DOMAIN_LIST_MAX, minItemBytes: DOMAIN_REF_MIN_BYTES + 4 }, () => ({
        domain: decodeDomainRef(reader),
        parameters: parameterMap(reader),
      })),
  ),
  defineXml: remote(350, 'DOMAIN_DEFINE_XML_FLAGS', xmlFlags, decodeDomainRef),
  getGuestInfo: remote(
    418,
    'DOMAIN_GET_GUEST_INFO',
    (writer, args: { domain: DomainRef; types: number }) => {
      encodeDomainRef(writer, args.domain);
      writer.uint(args.types).uint(0);
    },
    parameterMap,
  ),
  agentSetResponseTimeout: remote(
    420,
    'DOMAIN_AGENT_SET_RESPONSE_TIMEOUT',
    (writer, args: { domain: DomainRef; timeoutSeconds: number }) => {
      encodeDomainRef(writer, args.domain);
      writer.int(args.timeoutSeconds).uint(0);
    },
    (reader) => void reader.int(),
  ),
  getMessages: remote(426, 'DOMAIN_GET_MESSAGES', onDomainFlags, (reader) =>
    reader.array({ maxItems: 2048, minItemBytes: 4 }, () => text(reader)),
  ),
  abortJob: remote(442, 'DOMAIN_ABORT_JOB_FLAGS', onDomainFlags, nothing),

  monitorCommand: qemu(
    1,
    'DOMAIN_MONITOR_COMMAND',
    (writer, args: { domain: DomainRef; command: string; flags: number }) => {
      encodeDomainRef(writer, args.domain);
      writer.string(args.command).uint(args.flags);
    },
    text,
  ),
  agentCommand: qemu(
    3,
    'DOMAIN_AGENT_COMMAND',
    (writer, args: { domain: DomainRef; command: string; timeoutSeconds: number }) => {
      encodeDomainRef(writer, args.domain);
      writer.string(args.command).int(args.timeoutSeconds).uint(0);
    },
    optionalText,
  ),
} as const;
