/** A real registry (Debian's docker-registry) on loopback. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { pollUntil } from '../../src/base/deadline.ts';
import { run } from './host.ts';

export interface Registry {
  /** `127.0.0.1:12345` */
  readonly host: string;
  /** Copies an image into it: skopeo reference to repository name. */
  push(source: string, name: string): void;
}

export const registryMissing = existsSync('/usr/bin/docker-registry')
  ? undefined
  : 'needs docker-registry: run scripts/setup.sh --tests';

/** With `guarded`, only user `tester` with password `secret` gets in. */
export async function startRegistry(t: TestContext, options: { guarded?: boolean } = {}): Promise<Registry> {
  const directory = mkdtempSync(join(tmpdir(), 'registry-'));
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  const config = join(directory, 'config.yml');
  let text = `version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: ${directory}/data\nhttp:\n  addr: 127.0.0.1:${port}\nlog:\n  level: error\n`;
  if (options.guarded === true) {
    // perl -e 'print crypt("secret", q($2y$05$abcdefghijklmnopqrstuu))'
    writeFileSync(`${directory}/users`, 'tester:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n');
    text += `auth:\n  htpasswd:\n    realm: test\n    path: ${directory}/users\n`;
  }
  writeFileSync(config, text);
  const child = spawn('/usr/bin/docker-registry', ['serve', config], { stdio: 'ignore' });
  t.after(async () => {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    rmSync(directory, { recursive: true, force: true });
  });
  await pollUntil(
    async () => {
      try {
        return (await fetch(`http://127.0.0.1:${port}/v2/`)).status < 500 ? true : undefined;
      } catch {
        return undefined;
      }
    },
    { timeoutMs: 15_000, doing: 'registry start' },
  );
  const host = `127.0.0.1:${port}`;
  return {
    host,
    push(source, name) {
      const access = options.guarded === true ? ['--dest-creds', 'tester:secret'] : [];
      run('skopeo', 'copy', '--quiet', '--dest-tls-verify=false', ...access, source, `docker://${host}/${name}`);
    },
  };
}
