/**
 * The product at its main job, live: applies examples/demo.yaml through the Kubernetes API, shows what happens, talks
 * to the guest in both directions, shows the kernel objects, deletes the VM and proves that nothing is left.
 */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { podType, eventType } from '../../../apimachinery/core.ts';
import { isNotFound } from '../../../apimachinery/status.ts';
import { findLeftovers } from '../../../agent/host-snapshot/host-snapshot.ts';
import { runDirectory, stateDirectory } from '../../../base/directories.ts';
import { VmletError } from '../../../base/errors.ts';
import { connectKubeconfig, type ApiConnection } from '../../../client/https-client.ts';
import type { Invocation, Io } from '../../../cli/command.ts';
import { formatInspection } from '../../../vm/inspection/format.ts';
import type { Inspection } from '../../../vm/inspection/inspection.ts';
import { vmiType } from '../../../vm/kinds/virtualmachineinstance/resource.ts';
import type { VirtualMachineInstance } from '../../../vm/kinds/virtualmachineinstance/types.ts';
import { instanceSnapshot } from '../../instance-snapshot.ts';
import { readPidFile } from '../../pid-file.ts';
import { requireRoot } from '../../require-root.ts';
import { checkInbound, checkOutbound } from './traffic.ts';
import { createNarrator, type Narrator } from './narrator.ts';

const manifestPath = fileURLToPath(new URL('../../../../examples/demo.yaml', import.meta.url));
const executable = fileURLToPath(new URL('../../../../bin/vmlet', import.meta.url));
const namespace = 'default';
/** The instance that `vmlet up` starts without options. */
const instance = { bridge: 'vmlet0', stateDir: stateDirectory(), runDir: runDirectory() };
const runningTimeoutMs = 120_000;
const goneTimeoutMs = 60_000;

export async function run(invocation: Invocation): Promise<number> {
  const { io } = invocation;
  requireRoot('demo');
  const keep = invocation.options['keep'] === true;
  const startedHere = readPidFile(`${instance.runDir}/vmlet.pid`) === undefined;
  const before = startedHere ? instanceSnapshot(instance) : undefined;
  if (startedHere) {
    await vmlet(io, ['up', '--detach']);
  } else {
    io.out('vmlet already runs here; the demo uses it.\n');
  }
  const api = await connectKubeconfig({ file: `${instance.stateDir}/kubeconfig`, context: undefined });
  const beforeVm = before ?? instanceSnapshot(instance);
  let code = await showVm(io, api, keep);
  if (keep) {
    io.out(
      '\nThe VM runs on: kubectl --kubeconfig /var/lib/vmlet/kubeconfig get vmi; `vmlet console demo`; `vmlet down`.\n',
    );
    return code;
  }
  if (startedHere) {
    await vmlet(io, ['down']);
  }
  const left = findLeftovers(beforeVm, instanceSnapshot(instance));
  if (left.length > 0) {
    io.err(`\nLeft behind:\n${left.map((line) => `  ${line}\n`).join('')}`);
    code = 1;
  } else {
    io.out('\nCompared with the host before: no link, nft table, cgroup, mount, namespace, process or file is left.\n');
  }
  io.out(
    '\nTry next:\n' +
      '  vmlet up --detach                         start vmlet\n' +
      '  export KUBECONFIG=/var/lib/vmlet/kubeconfig\n' +
      '  kubectl apply -f examples/vm.yaml         a VirtualMachine\n' +
      '  vmlet list; vmlet console web             look at it; ^] leaves the console\n',
  );
  return code;
}

async function showVm(io: Io, api: ApiConnection, keep: boolean): Promise<number> {
  const manifest = parse(await readFile(manifestPath, 'utf8')) as VirtualMachineInstance;
  const name = manifest.metadata.name;
  const ending = new AbortController();
  const narrator = createNarrator(io);
  io.out(`\nkubectl apply -f examples/demo.yaml\n\n`);
  narrator.start();
  const created = await api.client.create(vmiType, { ...manifest, metadata: { ...manifest.metadata, namespace } });
  narrator.say('admitted', `VirtualMachineInstance ${namespace}/${name}, uid ${created.metadata.uid}`);
  const watches = narrate(api, narrator, created, ending.signal);
  try {
    const running = await waitFor(api, name, io.signal, runningTimeoutMs, (vmi) => vmi?.status?.phase === 'Running');
    if (running === undefined) {
      return 1;
    }
    const addresses = running.status?.interfaces?.[0]?.ipAddresses ?? [];
    for (const address of addresses) {
      narrator.say('web page', await checkInbound(address, io.signal));
    }
    narrator.say('guest up', 'the guest answers on every address');
    for (const address of addresses) {
      narrator.say('outbound', await checkOutbound(address, io.signal));
    }
    const inspection = (await api.request(
      'GET',
      `/apis/subresources.kubevirt.io/v1/namespaces/${namespace}/virtualmachineinstances/${name}/inspect`,
    )) as Inspection;
    io.out(`\nWhat vmlet made in the kernel for this VM:\n\n${formatInspection(inspection)}\n`);
  } catch (error) {
    await tellWhy(io, api, name);
    throw error;
  } finally {
    if (!keep) {
      await removeVm(io, api, narrator, name);
    }
    ending.abort();
    await watches;
  }
  return 0;
}

