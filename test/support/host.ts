/** What the host's own tools see: the tests' view beside vmlet's. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import type { TestInstance } from './instance.ts';

export function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', timeout: 30_000, stdio: ['ignore', 'pipe', 'pipe'] });
}

interface Link {
  readonly ifname: string;
}

/** Processes named `name` in the sandboxes of this instance, found by their cgroup. A zombie holds nothing any more. */
export function sandboxProcesses(instance: Pick<TestInstance, 'bridge'>, name: string): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        return (
          readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith(name) &&
          !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')) &&
          readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(`/vmlet/${instance.bridge}/pod`)
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}

/**
 * Everything that VMs of this instance leave traces in, as the host's own tools list it. Other instances and tests run
 * beside it, so each kind of thing is looked at where this instance alone puts it.
 */
export function traces(instance: TestInstance): string[] {
  const links = (JSON.parse(run('ip', '-j', 'link', 'show', 'master', instance.bridge)) as Link[]).map(
    (link) => `link ${link.ifname}`,
  );
  const tables = run('nft', 'list', 'tables')
    .split('\n')
    .filter((line) => line.includes(instance.bridge));
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(instance.stateDir) || path.startsWith(instance.runDir))
    .map((path) => `mount ${path}`);
  const files = [`${instance.stateDir}/kubelet/pods`, `${instance.runDir}/netns`, `${instance.runDir}/sandbox/bundles`]
    .filter((directory) => existsSync(directory))
    .flatMap((directory) => readdirSync(directory).map((entry) => `file ${directory}/${entry}`));
  const cgroups = run('find', '/sys/fs/cgroup', '-type', 'd', '-path', `*/vmlet/${instance.bridge}/pod*`)
    .split('\n')
    .filter((path) => path !== '');
  const processes = ['init', 'qemu-system', 'libvirtd', 'virtqemud'].flatMap((name) =>
    sandboxProcesses(instance, name).map((pid) => `${name} ${pid}`),
  );
  return [...links, ...tables, ...mounts, ...files, ...cgroups, ...processes].toSorted();
}
