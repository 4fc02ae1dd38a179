/** For tests: a real kubectl, as the administrator of a test server. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { writeKubeconfig } from './kubeconfig.ts';
import type { TestServer } from './test-server.ts';

const run = promisify(execFile);
const timeoutMs = 30_000;

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Kubectl {
  /** What it writes to its output; throws when it fails. */
  run(...args: readonly string[]): Promise<string>;
  /** Also of a command that fails. */
  tried(...args: readonly string[]): Promise<Outcome>;
  /** Path of a file with the object, for `-f`. */
  file(object: object): string;
}

/** A reason to skip what needs `program`; false where it is there. */
export async function kubectlMissing(program = 'kubectl'): Promise<string | false> {
  const found = await run(program, ['version', '--client']).catch(() => undefined);
  return found === undefined ? `${program} is not installed` : false;
}

export function openKubectl(server: TestServer, program = 'kubectl'): Kubectl {
  const { certificates, directory, port } = server;
  const kubeconfig = join(directory, 'kubeconfig');
  const access = { server: `https://127.0.0.1:${port}`, ca: certificates.ca.cert, ...certificates.client };
  writeKubeconfig(kubeconfig, access);
  const options = { env: { ...process.env, KUBECONFIG: kubeconfig, HOME: directory }, timeout: timeoutMs };
  let files = 0;
  return {
    async run(...args) {
      return (await run(program, args, options)).stdout;
    },
    async tried(...args) {
      try {
        return { code: 0, ...(await run(program, args, options)) };
      } catch (error) {
        const { code, stdout, stderr } = error as Outcome;
        return { code, stdout, stderr };
      }
    },
    file(object) {
      files += 1;
      const path = join(directory, `manifest-${files}.json`);
      writeFileSync(path, JSON.stringify(object));
      return path;
    },
  };
}
