/**
 * A whole vmlet in one process: what a cluster would provide (embedded/), the controllers, and the node agent.
 * The only place where they meet; each of them knows the others through the Kubernetes API alone.
 */
import { existsSync, rmSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { podType } from '../../apimachinery/core.ts';
import type { AgentContext } from '../../agent/context.ts';
import { createExplainer } from '../../agent/explain/explain-manifest.ts';
import { readMachineHostFacts } from '../../agent/explain/host-facts.ts';
import { createNodeSubresources } from '../../agent/node-subresources.ts';
import { readDnsSettings } from '../../agent/network/dns-settings.ts';
import { createStepLog } from '../../agent/steps.ts';
import { startVmiAgent } from '../../agent/vmi-agent.ts';
import type { Logger } from '../../base/logger.ts';
import { VmletError, errorCode } from '../../base/errors.ts';
import { version } from '../../base/version.ts';
import { createEventRecorder } from '../../client/events.ts';
import { startInformer } from '../../client/informer.ts';
import { startVmController } from '../../controllers/virtualmachine/controller.ts';
import {
  launcherPodIndexers,
  launcherPodSelector,
  startVmiController,
} from '../../controllers/virtualmachineinstance/controller.ts';
import { ensureCustomResourceDefinitions } from '../../embedded/apiserver/crd/ensure.ts';
import { storeCipher } from '../../embedded/apiserver/encryption/store-cipher.ts';
import { writeKubeconfig } from '../../embedded/apiserver/kubeconfig.ts';
import { createCertificates } from '../../embedded/apiserver/pki.ts';
import type { MetricSource } from '../../embedded/apiserver/metrics/exposition.ts';
import { createQueueMetrics } from '../../embedded/apiserver/metrics/queue-metrics.ts';
import { createApiServer } from '../../embedded/apiserver/server.ts';
import { bootstrapPolicyOf } from '../../embedded/authorization/bootstrap-roles.ts';
import { startGarbageCollector } from '../../embedded/garbage/garbage-collector.ts';
import { countDevices, type DeviceCounts } from '../../embedded/node/devices.ts';
import type { HostFacts } from '../../embedded/node/node-object.ts';
import { readHostFacts, registerNode } from '../../embedded/node/register.ts';
import { openPodNetwork } from '../../embedded/podnetwork/host-network.ts';
import { hostHasIpv6 } from '../../embedded/podnetwork/host-side.ts';
import { podRuntimeDefaults } from '../../embedded/podruntime/settings.ts';
import { createPodStreamBackend } from '../../embedded/podruntime/pod-stream-backend.ts';
import { startPodRuntime } from '../../embedded/podruntime/pod-runtime.ts';
import { defaultServiceRanges, dualStackServiceRanges } from '../../embedded/apiserver/services/allocation.ts';
import { overlaps } from '../../embedded/podnetwork/addresses.ts';
import { servicesTable, startServices } from '../../embedded/services/services.ts';
import { launcherSeccomp } from '../../embedded/sandbox/launcher-seccomp.ts';
import { listSandboxes, removeSandboxRemains } from '../../embedded/sandbox/sandbox.ts';
import { prepareSandboxHost } from '../../embedded/sandbox/sandbox-host.ts';
import { sandboxSettings } from '../../embedded/sandbox/settings.ts';
import { startScheduler } from '../../embedded/scheduler/scheduler.ts';
import { openLmdbStore } from '../../embedded/store/lmdb-backend.ts';
import { readSigningKey } from '../../embedded/tokens/signing-key.ts';
import { readTokenFile } from '../../embedded/tokens/token-file.ts';
import { openImageStore } from '../../embedded/volumes/image-store.ts';
import { createFileWatcher } from '../../linux/fanotify/watch-files.ts';
import { createDeviceWatcher } from '../../linux/netlink/device-watcher.ts';
import { createReactor } from '../../linux/reactor/reactor.ts';
import { accessRoles } from '../../vm/access/cluster-roles.ts';
import { createKindAdmission, isOwnIdentity } from '../../vm/kinds/admission.ts';
import { buildCrds } from '../../vm/kinds/crds.ts';
import { vmType } from '../../vm/kinds/virtualmachine/resource.ts';
import { vmiType } from '../../vm/kinds/virtualmachineinstance/resource.ts';
import { ensurePrivateDirectory } from '../private-directory.ts';
import { decideAcceleration } from './emulation.ts';
import type { LauncherSettings } from '../../vm/launcher/launcher-pod.ts';
import { podExplainer } from './pod-explainer.ts';
import { createLateNode } from './late-node.ts';
import { createNodeAudit } from './node-audit.ts';
import { deviceFacts, keepNodeDevices } from './node-devices.ts';
import { guardCondition, machinesOfPods, reportPodNetworkDrift, takenNics } from './pod-network-parts.ts';
import type { StandaloneSettings } from './settings.ts';
import { vmMetrics } from './vm-metrics.ts';
import { startTraces } from './traces.ts';

export interface Standalone {
  readonly kubeconfig: string;
  readonly url: string;
  readonly emulationReason: string | undefined;
  /** VMs that ran before this process started. */
  readonly adopted: number;
  /** Stops everything of this process. VMs keep running; without any, the host network is taken down too. */
  close(): Promise<void>;
}

/** misc device 232 (include/linux/miscdevice.h, KVM_MINOR). */
const kvmDevice = { path: '/dev/kvm', type: 'c', major: 10, minor: 232 } as const;
const goArchitecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

export async function startStandalone(options: {
  readonly settings: StandaloneSettings;
  readonly logger: Logger;
  /** Gives up starting, and takes away what was set up. Has no effect once started: then it is `close`. */
  readonly signal: AbortSignal;
  /** What takes long, in words for a person. */
  readonly onProgress: (message: string) => void;
}): Promise<Standalone> {
  const { settings, logger, onProgress } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  await using undo = new AsyncDisposableStack();
  /** What ends by the signal: when the start fails half-way, nobody else gives it. */
  const deferClosed = (closed: Promise<unknown>): void =>
    undo.defer(async () => {
      stopping.abort();
      await closed;
    });
  ensurePrivateDirectory(settings.stateDir, 0o700);
  ensurePrivateDirectory(settings.runDir, 0o711);
  const stagingDir = `${settings.runDir}/staging`;
  // Cloud-init data of starts that were cut off.
  rmSync(stagingDir, { recursive: true, force: true });

  const acceleration = await decideAcceleration(settings.emulation, settings.runDir);
  const sandbox = sandboxSettings({
    instance: settings.bridge,
    stateDir: settings.stateDir,
    runDir: settings.runDir,
  });
  const kubeletDir = `${settings.stateDir}/kubelet`;
  // The first probe of QEMU in a boot takes a second or more: it runs beside everything else.
  const sandboxHost = prepareSandboxHost(sandbox, { kvm: acceleration.kvm ? kvmDevice : undefined, onProgress });

  const store = openLmdbStore({
    path: `${settings.stateDir}/store/data.mdb`,
    cipher: storeCipher(settings.encryptionKeyFile),
  });
  undo.defer(() => store.close());
  const certificates = await createCertificates({ directory: `${settings.stateDir}/pki` });
  const lateNode = createLateNode(version());
  /** What there is to count comes up after the server. */
  const queues = createQueueMetrics();
  undo.defer(() => queues.close());
  const metrics: MetricSource[] = [queues.source];
  const serviceRanges = hostHasIpv6() ? dualStackServiceRanges : defaultServiceRanges;
  for (const [option, cidr] of [
    ['--pod-cidr', settings.podCidr],
    ['--pod-cidr-v6', settings.podCidrV6],
  ] as const) {
    const taken = [serviceRanges.addresses, serviceRanges.secondaryAddresses ?? []].flat();
    const other = taken.find((range) => cidr !== undefined && overlaps(cidr, range));
    if (other !== undefined) {
      throw new VmletError(
        'PodCidrInUse',
        `${option} ${cidr} overlaps ${other}, the addresses of Services: choose another`,
      );
    }
  }
  const server = await createApiServer({
    store,
    metrics: [() => metrics.flatMap((read) => read())],
    logger: logger.child({ name: 'apiserver' }),
    tls: certificates.server,
    auth: {
      clientCa: certificates.ca.cert,
      signingKey: readSigningKey(`${settings.stateDir}/pki/service-accounts.key`),
      policies: [bootstrapPolicyOf(accessRoles)],
      ...(settings.tokenAuthFile !== undefined && { tokens: readTokenFile(settings.tokenAuthFile) }),
    },
    admission: createKindAdmission({
      architecture: goArchitecture,
      newUuid: randomUUID,
      now: () => new Date(),
      isOwnIdentity,
    }),
    delegated: [lateNode.group],
    serviceRanges,
    podStreams: createPodStreamBackend({ kubeletDir, sandbox }),
  });
  undo.defer(() => server.close());
  const { client } = server;
  await ensureCustomResourceDefinitions(client, buildCrds());

  const reactor = createReactor();
  undo.defer(() => reactor.close());
  const files = createFileWatcher({ reactor });
  undo.defer(() => files.close());
  const devices = createDeviceWatcher({ reactor });
  undo.defer(() => devices.close());

  const guard = guardCondition();
  const hostWith = (counts: DeviceCounts): HostFacts => {
    const { labels, kvm } = deviceFacts(acceleration, counts);
    return readHostFacts({
      vmletVersion: version(),
      devices: counts,
      labels: { 'kubevirt.io/schedulable': 'true', ...labels },
      conditions: [kvm, guard],
    });
  };
  const deviceCounts = countDevices(acceleration);
  const host = hostWith(deviceCounts);
  const nodeName = host.hostname;
  await registerNode(client, host);

  const events = createEventRecorder(client, { component: 'vmlet', host: nodeName, logger });
  undo.defer(() => events.flush());
  undo.use(
    keepNodeDevices({
      client,
      devices,
      acceleration,
      events,
      first: deviceCounts,
      host: hostWith,
      logger: logger.child({ name: 'node' }),
    }),
  );
  const vmis = startInformer(client, vmiType, { signal, logger });
  metrics.push(() => vmMetrics(vmis.list()));
  undo.defer(() => stopping.abort());
  // The pod network asks for the VMs of the Pods that it finds.
  await vmis.ready;
  const machines = machinesOfPods(vmis);
  const network = await openPodNetwork({
    runDir: settings.runDir,
    stateDir: settings.stateDir,
    bridge: settings.bridge,
    cidr: settings.podCidr,
    cidrV6: settings.podCidrV6,
    logger,
    takenNics,
    guestMacAddresses: machines.guestMacAddresses,
    watch: {
      reactor,
      files,
      resyncMs: settings.driftResyncMs,
      policy: machines.driftPolicy,
      onFinding: reportPodNetworkDrift({ events, logger, nodeName }),
    },
  });
  undo.defer(async () => {
    if ((await listSandboxes(sandbox)).length === 0) {
      await removeSandboxRemains(sandbox);
      await network.removeHost();
    } else {
      network.close();
    }
  });
  const images = await openImageStore({
    dir: `${settings.stateDir}/images`,
    runDir: `${settings.runDir}/pull`,
    localImageDirs: [settings.localImagesDir],
    insecureRegistries: settings.insecureRegistries,
  });
  // The probe's own sandbox must not look like a Pod's that was left behind.
  await sandboxHost(acceleration.kvm);
  options.signal.throwIfAborted();
  const runtime = await startPodRuntime({
    client,
    settings: { ...podRuntimeDefaults, nodeName, hostIPs: host.addresses, kubeletDir, sandbox },
    images,
    network,
    reactor,
    hostFacts: sandboxHost,
    logger: logger.child({ name: 'podruntime' }),
    signal,
  });
  deferClosed(runtime.closed);
  const services = startServices({
    client,
    table: servicesTable(settings.bridge),
    bridge: settings.bridge,
    podNetworks: [network.cidr, settings.podCidrV6],
    reactor,
    resyncMs: settings.driftResyncMs,
    logger: logger.child({ name: 'services' }),
    signal,
  });
  undo.defer(async () => {
    stopping.abort();
    // VMs that run on keep their Services.
    await services.close({ removeTable: (await listSandboxes(sandbox)).length === 0 });
  });

  startScheduler({ client, logger: logger.child({ name: 'scheduler' }), signal, events });
  startGarbageCollector({
    client,
    logger: logger.child({ name: 'garbage' }),
    signal,
    kinds: server.kinds,
  });

  const vms = startInformer(client, vmType, { signal, logger });
  const pods = startInformer(client, podType, {
    signal,
    logger,
    labelSelector: launcherPodSelector,
    indexers: launcherPodIndexers,
  });
  const launcher: LauncherSettings = {
    image: podRuntimeDefaults.launcherImage,
    kvm: acceleration.kvm,
    // An emulated guest cannot use it.
    get vhostNet() {
      return acceleration.kvm && existsSync('/dev/vhost-net');
    },
    cpuAllocationRatio: 10,
    nodeSelector: { 'kubevirt.io/schedulable': 'true' },
  };
  await startVmController({ client, vms, vmis, events, logger: logger.child({ name: 'vm' }), signal });
  await startVmiController({
    client,
    vmis,
    pods,
    launcher,
    events,
    logger: logger.child({ name: 'vmi' }),
    signal,
  });

  const agentLogger = logger.child({ name: 'agent' });
  const traces = startTraces({ stateDir: settings.stateDir, nodeName, vmis, pods, logger: agentLogger, signal });
  undo.defer(() => traces.close());
  const logStep = createStepLog(agentLogger);
  const context: AgentContext = {
    nodeName,
    kubeletDir,
    sandboxUid: sandbox.uid,
    client,
    events,
    reactor,
    files,
    devices,
    driftResyncMs: settings.driftResyncMs,
    logger: agentLogger,
    signal,
    stagingDir,
    dns: readDnsSettings(),
    emulationReason: acceleration.emulationReason,
    sandboxPidsMax: podRuntimeDefaults.pidsLimit,
    seccompProfile: launcherSeccomp(process.arch),
    step(vmi, step) {
      traces.step(vmi, step);
      logStep(vmi, step);
    },
  };
  const agent = startVmiAgent(context);
  deferClosed(agent.closed);
  const explainer = createExplainer({
    client,
    nodeName,
    launcher,
    host: () => readMachineHostFacts(context),
    explainPod: podExplainer({
      client,
      sandbox,
      sandboxHost: () => sandboxHost(acceleration.kvm),
      kubeletDir,
      podNetwork: { bridge: settings.bridge, cidr: network.cidr },
    }),
  });
  const audit = createNodeAudit({
    instance: { name: settings.bridge, stateDir: settings.stateDir, runDir: settings.runDir },
    nodeName,
    client,
    network,
    agent,
  });
  lateNode.bind({ client, node: createNodeSubresources(context, agent, { ...explainer, audit, traces }) });
  await agent.ready;
  const adopted = (await listSandboxes(sandbox)).length;

  options.signal.throwIfAborted();
  const { port } = await server.listen({ host: '127.0.0.1', port: settings.port }).catch((error: unknown) => {
    throw errorCode(error) === 'EADDRINUSE'
      ? new VmletError('PortInUse', `port ${settings.port} is in use by another program: name a free one with --port`)
      : error;
  });
  const url = `https://127.0.0.1:${port}`;
  const kubeconfig = `${settings.stateDir}/kubeconfig`;
  writeKubeconfig(kubeconfig, { server: url, ca: certificates.ca.cert, ...certificates.client });

  const closing = undo.move();
  return {
    kubeconfig,
    url,
    emulationReason: acceleration.emulationReason,
    adopted,
    async close() {
      stopping.abort();
      await closing.disposeAsync();
    },
  };
}
