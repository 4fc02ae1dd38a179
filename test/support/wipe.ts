/** Takes an instance off the host without asking it, as a restart of the host does. The state directory stays. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { pollUntil } from '../../src/base/deadline.ts';
import { run, sandboxProcesses } from './host.ts';
import type { TestInstance } from './instance.ts';

const sandboxPrograms = ['init', 'libvirtd', 'virtqemud', 'qemu-system'] as const;

/** Processes, mounts, links, nftables, cgroups and the run directory. vmlet itself must have ended. */
export async function wipeRuntime(instance: Pick<TestInstance, 'stateDir' | 'runDir' | 'bridge'>): Promise<void> {
  const alive = sandboxPrograms.flatMap((name) => sandboxProcesses(instance, name));
  for (const pid of sandboxProcesses(instance, 'init')) {
    process.kill(pid, 'SIGKILL');
  }
  await pollUntil(() => (alive.some((pid) => existsSync(`/proc/${pid}/ns/net`)) ? undefined : true), {
    timeoutMs: 5000,
    doing: 'waiting for the sandboxes to end',
  });
  for (const path of [...mountsBeneath(instance.runDir), ...mountsBeneath(instance.stateDir)]) {
    run('umount', '--lazy', path);
  }
  if (existsSync(`/sys/class/net/${instance.bridge}`)) {
    run('ip', 'link', 'delete', instance.bridge);
  }
  for (const [, family = '', table = ''] of run('nft', 'list', 'tables').matchAll(/^table (\S+) (\S+)$/gm)) {
    if (table === instance.bridge || table === `${instance.bridge}-services`) {
      run('nft', 'delete', 'table', family, table);
    }
  }
  const cgroups = ['-depth', '-type', 'd', '-path', `*/vmlet/${instance.bridge}*`];
  run('find', '/sys/fs/cgroup', ...cgroups, '-exec', 'rmdir', '{}', ';');
  rmSync(instance.runDir, { recursive: true, force: true });
}

function mountsBeneath(directory: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(directory))
    .toReversed();
}
