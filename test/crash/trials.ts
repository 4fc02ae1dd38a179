/**
 * Trials of one server's store: clients work on a few keys, the server is killed at a random moment and started again, and all
 * that the clients saw is held against what the next server tells. Each trial goes on where the one before ended.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { pollUntil, withDeadline } from '../../src/base/deadline.ts';
import { collection, connectClient, heldOf, keyOf, outcomeOf } from './client.ts';
import type { CrashClient } from './client.ts';
import type { Epoch, EventSeen, Held, ListSeen, Operation } from './history.ts';
import type { Random } from './random.ts';
import { checkEpoch } from './revision-order.ts';
import { supplyServers } from './server-process.ts';
import type { ServerProcess } from './server-process.ts';

export interface TrialOptions {
  readonly directory: string;
  readonly trials: number;
  readonly random: Random;
  readonly fault?: string;
  /** Stops after the first trial with a problem. */
  readonly onTrial?: (trial: number, summary: TrialSummary) => void;
}

export interface TrialSummary {
  readonly operations: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly events: number;
  readonly restartMs: number;
}

export interface TrialResult extends TrialSummary {
  readonly trials: number;
  /** Of the trial that failed; empty when none did. */
  readonly problems: readonly string[];
}

const workers = 5;
const watchers = 2;
const keys = ['a', 'b', 'c'] as const;
const fence = 'fence';
/** A server lives for so many answers, so that much or little happens on slow and fast machines alike, and then a moment more. */
const answers = { least: 0, most: 60 } as const;
const lastMomentMs = 8;
const lifeTimeoutMs = 20_000;
const fenceTimeoutMs = 20_000;

/** Does trials until one has a problem. Throws for a server that does not come back. */
export async function runTrials(options: TrialOptions): Promise<TrialResult> {
  const { directory, random } = options;
  await using supply = Object.assign(supplyServers(directory, options.fault), {
    [Symbol.asyncDispose]: () => supply.close(),
  });
  const total = { operations: 0, acknowledged: 0, unknown: 0, events: 0, restartMs: 0 };
  let server = await supply.start();
  let connection = connectClient(directory, server.port);
  await setUp(connection);
  let { revision: fromRevision, items: before } = await settle(connection, 0);
  let names = 0;
  for (let trial = 1; trial <= options.trials; trial += 1) {
    const life = await live({
      server,
      directory,
      connection,
      fromRevision,
      before,
      random,
      nextName: () => `v${(names += 1)}`,
    });
    const beginMs = performance.now();
    server = await supply.start();
    const restartMs = performance.now() - beginMs;
    connection = connectClient(directory, server.port);
    const problems = life.problems();
    const now = await settle(connection, trial);
    const account = await follow(connection, { from: fromRevision, to: now.revision }, [], problems);
    const watched: EventSeen[][] = [];
    for (const events of life.watched) {
      const from = events.at(-1)?.revision ?? fromRevision;
      watched.push(await follow(connection, { from, to: now.revision }, events, problems));
    }
    const epoch: Epoch = {
      before: without(before),
      after: without(now.items),
      fromRevision,
      operations: life.operations,
      lists: life.lists,
      account: account.filter(({ key }) => key !== fence),
      watched: watched.map((events) => events.filter(({ key }) => key !== fence)),
    };
    problems.push(...checkEpoch(epoch));
    const unknown = life.operations.filter((item) => item.kind !== 'get' && item.outcome.type === 'unknown').length;
    const acknowledged = life.operations.filter((item) => item.kind !== 'get' && item.outcome.type === 'done').length;
    const summary = {
      operations: life.operations.length + life.lists.length,
      acknowledged,
      unknown,
      events: epoch.account.length,
      restartMs,
    };
    total.operations += summary.operations;
    total.acknowledged += acknowledged;
    total.unknown += unknown;
    total.events += summary.events;
    total.restartMs += restartMs / options.trials;
    options.onTrial?.(trial, summary);
    if (problems.length > 0) {
      connection.close();
      return { ...total, trials: trial, problems };
    }
    ({ revision: fromRevision, items: before } = now);
  }
  connection.close();
  return { ...total, trials: options.trials, problems: [] };
}

