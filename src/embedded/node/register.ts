/** Creates or refreshes the Node object of this host. Called once at start: a standalone host has nobody else to tell. */
import { formatTime } from '../../apimachinery/time.ts';
import { readFileSync } from 'node:fs';
import { availableParallelism, hostname, networkInterfaces, release, totalmem } from 'node:os';
import type { Condition } from '../../apimachinery/object.ts';
import { nodeType, type Node } from '../../apimachinery/core.ts';
import { isNotFound } from '../../apimachinery/status.ts';
import type { KubeClient } from '../../client/client.ts';
import { nodeLabels, nodeStatus, type HostFacts } from './node-object.ts';

const goArchitectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

export function readHostFacts(extra: {
  readonly vmletVersion: string;
  readonly devices: Readonly<Record<string, number>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly conditions: readonly Condition[];
}): HostFacts {
  return {
    hostname: hostname().toLowerCase(),
    architecture: goArchitectures[process.arch] ?? process.arch,
    kernelVersion: release(),
    osImage: osPrettyName(),
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    addresses: hostAddresses(),
    ...extra,
  };
}

function osPrettyName(): string {
  const line = readFileSync('/etc/os-release', 'utf8')
    .split('\n')
    .find((candidate) => candidate.startsWith('PRETTY_NAME='));
  return line === undefined ? 'Linux' : line.slice('PRETTY_NAME='.length).replaceAll('"', '');
}

/** Global addresses of physical-looking links; loopback when there is no other. */
function hostAddresses(): string[] {
  const found = Object.entries(networkInterfaces())
    .filter(([name]) => !name.startsWith('vmlet'))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter((address) => !address.internal && !address.address.startsWith('fe80:'))
    .map((address) => address.address);
  return found.length > 0 ? found : ['127.0.0.1'];
}

export async function registerNode(client: KubeClient, facts: HostFacts): Promise<Node> {
  const node = await getOrCreate(client, facts);
  const status = nodeStatus(facts, formatTime(), node.status);
  await client.patch(
    nodeType,
    { name: facts.hostname },
    { type: 'merge', body: { metadata: { labels: nodeLabels(facts) } } },
  );
  // As a whole: a merge would keep the devices that this host had before.
  return client.patch(
    nodeType,
    { name: facts.hostname },
    { type: 'json', body: [{ op: 'add', path: '/status', value: status }] },
    { subresource: 'status' },
  );
}

async function getOrCreate(client: KubeClient, facts: HostFacts): Promise<Node> {
  try {
    return await client.get(nodeType, { name: facts.hostname });
  } catch (error) {
    if (!isNotFound(error)) {
      throw error;
    }
  }
  return client.create(nodeType, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: facts.hostname, labels: nodeLabels(facts) },
    spec: {},
  });
}
