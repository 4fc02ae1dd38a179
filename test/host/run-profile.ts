/** One profile, from its machine to the outcomes of its tests. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withDeadline } from '../../src/base/deadline.ts';
import { CancelledError, errorMessage } from '../../src/base/errors.ts';
import { stateKey } from './key.ts';
import { InfrastructureError, startMachine, type Machine } from './machine.ts';
import type { Profile } from './profiles.ts';
import { formatGo, parseGuestEvent, type GuestEvent, type TestOutcome } from './protocol.ts';
import { explainExit, type ProfileResult } from './results.ts';
import { fillShare } from './stage.ts';

export interface ProfileRun {
  readonly profile: Profile;
  /** Paths below the repository. */
  readonly files: readonly string[];
  readonly image: { readonly directory: string; readonly key: string };
  readonly repository: string;
  readonly stateDirectory: string;
  readonly keep: boolean;
  readonly signal: AbortSignal;
  say(text: string): void;
  onOutcome(outcome: TestOutcome): void;
}

const attempts = 2;

/** Runs the files; a machine that did not do its part gets a second chance, a failed test does not. */
export async function runProfile(run: ProfileRun): Promise<ProfileResult> {
  const { profile } = run;
  for (let attempt = 1; ; attempt++) {
    try {
      return await runOnce(run);
    } catch (error) {
      run.signal.throwIfAborted();
      if (!(error instanceof InfrastructureError || error instanceof CancelledError)) {
        throw error;
      }
      const problem = `the test host ${profile.name} itself failed, which says nothing about the tests: ${error.message}`;
      if (attempt === attempts) {
        return { profile: profile.name, outcomes: [], problems: [problem] };
      }
      run.say(`${problem}\n${profile.name}: once more`);
    }
  }
}

async function runOnce(run: ProfileRun): Promise<ProfileResult> {
  const { profile, signal } = run;
  const directory = mkdtempSync(join(tmpdir(), 'vmlet-th-'));
  const share = join(directory, 'share');
  let machine: Machine | undefined;
  const stop = (): void => void machine?.[Symbol.asyncDispose]().catch(() => undefined);
  signal.addEventListener('abort', stop);
  try {
    mkdirSync(join(share, 'state'), { recursive: true });
    fillShare(share, run.repository, {
      profile: profile.name,
      files: run.files,
      testTimeoutMs: profile.testTimeoutMs,
      processTimeoutMs: profile.processTimeoutMs,
    });
    if (profile.name === 'libvirt' && existsSync(join(run.stateDirectory, 'local-images'))) {
      cpSync(join(run.stateDirectory, 'local-images'), join(share, 'state/local-images'), { recursive: true });
    }
    const events = new EventQueue();
    const own = machineArguments(profile, run.image.directory);
    const shares = shareArguments(share, run.repository);
    const launch = async (incoming?: string): Promise<Machine> => {
      signal.throwIfAborted();
      machine = await startMachine({
        image: run.image.directory,
        directory,
        arguments: [...own, ...shares],
        ...(incoming === undefined ? {} : { incoming }),
        onLine: (line) => events.push(line),
      });
      void machine.ended.then((said) => events.close(`QEMU ended: ${said}`));
      return machine;
    };
    const startedMs = Date.now();
    const state = join(run.image.directory, `state-${profile.name}-${stateKey(run.image.key, own)}`);
    if (profile.saved && !existsSync(state)) {
      const booted = await launch();
      await events.until('ready', profile.bootTimeoutMs, booted, signal);
      await booted.save(`${state}.new`);
      renameSync(`${state}.new`, state);
      events.release();
      await booted[Symbol.asyncDispose]();
      run.say(`${profile.name}: booted and saved in ${seconds(startedMs)} s`);
    }
    const restoredMs = Date.now();
    events.open();
    const live = await launch(profile.saved ? state : undefined);
    if (!profile.saved) {
      await events.until('ready', profile.bootTimeoutMs, live, signal);
    }
    run.say(`${profile.name}: ${profile.saved ? 'restored' : 'booted'} in ${seconds(restoredMs)} s`);
    live.send(formatGo(Date.now()));
    const outcomes: TestOutcome[] = [];
    let ended = false;
    events.onEvent = (event) => {
      if (event.type === 'pass' || event.type === 'fail' || event.type === 'skip') {
        outcomes.push(event);
        run.onOutcome(event);
      }
      ended ||= event.type === 'end';
    };
    const { code } = await events.until('exit', profile.runTimeoutMs, live, signal);
    if (code === 125) {
      throw new InfrastructureError(`the shared directories could not be mounted\n${live.log().slice(-2000)}`);
    }
    const failures = outcomes.filter(({ type }) => type === 'fail').length;
    const problem = explainExit(code, { ended, failures, lastFile: outcomes.at(-1)?.file });
    if (problem !== undefined || failures > 0 || run.keep) {
      run.say(`last output of the guest:\n${live.log().slice(-4000)}`);
    }
    run.say(`${profile.name}: ${seconds(startedMs)} s in all`);
    return { profile: profile.name, outcomes, problems: problem === undefined ? [] : [problem] };
  } finally {
    signal.removeEventListener('abort', stop);
    await machine?.[Symbol.asyncDispose]();
    if (run.keep) {
      run.say(`kept ${directory}`);
    } else {
      rmSync(directory, { recursive: true, force: true });
    }
  }
}