async function setUp(client: CrashClient): Promise<void> {
  const made = await client.call('POST', '/api/v1/namespaces', { metadata: { name: 'crash' } });
  const fenced = await client.call('POST', collection, { metadata: { name: fence }, data: { value: 'begin' } });
  if (![201, 409].includes(made.code) || ![201, 409].includes(fenced.code)) {
    throw new Error(`the first objects were refused: ${JSON.stringify([made.body, fenced.body])}`);
  }
}

interface Settled {
  readonly revision: number;
  readonly items: ReadonlyMap<string, Held>;
}

/** Writes the fence, so that everybody who follows the events knows when to stop, and reads what is there. */
async function settle(client: CrashClient, trial: number): Promise<Settled> {
  const written = await client.call('PUT', `${collection}/${fence}`, {
    metadata: { name: fence },
    data: { value: `t${trial}-${Date.now()}` },
  });
  if (written.code !== 200) {
    throw new Error(`the fence was refused: ${JSON.stringify(written.body)}`);
  }
  const { items } = await list(client);
  return { revision: heldOf(written.body).revision, items };
}

async function list(client: CrashClient): Promise<Settled> {
  const { code, body } = await client.call('GET', collection);
  if (code !== 200) {
    throw new Error(`list answered ${code}: ${JSON.stringify(body)}`);
  }
  const { items, metadata } = body as unknown as { items: object[]; metadata: { resourceVersion: string } };
  return {
    revision: Number(metadata.resourceVersion),
    items: new Map(items.map((item) => [keyOf(item), heldOf(item)])),
  };
}

/** Goes on with what a watcher saw until the event of revision `to`. */
async function follow(
  client: CrashClient,
  range: { readonly from: number; readonly to: number },
  seen: readonly EventSeen[],
  problems: string[],
): Promise<EventSeen[]> {
  const events = [...seen];
  const reached = Promise.withResolvers<void>();
  const watch = await client.watch(
    range.from,
    (event) => {
      events.push(event);
      if (event.revision >= range.to) {
        reached.resolve();
      }
    },
    (text) => {
      problems.push(`a watch from revision ${range.from} ended with ${text}`);
      reached.resolve();
    },
  );
  try {
    await withDeadline(reached.promise, fenceTimeoutMs, `the event of revision ${range.to}`);
  } catch (error) {
    problems.push(`a watch from revision ${range.from} never got the event of revision ${range.to}: ${String(error)}`);
  }
  watch.close();
  return events;
}

function without(items: ReadonlyMap<string, Held>): Map<string, Held> {
  return new Map([...items].filter(([key]) => key !== fence));
}

interface Life {
  readonly operations: Operation[];
  readonly lists: ListSeen[];
  readonly watched: EventSeen[][];
  problems(): string[];
}