async function removeVm(io: Io, api: ApiConnection, narrator: Narrator, name: string): Promise<void> {
  io.out(`\nkubectl delete vmi ${name}\n\n`);
  narrator.start();
  await api.client.delete(vmiType, { namespace, name });
  // Not tied to Ctrl-C: an interrupted demo still takes its VM away.
  await waitFor(api, name, undefined, goneTimeoutMs, (vmi) => vmi === undefined);
  narrator.say('gone', 'the VirtualMachineInstance and its Pod are deleted');
}

/** Prints Pod and VMI changes and the Events about them as they come. */
async function narrate(
  api: ApiConnection,
  narrator: Narrator,
  vmi: VirtualMachineInstance,
  signal: AbortSignal,
): Promise<void> {
  const seen = new Set<string>();
  const once = (step: string, text: string): void => {
    if (!seen.has(step)) {
      seen.add(step);
      narrator.say(step, text);
    }
  };
  const pods = async (): Promise<void> => {
    for await (const event of api.client.watch(podType, { namespace, signal })) {
      if (
        event.type === 'BOOKMARK' ||
        !event.object.metadata.ownerReferences?.some((owner) => owner.uid === vmi.metadata.uid)
      ) {
        continue;
      }
      const pod = event.object;
      once('Pod created', pod.metadata.name);
      if (pod.spec.nodeName !== undefined) {
        once('bound', `to node ${pod.spec.nodeName}`);
      }
      if (pod.status?.podIP !== undefined) {
        once('pod network', (pod.status.podIPs ?? []).map(({ ip }) => ip).join(' '));
      }
      if (pod.status?.containerStatuses?.[0]?.state.running !== undefined) {
        once('sandbox up', pod.status.containerStatuses[0].containerID ?? '');
      }
    }
  };
  const vmis = async (): Promise<void> => {
    for await (const event of api.client.watch(vmiType, { namespace, signal })) {
      if (event.type === 'BOOKMARK' || event.object.metadata.uid !== vmi.metadata.uid) {
        continue;
      }
      const phase = event.object.status?.phase;
      if (phase === 'Running') {
        const emulation = event.object.status?.conditions?.find((condition) => condition.type === 'SoftwareEmulation');
        once(
          'domain started',
          emulation === undefined ? 'with KVM' : 'with an emulated CPU (no usable KVM on this host)',
        );
      } else if (phase === 'Succeeded' || phase === 'Failed') {
        once('guest ended', `${phase}: ${event.object.status?.reason ?? ''}`);
      }
    }
  };
  const events = async (): Promise<void> => {
    for await (const event of api.client.watch(eventType, { namespace, signal })) {
      if (event.type === 'ADDED' && event.object.involvedObject.uid === vmi.metadata.uid) {
        const { reason = '', message = '', type } = event.object;
        if (type === 'Warning' || reason === 'NetworkUp' || reason === 'GuestAddressed') {
          narrator.say(reason === 'NetworkUp' ? 'network up' : reason, message);
        }
      }
    }
  };
  await Promise.allSettled([pods(), vmis(), events()]);
}

async function waitFor(
  api: ApiConnection,
  name: string,
  signal: AbortSignal | undefined,
  timeoutMs: number,
  reached: (vmi: VirtualMachineInstance | undefined) => boolean,
): Promise<VirtualMachineInstance | undefined> {
  const limit = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])]);
  const find = async (): Promise<VirtualMachineInstance | undefined> => {
    try {
      return await api.client.get(vmiType, { namespace, name });
    } catch (error) {
      if (isNotFound(error)) {
        return undefined;
      }
      throw error;
    }
  };
  const selected = { namespace, fieldSelector: `metadata.name=${name}`, signal: limit };
  for await (const event of api.client.watch(vmiType, selected)) {
    const vmi = event.type === 'DELETED' ? undefined : await find();
    if (reached(vmi)) {
      return vmi;
    }
    if (vmi?.status?.phase === 'Failed') {
      throw new VmletError('VmFailed', `the VM failed: ${vmi.status.reason ?? ''}`);
    }
  }
  throw new VmletError('Timeout', `the VM did not get there within ${timeoutMs / 1000} s`);
}

async function tellWhy(io: Io, api: ApiConnection, name: string): Promise<void> {
  const { items } = await api.client.list(vmiType, { namespace, fieldSelector: `metadata.name=${name}` });
  io.err(`\n${JSON.stringify(items[0]?.status, undefined, 2)}\n`);
}

/** Runs `vmlet` itself, as a person would, with its output shown. */
function vmlet(io: Io, words: readonly string[]): Promise<void> {
  io.out(`vmlet ${words.join(' ')}\n`);
  return new Promise((resolve, reject) => {
    const child = spawn(executable, words, { stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) {
        resolve();
      } else {
        reject(new VmletError('CommandFailed', `vmlet ${words.join(' ')} ended with ${code ?? 'a signal'}`));
      }
    });
  });
}
