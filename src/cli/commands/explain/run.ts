import { readFile } from 'node:fs/promises';
import { VmletError } from '../../../base/errors.ts';
import type { Explanation } from '../../../vm/explanation/explanation.ts';
import { formatExplanation } from '../../../vm/explanation/format.ts';
import type { Inspection } from '../../../vm/inspection/inspection.ts';
import { vmiType } from '../../../vm/kinds/virtualmachineinstance/resource.ts';
import { isRecord } from '../../../vm/kinds/schema/conforms.ts';
import type { Invocation } from '../../command.ts';
import { UsageError } from '../../options.ts';
import { openSession, type ApiSession } from '../../session.ts';
import { namespaceResourcePath, subresourcePath } from '../../subresource.ts';

/** More than any manifest that an API server takes. */
const manifestBytesMax = 3 * 1024 * 1024;

/** Ends with 0 when nothing stands in the way, and with 1 when something does. */
export async function run(invocation: Invocation): Promise<number> {
  const { io, options } = invocation;
  const [name] = invocation.arguments;
  const file = options['filename'];
  if ((name === undefined) === (typeof file !== 'string')) {
    throw new UsageError('explain takes either a manifest (-f FILE) or the name of a running VM');
  }
  // The whole input is read first: a file that is none needs no API.
  const manifests = typeof file === 'string' ? await readManifests(file) : [];
  const session = await openSession(invocation);
  const explanations =
    name === undefined
      ? await Promise.all(manifests.map((manifest) => explain(session, manifest)))
      : [await explainRunning(session, name)];
  switch (options['output']) {
    case 'json':
      io.out(explanations.map((one) => `${JSON.stringify(one, undefined, 2)}\n`).join(''));
      break;
    case 'yaml': {
      const { stringify } = await import('yaml');
      io.out(explanations.map((one) => stringify(one)).join('---\n'));
      break;
    }
    default:
      io.out(
        explanations
          .map((one) => formatExplanation(one, { color: io.color, details: options['details'] === true }))
          .join('\n'),
      );
  }
  const hindered = explanations.some(
    ({ conflicts, parts }) => conflicts.length > 0 || (name !== undefined && parts.length > 0),
  );
  return hindered ? 1 : 0;
}

async function explain(session: ApiSession, manifest: Readonly<Record<string, unknown>>): Promise<Explanation> {
  const { metadata } = manifest;
  const namespace =
    isRecord(metadata) && typeof metadata['namespace'] === 'string' ? metadata['namespace'] : session.namespace;
  return (await session.request('PUT', namespaceResourcePath(namespace, 'explain-vm'), manifest)) as Explanation;
}

/** The plan of a running VM, which is empty when all is as it should be. */
async function explainRunning(session: ApiSession, name: string): Promise<Explanation> {
  const answer = (await session.request(
    'GET',
    subresourcePath(session, 'virtualmachineinstances', name, 'inspect'),
  )) as Inspection;
  const vmi = await session.client.get(vmiType, { namespace: session.namespace, name });
  return {
    vmi: { namespace: answer.vmi.namespace, name: answer.vmi.name },
    node: vmi.status?.nodeName ?? '',
    parts: (answer.plan ?? []).map(({ facet, steps }) => ({ part: facet, steps })),
    conflicts: [],
  };
}

/** The VM objects of a file; others (a Secret, a Service) are passed over. */
async function readManifests(file: string): Promise<Record<string, unknown>[]> {
  const text = file === '-' ? await readStandardInput() : await readFile(file, 'utf8');
  if (text.length > manifestBytesMax) {
    throw new VmletError('TooLarge', `${file} is larger than ${manifestBytesMax} bytes`);
  }
  const { parseAllDocuments } = await import('yaml');
  const documents = parseAllDocuments(text, { merge: false });
  const problem = [...documents].flatMap(({ errors }) => errors)[0];
  if (problem !== undefined) {
    throw new VmletError('InvalidYaml', `${file}: ${problem.message}`);
  }
  const manifests = [...documents]
    .map((document): unknown => document.toJS({ maxAliasCount: 100 }))
    .filter((value) => isRecord(value))
    .filter(({ kind }) => kind === 'VirtualMachine' || kind === 'VirtualMachineInstance');
  if (manifests.length === 0) {
    throw new VmletError('NoManifest', `${file} holds no VirtualMachine and no VirtualMachineInstance`);
  }
  return manifests;
}

async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > manifestBytesMax) {
      break;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
