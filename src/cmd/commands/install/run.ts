/** Writes, starts and removes the systemd unit. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { VmletError } from '../../../base/errors.ts';
import type { Invocation } from '../../../cli/command.ts';
import { requireRoot } from '../../require-root.ts';

const unitPath = '/etc/systemd/system/vmlet.service';
const executable = fileURLToPath(new URL('../../../../bin/vmlet', import.meta.url));

/** KillMode=process: stopping the service ends vmlet, not the VMs, whose sandboxes have cgroups of their own. */
export function systemdUnit(command: string): string {
  return `[Unit]
Description=vmlet: virtual machines as Kubernetes resources
After=network.target

[Service]
ExecStart=${quoted(command)} up
KillMode=process
Restart=on-failure
RestartSec=1
Delegate=yes
OOMScoreAdjust=-900

[Install]
WantedBy=multi-user.target
`;
}

/** A word of a command line in a unit file. Source: systemd.service(5), systemd.syntax(7), systemd.unit(5) on specifiers. */
function quoted(word: string): string {
  const escaped = word
    .replaceAll(/[\\"]/g, '\\$&')
    .replaceAll('%', '%%')
    .replaceAll('$', () => '$$');
  return escaped === word && !/[\s';]/.test(word) ? word : `"${escaped}"`;
}

export async function run(invocation: Invocation): Promise<number> {
  const { io, options } = invocation;
  if (options['print'] === true) {
    io.out(systemdUnit(executable));
    return 0;
  }
  requireRoot('install');
  if (!existsSync('/run/systemd/system')) {
    throw new VmletError('NoSystemd', 'systemd does not run this host: use `vmlet up --detach` instead');
  }
  const systemctl = promisify(execFile).bind(undefined, 'systemctl');
  if (options['uninstall'] === true) {
    if (!existsSync(unitPath)) {
      io.out('vmlet.service is not installed\n');
      return 0;
    }
    await systemctl(['disable', '--now', 'vmlet.service'], { timeout: 60_000 });
    await rm(unitPath);
    await systemctl(['daemon-reload'], { timeout: 60_000 });
    io.out(`removed ${unitPath}; VMs that run keep running\n`);
    return 0;
  }
  await writeFile(unitPath, systemdUnit(executable), { mode: 0o644 });
  await systemctl(['daemon-reload'], { timeout: 60_000 });
  await systemctl(['enable', '--now', 'vmlet.service'], { timeout: 60_000 });
  io.out(`installed ${unitPath}; \`systemctl status vmlet\` and \`journalctl -u vmlet\` show it\n`);
  return 0;
}