function seconds(sinceMs: number): string {
  return ((Date.now() - sinceMs) / 1000).toFixed(1);
}

/** Everything but what is particular to one run: a saved state fits these and no other. */
function machineArguments(profile: Profile, image: string): readonly string[] {
  const kernel = [
    'console=ttyS0',
    'quiet',
    'mitigations=off',
    'nokaslr',
    'tsc=reliable',
    'panic=-1',
    ...profile.kernelArguments,
  ];
  return [
    ['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-sandbox', 'off'],
    // Several threads make the kernel trip over its own patching of static keys. The guest's clock counts instructions, a
    // nanosecond each, so that a busy machine here makes no deadline there too short.
    [
      '-accel',
      'tcg,thread=single,tb-size=512',
      '-icount',
      'shift=0',
      '-cpu',
      'max,la57=off',
      '-m',
      String(profile.memoryMebibytes),
    ],
    profile.machine,
    ['-kernel', join(image, 'vmlinuz'), '-initrd', join(image, 'initrd'), '-append', kernel.join(' ')],
    ['-drive', `file=${join(image, 'root.ext4')},if=none,id=root,format=raw,readonly=on`],
    ['-device', 'virtio-blk-pci,drive=root', '-device', 'virtio-rng-pci', '-serial', 'chardev:serial'],
    ['-device', 'virtio-serial-pci', '-device', 'virtserialport,chardev=control,name=vmlet.control'],
    ['-device', 'virtserialport,chardev=output,name=vmlet.output'],
  ].flat();
}

function shareArguments(share: string, repository: string): readonly string[] {
  return Object.entries({ share, repository }).flatMap(([tag, path]) =>
    [
      ['-fsdev', `local,id=${tag},path=${path},security_model=none,readonly=on,multidevs=remap`],
      ['-device', `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`],
    ].flat(),
  );
}

/** Lines of the control port as events, with somebody waiting for one kind of them. */
class EventQueue {
  onEvent: (event: GuestEvent) => void = () => undefined;
  #waiting: { readonly type: string; resolve(event: GuestEvent): void; reject(error: Error): void } | undefined;
  #closed: string | undefined;
  #released = false;

  push(line: string): void {
    const event = parseGuestEvent(line);
    if (event === undefined) {
      return;
    }
    this.onEvent(event);
    if (this.#waiting?.type === event.type) {
      this.#waiting.resolve(event);
    }
  }

  /** The machine may end from now on. */
  release(): void {
    this.#released = true;
  }

  open(): void {
    this.#released = false;
    this.#closed = undefined;
  }

  close(reason: string): void {
    if (!this.#released) {
      this.#closed = reason;
      this.#waiting?.reject(new InfrastructureError(reason));
    }
  }

  async until<T extends GuestEvent['type']>(
    type: T,
    timeoutMs: number,
    machine: Machine,
    signal: AbortSignal,
  ): Promise<Extract<GuestEvent, { type: T }>> {
    signal.throwIfAborted();
    if (this.#closed !== undefined) {
      throw new InfrastructureError(this.#closed);
    }
    const arrived = new Promise<GuestEvent>((resolve, reject) => {
      this.#waiting = { type, resolve, reject };
    });
    try {
      return (await withDeadline(arrived, timeoutMs, `"${type}" from the guest`)) as Extract<GuestEvent, { type: T }>;
    } catch (error) {
      throw new InfrastructureError(`${errorMessage(error)}; the guest printed last:\n${machine.log().slice(-2000)}`);
    } finally {
      this.#waiting = undefined;
    }
  }
}
