import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { DecodeError } from '../../base/errors.ts';
import { XdrReader, XdrWriter } from '../xdr/xdr.ts';
import { decodeDomainRef, encodeDomainRef } from './domain-ref.ts';
import { decodeDomainEvent, domainEvents } from './events.ts';
import { decodeMemoryStats } from './memory-stats.ts';
import { domainStatus } from './states.ts';
import { decodeTypedParameters, encodeTypedParameters } from './typed-parameters.ts';
import type { TypedParameter } from './typed-parameters.ts';

const domain = { name: 'a', uuid: '0f0e0d0c-0b0a-4908-8706-050403020100', id: 1 };
const writer = (): XdrWriter => new XdrWriter(100_000);

describe('domain structures', () => {
  it('a reference is read back', () => {
    const output = writer();
    encodeDomainRef(output, domain);
    assert.deepEqual(decodeDomainRef(new XdrReader(output.finish())), domain);
    assert.throws(() => encodeDomainRef(writer(), { ...domain, uuid: 'x' }), { code: 'Encode' });
  });

  it('typed parameters of every type are read back', () => {
    const parameters: TypedParameter[] = [
      { field: 'a', type: 'int', value: -1 },
      { field: 'b', type: 'uint', value: 4_294_967_295 },
      { field: 'c', type: 'llong', value: -(1n << 63n) },
      { field: 'd', type: 'ullong', value: (1n << 64n) - 1n },
      { field: 'e', type: 'double', value: 0.1 },
      { field: 'f', type: 'boolean', value: true },
      { field: 'g', type: 'string', value: 'äß' },
    ];
    const output = writer();
    encodeTypedParameters(output, parameters);
    assert.deepEqual(decodeTypedParameters(new XdrReader(output.finish())), parameters);
  });

  it('states and reasons have names, new ones are unknown', () => {
    assert.deepEqual(domainStatus(1, 1), { state: 'running', reason: 'booted' });
    assert.deepEqual(domainStatus(3, 5), { state: 'paused', reason: 'ioError' });
    assert.deepEqual(domainStatus(5, 8), { state: 'shutoff', reason: 'daemon' });
    assert.deepEqual(domainStatus(5, 99), { state: 'shutoff', reason: 'unknown' });
    assert.deepEqual(domainStatus(99, 0), { state: 'unknown', reason: 'unknown' });
  });

  it('memory statistics skip tags that are not known', () => {
    const stats: [number, bigint][] = [
      [7, 1000n],
      [99, 1n],
    ];
    const bytes = writer()
      .array(stats, () => undefined)
      .finish();
    const items = stats.map(([tag, value]) => writer().int(tag).uhyper(value).finish());
    assert.deepEqual(decodeMemoryStats(new XdrReader(Buffer.concat([bytes, ...items]))), { rss: 1000n });
  });
});

describe('events', () => {
  const message = (...fields: ((output: XdrWriter) => void)[]): XdrReader => {
    const output = writer().int(5);
    for (const field of fields) {
      field(output);
    }
    return new XdrReader(output.finish());
  };
  const dom = (output: XdrWriter): void => encodeDomainRef(output, domain);

  it('are decoded with their names', () => {
    assert.deepEqual(
      decodeDomainEvent(
        318,
        message(dom, (output) => void output.int(5).int(2)),
      ),
      { callbackId: 5, event: { kind: 'lifecycle', domain, event: 'stopped', detail: 'crashed' } },
    );
    assert.deepEqual(
      decodeDomainEvent(
        324,
        message(dom, (output) => void output.string('/d').string('ua-root').int(1).string('enospc')),
      )?.event,
      { kind: 'ioErrorReason', domain, path: '/d', deviceAlias: 'ua-root', action: 'pause', reason: 'enospc' },
    );
    assert.deepEqual(
      decodeDomainEvent(
        348,
        message(dom, (output) => void output.int(1).int(2)),
      )?.event,
      { kind: 'agentLifecycle', domain, state: 'connected', reason: 'channel' },
    );
    assert.deepEqual(
      decodeDomainEvent(
        330,
        message((output) => void output.int(0), dom),
      )?.event,
      { kind: 'pmSuspend', domain },
    );
  });

  it('of newer libvirt are skipped, and unknown details named so', () => {
    assert.equal(decodeDomainEvent(9999, message(dom)), undefined);
    assert.deepEqual(
      decodeDomainEvent(
        318,
        message(dom, (output) => void output.int(77).int(0)),
      )?.event,
      { kind: 'lifecycle', domain, event: 'unknown', detail: 'unknown' },
    );
  });

  it('random bytes give an event or a DecodeError', () => {
    const codecs = Object.values(domainEvents);
    fc.assert(
      fc.property(fc.constantFrom(...codecs), fc.uint8Array({ maxLength: 120 }), ({ procedure }, bytes) => {
        try {
          decodeDomainEvent(procedure, new XdrReader(bytes));
        } catch (error) {
          assert.ok(error instanceof DecodeError);
        }
      }),
    );
  });
});
