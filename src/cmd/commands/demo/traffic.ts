/** Traffic with the demo guest in both directions, with what proves it. */
import { createServer, request } from 'node:http';
import { once } from 'node:events';
import { BlockList, isIPv6, type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { VmletError } from '../../../base/errors.ts';

const answerTimeoutMs = 60_000;
const attemptTimeoutMs = 2000;
const bodyBytesMax = 16 * 1024;

/** Fetches the guest's page by a pod address: the sandbox's DNAT leads to the guest. */
export async function checkInbound(address: string, signal: AbortSignal): Promise<string> {
  const page = await fetchPatiently(`http://${bracketed(address)}/`, signal);
  const heading = /<h1>([^<]*)<\/h1>/.exec(page)?.[1];
  if (heading === undefined) {
    throw new VmletError('WrongPage', `http://${bracketed(address)}/ gave another page than the guest's`);
  }
  return `http://${bracketed(address)}/ says "${heading}"`;
}

/** Has the guest fetch from a server on this host, outside its pod: it must come from the pod address (masquerade). */
export async function checkOutbound(podAddress: string, signal: AbortSignal): Promise<string> {
  const host = hostAddressBeside(podAddress);
  const visitors: string[] = [];
  const server = createServer((incoming, response) => {
    visitors.push((incoming.socket.remoteAddress ?? '').replace(/^::ffff:/, ''));
    response.end('hello from outside');
  });
  server.listen(0, host);
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const target = `http://${bracketed(host)}:${port}/`;
    const answer = await fetchPatiently(`http://${bracketed(podAddress)}/cgi-bin/fetch?${target}`, signal);
    if (!answer.includes('hello from outside') || visitors[0] !== podAddress) {
      throw new VmletError(
        'NoMasquerade',
        `the guest got "${answer.trim()}" from ${target}, which saw ${visitors[0] ?? 'nobody'}`,
      );
    }
    return `guest -> ${target}, which saw ${visitors[0]}`;
  } finally {
    server.close();
  }
}

/** This host's address in the pod network of `podAddress`. */
function hostAddressBeside(podAddress: string): string {
  const family = isIPv6(podAddress) ? 'ipv6' : 'ipv4';
  for (const address of Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])) {
    const [network, prefix] = (address.cidr ?? '').split('/');
    if (network === undefined || prefix === undefined || address.family.toLowerCase() !== family) {
      continue;
    }
    const block = new BlockList();
    block.addSubnet(network, Number(prefix), family);
    if (block.check(podAddress, family)) {
      return address.address;
    }
  }
  throw new VmletError('NoHostAddress', `no link of this host is in the network of ${podAddress}`);
}

async function fetchPatiently(url: string, signal: AbortSignal): Promise<string> {
  const endMs = Date.now() + answerTimeoutMs;
  for (;;) {
    signal.throwIfAborted();
    try {
      return await fetchOnce(url);
    } catch (error) {
      if (Date.now() > endMs) {
        throw new VmletError('NoAnswer', `no answer from ${url}`, { cause: error });
      }
      await sleep(50);
    }
  }
}

function fetchOnce(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { timeout: attemptTimeoutMs, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
        if (body.length > bodyBytesMax) {
          outgoing.destroy(new Error('answer too long'));
        }
      });
      response.once('end', () => {
        if (response.statusCode === 200) {
          resolve(body);
        } else {
          reject(new Error(`HTTP ${response.statusCode}`));
        }
      });
      response.once('error', reject);
    });
    outgoing.once('timeout', () => outgoing.destroy(new Error('timeout')));
    outgoing.once('error', reject);
    outgoing.end();
  });
}

function bracketed(address: string): string {
  return isIPv6(address) ? `[${address}]` : address;
}
