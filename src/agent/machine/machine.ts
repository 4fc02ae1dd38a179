/**
 * One VM on this node, as the agent holds it in memory: the link to its sandbox, its address servers, its console.
 * All of it can be built again from what runs: after a restart of the agent the first reconcile does so.
 */
import { assert } from '../../base/assert.ts';
import { withDeadline } from '../../base/deadline.ts';
import { VmletError, errorMessage } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { DomainRef } from '../../libvirt/domain/domain-ref.ts';
import { VIR_DOMAIN_DESTROY_GRACEFUL, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN } from '../../libvirt/domain/flags.ts';
import { readLayout } from '../../linux/cgroup/layout.ts';
import { findCgroupOfProcess, readCgroupValues } from '../../linux/cgroup/observe.ts';
import { connectUnixBeneath } from '../../linux/socket/unix.ts';
import type { Pod } from '../../apimachinery/core.ts';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';
import { domainMetadataPrefix, domainName } from '../../vm/machine/domain/identity.ts';
import { serialSocketName } from '../../vm/machine/domain/compile-domain.ts';
import { parseDomainXml, type ObservedDomain } from '../../libvirt/xml/parse-domain.ts';
import { launcherMounts } from '../../vm/launcher/names.ts';
import { SerialConsole } from '../console/serial-console.ts';
import { startAddressServers, type AddressServers } from '../network/address-servers.ts';
import type { FacetPlan, MachinePlace } from '../facets/facet.ts';
import {
  compileMachine,
  ensureMachine,
  facetNames,
  observeMachine,
  planMachine,
  showPlan,
} from '../facets/machine-loop.ts';
import type { FacetName } from '../facets/machine-spec.ts';
import { emulatorPath } from '../facets/domain/emulator.ts';
import type { NetworkSpec } from '../facets/network/model.ts';
import type { AgentContext } from '../context.ts';
import type { DriftRecord } from '../drift/machine-drift.ts';
import { isUnexpected, type ProcessEnd } from '../drift/process-end.ts';
import type { DomainObservation } from './decide.ts';
import { createMachineLink, type MachineLink } from './machine-link.ts';
import { createMachineWatch, type MachineWatch } from './machine-watch.ts';
import { emptyDirPath, type SandboxLink } from './sandbox-link.ts';

/** What a start makes. The cgroup is the runtime's to make, the others are of a guest that runs. */
const startFacets: readonly FacetName[] = ['network', 'files', 'domain'];
/** A look takes a millisecond; a host that is busy starting many guests makes it some hundred. */
const lookPatienceMs = 2000;
/** When the kernel has said that QEMU was ended: libvirt may know more, but nobody waits for it. */
const lookAfterEndMs = 20;

export class Machine {
  readonly #context: AgentContext;
  readonly #podUid: string;
  readonly #logger: Logger;
  readonly #onChange: () => void;
  readonly console = new SerialConsole();
  readonly #link: MachineLink;
  readonly #watch: MachineWatch;
  #network: NetworkSpec | undefined;
  #servers: AddressServers | undefined;
  #live: ObservedDomain | undefined;
  #destroyAsked = false;
  #looking: Promise<DomainObservation | undefined> | undefined;
  shutdownAskedAtMs: number | undefined;

