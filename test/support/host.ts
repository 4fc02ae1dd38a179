/** What the host's own tools see: the tests' view beside vmlet's. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import type { TestInstance } from './instance.ts';

export function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', timeout: 30_000, stdio: ['ignore', 'pipe', 'pipe'] });
}

interface Link {
  readonly ifname: string;
  readonly ifalias?: string;
}

/** Processes whose PID namespace is not ours and whose command is `name`. */
export function sandboxProcesses(name: string): number[] {
  const own = readlinkSync('/proc/self/ns/pid');
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        return (
          readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith(name) && readlinkSync(`/proc/${pid}/ns/pid`) !== own
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Everything that VMs of this instance leave traces in, as the host's tools list it. */
export function traces(instance: TestInstance): string[] {
  const links = (JSON.parse(run('ip', '-j', 'link')) as Link[]).map((link) => `link ${link.ifname}`);
  const tables = run('nft', 'list', 'tables').trim().split('\n').filter(Boolean);
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(instance.stateDir) || path.startsWith(instance.runDir))
    .map((path) => `mount ${path}`);
  const files = [`${instance.stateDir}/kubelet/pods`, `${instance.runDir}/netns`, `${instance.runDir}/sandbox/bundles`]
    .filter((directory) => existsSync(directory))
    .flatMap((directory) => readdirSync(directory).map((entry) => `file ${directory}/${entry}`));
  const cgroups = run('find', '/sys/fs/cgroup', '-type', 'd', '-path', '*vmlet*')
    .trim()
    .split('\n')
    .filter((path) => path.includes('/pod'));
  const processes = ['qemu-system', 'libvirtd', 'virtqemud'].flatMap((name) =>
    sandboxProcesses(name).map((pid) => `${name} ${pid}`),
  );
  return [...links, ...tables, ...mounts, ...files, ...cgroups, ...processes].toSorted();
}
