import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecodeError } from '../../../base/errors.ts';
import { MessageWriter } from '../../netlink/writer.ts';
import { decodeLink } from './decode.ts';

/** An RTM_NEWLINK as a driver's report looks, built field by field from the structs of linux/if_link.h. */
function report(body: (writer: MessageWriter) => void): Buffer {
  const writer = new MessageWriter();
  writer.raw(Buffer.alloc(16));
  writer.u32Attribute(21, 1);
  writer.nested(22, () => writer.nested(1, () => body(writer)));
  return writer.bytes();
}

/** The words of one of the small structs. */
function words(writer: MessageWriter, type: number, ...values: readonly number[]): void {
  writer.attribute(type, () => values.forEach((value) => writer.u32(value)));
}

function address(writer: MessageWriter): void {
  writer.attribute(1, () => {
    writer.u32(5);
    writer.raw(Buffer.from('020000000033', 'hex'));
    writer.raw(Buffer.alloc(26));
  });
}

test('everything that a driver reports', () => {
  const bytes = report((writer) => {
    address(writer);
    writer.bytesAttribute(13, Buffer.alloc(32, 0xff));
    words(writer, 2, 5, 100, 2);
    writer.nested(12, () => writer.bytesAttribute(1, Buffer.from('05000000640000000200000088a80000', 'hex')));
    words(writer, 6, 5, 10, 1000);
    words(writer, 3, 5, 1000);
    words(writer, 4, 5, 1);
    words(writer, 5, 5, 2);
    words(writer, 7, 5, 0);
    words(writer, 9, 5, 1);
    writer.nested(8, () => {
      writer.u64Attribute(0, 1n);
      writer.u64Attribute(3, 2n ** 63n);
      writer.u64Attribute(8, 9n);
    });
  });
  const link = decodeLink(bytes);
  assert.equal(link.virtualFunctionCount, 1);
  assert.deepEqual(link.virtualFunctions, [
    {
      index: 5,
      address: '02:00:00:00:00:33',
      vlan: { id: 100, qos: 2, protocol: '802.1ad' },
      minimumRateMbps: 10,
      maximumRateMbps: 1000,
      spoofCheck: true,
      trust: true,
      rssQuery: false,
      linkState: 'disable',
      statistics: { rxPackets: 1n, txBytes: 2n ** 63n, txDropped: 9n },
    },
  ]);
});

test('a switch that the driver does not know, reported as -1, is absent', () => {
  const [found] =
    decodeLink(
      report((writer) => {
        address(writer);
        words(writer, 4, 5, 0xffff_ffff);
      }),
    ).virtualFunctions ?? [];
  assert.deepEqual(found, { index: 5, address: '02:00:00:00:00:33' });
});

test('a report cut short is a DecodeError', () => {
  for (const body of [
    () => undefined,
    (writer: MessageWriter) => writer.bytesAttribute(1, Buffer.alloc(8)),
    (writer: MessageWriter) => {
      address(writer);
      words(writer, 2, 5, 100);
    },
    (writer: MessageWriter) => {
      address(writer);
      words(writer, 6, 5);
    },
  ]) {
    assert.throws(() => decodeLink(report(body)), DecodeError);
  }
});