  constructor(options: { context: AgentContext; podUid: string; logger: Logger; onChange: () => void }) {
    this.#context = options.context;
    this.#podUid = options.podUid;
    this.#logger = options.logger;
    this.#onChange = options.onChange;
    const { context, podUid, logger, onChange } = options;
    this.#watch = createMachineWatch({
      context,
      logger,
      onChange,
      target: {
        plan: (facets) => this.pending(facets),
        repair: async (facets) => {
          const { served } = this.#watch;
          return served === undefined ? [] : this.repair(served.vmi, served.pod, facets);
        },
      },
    });
    this.#link = createMachineLink({
      context,
      podUid,
      logger,
      onChange,
      onLost: () => {
        this.#live = undefined;
        this.#watch.pause();
      },
    });
  }

  get podUid(): string {
    return this.#podUid;
  }

  /** As it was last made sure of. */
  get network(): NetworkSpec | undefined {
    return this.#network;
  }

  get servers(): AddressServers | undefined {
    return this.#servers;
  }

  get link(): SandboxLink | undefined {
    return this.#link.current;
  }

  /** The domain as libvirt tells it; undefined while libvirt does not answer. */
  async observe(vmi: VirtualMachineInstance): Promise<DomainObservation | undefined> {
    const link = await this.#link.open();
    if (link === undefined) {
      return undefined;
    }
    const domain = await this.#domain(link, vmi);
    return domain === undefined ? { state: 'absent', reason: 'unknown' } : link.connection.domainState(domain);
  }

  /**
   * The same, for who must not wait: a daemon that hangs gives undefined soon. The look itself goes on, at most one at a
   * time, and its end is told through `onChange`.
   */
  async look(vmi: VirtualMachineInstance): Promise<DomainObservation | undefined> {
    const { qemuEnd } = this;
    const isOver = qemuEnd !== undefined && isUnexpected(qemuEnd);
    const patienceMs = this.#looking !== undefined ? 0 : isOver ? lookAfterEndMs : lookPatienceMs;
    const looking = (this.#looking ??= this.#startLook(vmi));
    try {
      return await withDeadline(looking, patienceMs, 'look at the domain');
    } catch {
      this.#link.setUnreachable('it does not answer');
      void looking.then(() => this.#onChange());
      return undefined;
    }
  }

  /** Never rejects: what went wrong is kept as the reason for being unreachable. */
  async #startLook(vmi: VirtualMachineInstance): Promise<DomainObservation | undefined> {
    try {
      const domain = await this.observe(vmi);
      if (domain !== undefined) {
        this.#link.setReachable();
      }
      return domain;
    } catch (error) {
      this.#link.setUnreachable(errorMessage(error));
      return undefined;
    } finally {
      this.#looking = undefined;
    }
  }

  /** How long libvirt has not been answering by now; 0 while it does. */
  unreachableForMs(): number {
    return this.#link.unreachableForMs();
  }

  /** The last reason for not answering, for a person. */
  get unreachableWhy(): string {
    return this.#link.unreachableWhy;
  }

  /** How QEMU ended, by the kernel's word; undefined while it runs, and when the sandbox or libvirt ended it for us. */
  get qemuEnd(): ProcessEnd | undefined {
    const end = this.#watch.lastEnd('QEMU');
    return end === undefined || end.withSandbox || this.#destroyAsked ? undefined : end;
  }

  /** The same of the sandbox's PID 1. */
  get initEnd(): ProcessEnd | undefined {
    return this.#watch.lastEnd('init');
  }

  /** Whether the kernel has killed in the sandbox for want of memory, as far as its control group still tells. */
  ranOutOfMemory(): boolean {
    const { current } = this.#link;
    const cgroup = current === undefined ? undefined : findCgroupOfProcess(readLayout(), current.initPid);
    return cgroup !== undefined && (readCgroupValues(cgroup).oomKills ?? 0) > 0;
  }

  /** The live definition, as libvirt has it; read once per connection. */
  async describe(vmi: VirtualMachineInstance): Promise<ObservedDomain> {
    if (this.#live === undefined) {
      const link = this.#link.require();
      const domain = await this.#requireDomain(link, vmi);
      this.#live = parseDomainXml(await link.connection.domainXml(domain), domainMetadataPrefix);
    }
    return this.#live;
  }

  /**
   * The steps that would bring this VM's parts of the node to what they must be: of all facets, or of the named ones.
   * Facets without steps are left out. Changes nothing. Throws VmletError `SandboxUnreachable` without a link.
   */
  async plan(
    vmi: VirtualMachineInstance,
    pod: Pod,
    options: { readonly facets?: readonly string[] } = {},
  ): Promise<readonly FacetPlan[]> {
    const names = options.facets === undefined ? undefined : facetNames(options.facets);
    const place = this.#place(vmi, pod, this.#context.signal);
    const spec = await compileMachine(place, names);
    return showPlan(planMachine(spec, await observeMachine(place, spec, names)));
  }

  /** The plan for the VM as it was last served; empty before that. */
  async pending(facets?: readonly string[]): Promise<readonly FacetPlan[]> {
    const { served } = this.#watch;
    return served === undefined ? [] : this.plan(served.vmi, served.pod, { ...(facets && { facets }) });
  }

  /** What others changed of this VM and what was done, oldest first; the last ones. */
  get driftRecords(): readonly DriftRecord[] {
    return this.#watch.records;
  }

  /** Takes the steps that `plan` tells for these facets, and gives what was done. Steps that only report are not taken. */
  async repair(vmi: VirtualMachineInstance, pod: Pod, facets: readonly string[]): Promise<readonly FacetPlan[]> {
    const names = facetNames(facets);
    const place = this.#place(vmi, pod, this.#context.signal);
    return ensureMachine(place, await compileMachine(place, names), names);
  }

  /**
   * Everything that a running guest needs from the agent's process; safe to call again and again. What of its network
   * others changed is found by the drift watch, which does with it as the VM's policy says.
   */
  async serve(vmi: VirtualMachineInstance, pod: Pod): Promise<void> {
    if (this.#network === undefined) {
      const { network } = await compileMachine(this.#place(vmi, pod, this.#context.signal), ['network']);
      assert(network !== undefined, 'no network was compiled');
      this.#network = network;
    }
    this.#serveAddresses(vmi, this.#network);
    this.#watch.follow({ vmi, pod }, this.#link.require(), this.#network);
  }

  #serveAddresses(vmi: VirtualMachineInstance, network: NetworkSpec): void {
    const link = this.#link.require();
    this.#servers ??= startAddressServers({
      netns: link.netns,
      reactor: this.#context.reactor,
      network,
      hostname: vmi.spec.hostname ?? vmi.metadata.name,
      dns: this.#context.dns,
      onLease: (lease) => {
        this.#logger.info({ lease }, 'guest took its address');
        this.#context.step(vmi, 'guest addressed');
        this.#context.events.record({
          object: vmi,
          type: 'Normal',
          reason: 'GuestAddressed',
          message: `the guest took ${lease.address} for ${lease.mac}`,
        });
      },
    });
  }

  /** Makes everything as it must be and starts the guest. A start that was cut off is finished by another. */
  async start(vmi: VirtualMachineInstance, pod: Pod, signal: AbortSignal): Promise<void> {
    const place = this.#place(vmi, pod, signal);
    const { context, link } = place;
    context.step(vmi, 'start begun');
    // The first question about QEMU makes the daemon load what it knows of it (some 10 ms): let it do so meanwhile.
    void link.connection.domainCapabilities({ emulator: emulatorPath() }, { signal }).catch(() => undefined);
    const spec = await compileMachine(place, startFacets);
    await ensureMachine(place, spec, ['network']);
    const { network } = spec;
    assert(network !== undefined, 'no network was compiled');
    this.#network = network;
    this.#serveAddresses(vmi, network);
    context.step(vmi, 'network up');
    context.events.record({ object: vmi, type: 'Normal', reason: 'NetworkUp', message: describeNetwork(network) });
    await ensureMachine(place, spec, ['files']);
    context.step(vmi, 'disks ready');
    // The runtime has set the limits just before: looked at again while libvirt and QEMU start, it costs no time.
    await Promise.all([ensureMachine(place, spec, ['domain']), this.#ensureLimits(place)]);
  }

  /** Never rejects: what cannot be put back now is found by the drift watch, which tells the VM's owner. */
  async #ensureLimits(place: MachinePlace): Promise<void> {
    try {
      const done = await ensureMachine(place, await compileMachine(place, ['cgroup']), ['cgroup']);
      if (done.length > 0) {
        this.#logger.warn({ done }, 'limits of the sandbox were not as its Pod says and are put back');
      }
    } catch (error) {
      this.#logger.warn({ error: errorMessage(error) }, 'limits of the sandbox were not looked at');
    }
  }

  async shutdown(vmi: VirtualMachineInstance): Promise<void> {
    const link = this.#link.require();
    this.shutdownAskedAtMs = Date.now();
    const domain = await this.#requireDomain(link, vmi);
    await link.connection.shutdownDomain(domain, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN);
  }

  async destroy(vmi: VirtualMachineInstance): Promise<void> {
    const link = this.#link.require();
    this.#destroyAsked = true;
    const domain = await this.#requireDomain(link, vmi);
    try {
      await link.connection.destroyDomain(domain, VIR_DOMAIN_DESTROY_GRACEFUL);
    } catch (error) {
      // QEMU did not end on SIGTERM in libvirt's own time: once more with SIGKILL.
      this.#logger.warn({ error: errorMessage(error) }, 'QEMU did not end politely');
      await link.connection.destroyDomain(domain);
    }
  }

  async suspend(vmi: VirtualMachineInstance): Promise<void> {
    const link = this.#link.require();
    await link.connection.suspendDomain(await this.#requireDomain(link, vmi));
  }

  async resume(vmi: VirtualMachineInstance): Promise<void> {
    const link = this.#link.require();
    await link.connection.resumeDomain(await this.#requireDomain(link, vmi));
  }

  /** Connects the console hub to QEMU's serial socket, when the guest has one and it is not connected. */
  async attachConsole(vmi: VirtualMachineInstance): Promise<void> {
    if (this.console.attached || vmi.spec.domain.devices.autoattachSerialConsole === false) {
      return;
    }
    try {
      // What stands there may be anything that a guest in control of QEMU puts there: links are refused on the way.
      const { socket } = await connectUnixBeneath(
        emptyDirPath(this.#context.kubeletDir, this.#podUid, launcherMounts.private.volume),
        `${vmi.metadata.uid}/${serialSocketName}`,
      );
      this.console.attach(socket);
    } catch (error) {
      this.#logger.warn({ error: errorMessage(error) }, 'no serial console');
    }
  }

  async close(): Promise<void> {
    this.#watch[Symbol.dispose]();
    this.#servers?.close();
    this.#servers = undefined;
    this.console.close();
    await this.#link.close();
  }

  get context(): AgentContext {
    return this.#context;
  }

  #place(vmi: VirtualMachineInstance, pod: Pod, signal: AbortSignal): MachinePlace {
    return { vmi, pod, context: this.#context, podUid: this.#podUid, link: this.#link.require(), signal };
  }

  #domain(link: SandboxLink, vmi: VirtualMachineInstance): Promise<DomainRef | undefined> {
    return link.connection.findDomainByName(domainName(vmi));
  }

  async #requireDomain(link: SandboxLink, vmi: VirtualMachineInstance): Promise<DomainRef> {
    const domain = await this.#domain(link, vmi);
    if (domain === undefined) {
      throw new VmletError('NoDomain', `libvirt knows no domain ${domainName(vmi)}`);
    }
    return domain;
  }
}

/** `tap0 on bridge k6t-eth0, masquerade from 10.114.0.2 fd76::2 to 10.0.2.2/24 fd10:0:2::2/120`. */
function describeNetwork(network: NetworkSpec): string {
  return network.interfaces
    .map(
      (nic) =>
        `${nic.tap} on bridge ${nic.bridge}, ${nic.binding} from ${nic.podAddresses.join(' ')} to ${nic.guestAddresses.join(' ')}`,
    )
    .join('; ');
}
