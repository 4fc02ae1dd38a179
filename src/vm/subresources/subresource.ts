/**
 * What a subresource of subresources.kubevirt.io is: one folder, one exported `Subresource`. Paths, bodies, codes and
 * messages are KubeVirt's, as virtctl and other clients match on them.
 */
import type { Duplex } from 'node:stream';
import { badRequest, conflict, type StatusError, type StatusSubject } from '../../apimachinery/status.ts';
import type { KubeClient } from '../../client/client.ts';
import type { VirtualMachineInstance } from '../kinds/virtualmachineinstance/types.ts';
import { isRecord } from '../kinds/schema/conforms.ts';

/** What the agent of the VMI's node does for a subresource. The VMI is running there. */
export interface NodeSubresources {
  pause(vmi: VirtualMachineInstance): Promise<void>;
  unpause(vmi: VirtualMachineInstance): Promise<void>;
  /** The serial console; destroying the stream ends the session. */
  console(vmi: VirtualMachineInstance): Promise<Duplex>;
  /** Expected and observed kernel objects of the VM, as plain data. */
  inspect(vmi: VirtualMachineInstance, options?: { readonly deep?: boolean }): Promise<object>;
  /** One look at the path of the VM's packets, with counters. */
  inspectNetwork(vmi: VirtualMachineInstance): Promise<object>;
  /** The steps of the VM's start with their times; undefined when they were not seen. */
  trace(vmi: VirtualMachineInstance): Promise<object | undefined>;
  /** What a manifest would cause there; nothing is stored or changed. Throws StatusError for one that is refused. */
  explain(namespace: string, manifest: Readonly<Record<string, unknown>>): Promise<object>;
  /** What this node holds that belongs to no VM, and what VMs lack; with `repair` mends what can be mended. */
  audit(options: { readonly repair: boolean }): Promise<object>;
}

export interface SubresourceContext {
  readonly client: KubeClient;
  readonly node: NodeSubresources;
  /** Of this product, for `virtctl version`. */
  readonly version: string;
}

export interface SubresourceRequest {
  readonly namespace: string;
  readonly name: string;
  /** Path segments after the subresource. */
  readonly rest?: readonly string[];
  readonly body: unknown;
  readonly query: URLSearchParams;
}

export interface SubresourceResponse {
  readonly code: number;
  readonly body?: object;
}

export interface Subresource {
  readonly resource: 'virtualmachines' | 'virtualmachineinstances';
  readonly name: string;
  readonly method: 'GET' | 'PUT';
  /** How many path segments may follow its name; none when left out. */
  readonly rest?: { readonly least: number; readonly most: number };
  handle?(context: SubresourceContext, request: SubresourceRequest): Promise<SubresourceResponse>;
  /** For a GET that becomes a WebSocket: the bytes to carry. */
  connect?(context: SubresourceContext, request: SubresourceRequest): Promise<Duplex>;
}

/** A path of a namespace that is about no stored object. */
export interface NamespaceResource {
  readonly name: string;
  readonly method: 'PUT';
  handle(context: SubresourceContext, request: Omit<SubresourceRequest, 'name'>): Promise<SubresourceResponse>;
}

/** A path of no namespace: about the node. */
export interface ClusterResource {
  readonly name: string;
  readonly methods: readonly ('GET' | 'PUT')[];
  handle(
    context: SubresourceContext,
    request: { readonly method: string; readonly body: unknown },
  ): Promise<SubresourceResponse>;
}

/** KubeVirt names the subject in the singular in its errors. */
export const vmSubject: StatusSubject = { group: 'kubevirt.io', resource: 'virtualmachine', kind: 'VirtualMachine' };
export const vmiSubject: StatusSubject = {
  group: 'kubevirt.io',
  resource: 'virtualmachineinstance',
  kind: 'VirtualMachineInstance',
};

export const accepted: SubresourceResponse = { code: 202 };

export function vmConflict(name: string, why: string): StatusError {
  return conflict(vmSubject, name, why);
}

export function vmiConflict(name: string, why: string): StatusError {
  return conflict(vmiSubject, name, why);
}

/** The members that subresource bodies have. All are optional. */
export interface Options {
  readonly paused?: boolean;
  /** Of a stop, seconds. */
  readonly gracePeriod?: number;
  /** Of a restart, seconds. */
  readonly gracePeriodSeconds?: number;
  readonly dryRun: boolean;
}

/** Throws StatusError 400 for a body that is no options object. No body means no options. */
export function parseOptions(body: unknown): Options {
  if (body === undefined || body === null) {
    return { dryRun: false };
  }
  if (!isRecord(body)) {
    throw badRequest('the request body must be a JSON object');
  }
  const dryRun = body['dryRun'] ?? [];
  if (!Array.isArray(dryRun) || dryRun.some((value) => value !== 'All')) {
    throw badRequest('dryRun must be ["All"] or absent');
  }
  const paused = body['paused'];
  if (paused !== undefined && typeof paused !== 'boolean') {
    throw badRequest('paused must be true or false');
  }
  return {
    ...(paused === undefined ? {} : { paused }),
    ...readSeconds(body, 'gracePeriod'),
    ...readSeconds(body, 'gracePeriodSeconds'),
    dryRun: dryRun.length > 0,
  };
}

function readSeconds(
  body: Record<string, unknown>,
  name: 'gracePeriod' | 'gracePeriodSeconds',
): Partial<Record<typeof name, number>> {
  const value = body[name];
  if (value === undefined || value === null) {
    return {};
  }
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
    throw badRequest(`${name} must be a whole number of seconds`);
  }
  return { [name]: value };
}
