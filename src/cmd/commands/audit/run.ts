import { runDirectory, stateDirectory } from '../../../base/directories.ts';
import { VmletError, errorMessage } from '../../../base/errors.ts';
import type { Invocation } from '../../../cli/command.ts';
import { UsageError } from '../../../cli/options.ts';
import { connectKubeconfig } from '../../../client/https-client.ts';
import { audit } from '../../../embedded/audit/audit.ts';
import { countsAsFinding, type AuditedInstance, type AuditReport } from '../../../embedded/audit/model.ts';
import { readPidFile } from '../../pid-file.ts';
import { requireRoot } from '../../require-root.ts';
import { pidFileName } from '../../standalone/settings.ts';
import { formatAudit } from './format.ts';

const auditPath = '/apis/subresources.kubevirt.io/v1/audit';

export async function run(invocation: Invocation): Promise<number> {
  const { io, options } = invocation;
  requireRoot('audit');
  const instance: AuditedInstance = {
    name: bridgeOf(options['bridge']),
    stateDir: directoryOf(options['stateDir'], '--state-dir') ?? stateDirectory(),
    runDir: directoryOf(options['runDir'], '--run-dir') ?? runDirectory(),
  };
  const repair = options['repair'] === true;
  const isRunning = readPidFile(`${instance.runDir}/${pidFileName}`) !== undefined;
  const report = isRunning ? await ask(instance, repair, io.signal) : await auditHere(instance, repair);
  io.out(
    options['output'] === 'json'
      ? `${JSON.stringify(report, undefined, 2)}\n`
      : formatAudit(report, { color: io.color, repair }),
  );
  return report.findings.some(countsAsFinding) ? 1 : 0;
}

/** vmlet itself looks: it knows which Pods there are. */
async function ask(instance: AuditedInstance, repair: boolean, signal: AbortSignal): Promise<AuditReport> {
  try {
    const api = await connectKubeconfig({ file: `${instance.stateDir}/kubeconfig`, context: undefined, signal });
    const answer = repair ? api.request('PUT', auditPath, { repair }) : api.request('GET', auditPath);
    return (await answer) as AuditReport;
  } catch (error) {
    throw new VmletError(
      'NoAnswer',
      `vmlet runs but cannot be asked (${errorMessage(error)}); nothing was looked at, as only it knows which VMs there are`,
      { cause: error },
    );
  }
}

async function auditHere(instance: AuditedInstance, repair: boolean): Promise<AuditReport> {
  return {
    instance: instance.name,
    daemon: 'down',
    findings: await audit({ instance, pods: undefined, repair }),
  };
}

function bridgeOf(value: unknown): string {
  const name = String(value);
  if (!/^[a-z][a-z0-9-]{0,14}$/.test(name)) {
    throw new UsageError(`--bridge takes a link name of at most 15 characters, not "${name}"`);
  }
  return name;
}

function directoryOf(value: unknown, flag: string): string | undefined {
  if (typeof value !== 'string') {
    return undefined;
  }
  if (!value.startsWith('/')) {
    throw new UsageError(`${flag} takes an absolute path, not "${value}"`);
  }
  return value.replace(/\/+$/, '');
}