/** Lets the clients work, kills the server in the middle, and gives what they saw. */
async function live(options: {
  readonly server: ServerProcess;
  readonly directory: string;
  readonly connection: CrashClient;
  readonly fromRevision: number;
  readonly before: ReadonlyMap<string, Held>;
  readonly random: Random;
  readonly nextName: () => string;
}): Promise<Life> {
  const { server, directory, random, nextName, fromRevision } = options;
  const operations: Operation[] = [];
  const lists: ListSeen[] = [];
  const problems: string[] = [];
  const life = { over: false };
  const known = new Map([...options.before].map(([key, held]) => [key, held.revision]));

  async function work(client: number, connection: CrashClient): Promise<void> {
    while (!life.over) {
      const key = random.pick(keys);
      const path = `${collection}/${key}`;
      const choice = random.below(100);
      const beginMs = performance.now();
      const done = <T extends object>(more: T) => ({ client, key, beginMs, endMs: performance.now(), ...more });
      if (choice < 8) {
        const { revision, items } = await list(connection);
        lists.push(done({ revision, items: without(items) }));
      } else if (choice < 35) {
        const answer = await connection.call('GET', path);
        const found = answer.code === 200 ? heldOf(answer.body) : undefined;
        operations.push(done({ kind: 'get' as const, found }));
        if (found !== undefined) {
          known.set(key, found.revision);
        }
      } else {
        const kind = choice < 55 ? 'create' : choice < 85 ? 'update' : 'delete';
        const value = nextName();
        const expected = kind === 'create' || (kind === 'delete' && random.below(2) === 0) ? undefined : known.get(key);
        const asked = { kind, value, ...(expected !== undefined && { expected }) } as const;
        try {
          const outcome = outcomeOf(await send(connection, { path, key, ...asked }));
          operations.push(done({ ...asked, outcome }) as Operation);
          if (outcome.type === 'done' && outcome.revision !== undefined) {
            known.set(key, outcome.revision);
          }
        } catch (error) {
          operations.push(done({ ...asked, outcome: { type: 'unknown' as const } }) as Operation);
          throw error;
        }
      }
    }
  }

  async function watch(connection: CrashClient, events: EventSeen[]): Promise<void> {
    while (!life.over) {
      const opened = await connection.watch(
        events.at(-1)?.revision ?? fromRevision,
        (event) => events.push(event),
        (text) => problems.push(`a watch ended with ${text}`),
      );
      const cut = setTimeout(() => opened.close(), random.between(5, 40));
      await opened.closed;
      clearTimeout(cut);
    }
  }

  const watched: EventSeen[][] = Array.from({ length: watchers }, () => []);
  const connections = Array.from({ length: workers + watchers }, () => connectClient(directory, server.port));
  // What a dead server left unanswered is no problem; anything else is.
  const settled = (running: Promise<void>): Promise<void> =>
    running.catch((error: unknown) => {
      if (!life.over || !isDisconnect(error)) {
        problems.push(String(error));
      }
    });
  const running = connections.map((connection, index) =>
    settled(index < workers ? work(index, connection) : watch(connection, watched[index - workers] ?? [])),
  );
  const wanted = Math.floor(random.between(answers.least, answers.most));
  await pollUntil(() => (operations.length + lists.length >= wanted ? true : undefined), {
    timeoutMs: lifeTimeoutMs,
    intervalMs: 1,
    doing: `waiting for ${wanted} answers; so far: ${problems.join('; ')}`,
  });
  await sleep(random.between(0, lastMomentMs));
  life.over = true;
  await server.kill();
  await withDeadline(Promise.all(running), fenceTimeoutMs, 'end of the clients of a killed server');
  for (const connection of [options.connection, ...connections]) {
    connection.close();
  }
  return { operations, lists, watched, problems: () => problems };
}

function isDisconnect(error: unknown): boolean {
  return (
    error instanceof Error &&
    /ECONNRESET|ECONNREFUSED|EPIPE|socket hang up|aborted|cut short|ended by the other party|disconnected|premature/iu.test(
      `${'code' in error ? String(error.code) : ''} ${error.message}`,
    )
  );
}

async function send(
  connection: CrashClient,
  what: { kind: 'create' | 'update' | 'delete'; path: string; key: string; value: string; expected?: number },
) {
  const resourceVersion = what.expected === undefined ? undefined : String(what.expected);
  const body = {
    metadata: { name: what.key, ...(resourceVersion !== undefined && { resourceVersion }) },
    data: { value: what.value },
  };
  switch (what.kind) {
    case 'create':
      return connection.call('POST', collection, body);
    case 'update':
      return connection.call('PUT', what.path, body);
    case 'delete':
      return connection.call(
        'DELETE',
        what.path,
        resourceVersion === undefined ? {} : { preconditions: { resourceVersion } },
      );
  }
}
