/** What a daemon sends, as fuzz targets: any input gives a value or a DecodeError. */
import { encodeDomainRef } from './domain/domain-ref.ts';
import { decodeDomainEvent } from './domain/events.ts';
import { decodeMemoryStats } from './domain/memory-stats.ts';
import { decodeTypedParameters, encodeTypedParameters } from './domain/typed-parameters.ts';
import { decodeRemoteError } from './rpc/errors.ts';
import { createFrameDecoder, encodeFrame } from './rpc/frame.ts';
import { XdrReader, XdrWriter } from './xdr/xdr.ts';
import { parseDomainXml } from './xml/parse-domain.ts';

function encoded(fill: (writer: XdrWriter) => void): Buffer {
  const writer = new XdrWriter(65_536);
  fill(writer);
  return writer.finish();
}

const domain = { name: 'vm', uuid: 'c7a5fdbd-edaf-9455-926a-d65c16db1809', id: 7 };
const frame = { program: 0x2000_8086, version: 1, procedure: 318, type: 2, serial: 0, status: 0 };
const lifecycleEvent = encoded((writer) => {
  writer.int(1);
  encodeDomainRef(writer, domain);
  writer.int(2).int(0);
});
const parameters = encoded((writer) =>
  encodeTypedParameters(writer, [
    { field: 'cpu.time', type: 'ullong', value: 12n },
    { field: 'state.state', type: 'int', value: 1 },
    { field: 'block.0.name', type: 'string', value: 'vda' },
    { field: 'share', type: 'double', value: 0.5 },
  ]),
);
const error = encoded((writer) => {
  writer.int(42).int(10).uint(1).string('Domain not found').int(2).uint(0);
  writer.uint(1).string('a').uint(0).uint(0).int(-1).int(-1).uint(0);
});
const xml =
  '<domain type="kvm" id="3"><name>vm</name><uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid><memory unit="KiB">1024</memory>' +
  '<vcpu current="1">2</vcpu><os><type arch="x86_64" machine="q35">hvm</type></os><devices><disk type="file"><source file="/a"/>' +
  '<target dev="vda" bus="virtio"/><alias name="ua-root"/></disk><interface type="ethernet"><mac address="02:00:00:00:00:01"/>' +
  '<target dev="tap0"/></interface></devices></domain>';

/** Twice over, cut in the middle: as a stream may come. */
function decodeStream(bytes: Buffer): unknown {
  const decoder = createFrameDecoder();
  const middle = bytes.length >> 1;
  return [decoder.push(bytes.subarray(0, middle)), decoder.push(bytes.subarray(middle)), decoder.pendingBytes];
}

/** The number of the event is in the first byte, the message follows. */
function decodeEvent(bytes: Buffer): unknown {
  return decodeDomainEvent(300 + (bytes[0] ?? 0), new XdrReader(bytes.subarray(1)));
}

export const fuzzTargets: readonly {
  readonly name: string;
  readonly decode: (bytes: Buffer) => unknown;
  readonly seeds: readonly Buffer[];
}[] = [
  {
    name: 'frames',
    decode: decodeStream,
    seeds: [
      encodeFrame({ ...frame, payload: lifecycleEvent }),
      Buffer.concat([encodeFrame(frame), encodeFrame(frame)]),
    ],
  },
  { name: 'events', decode: decodeEvent, seeds: [Buffer.concat([Buffer.of(18), lifecycleEvent])] },
  { name: 'typed parameters', decode: (bytes) => decodeTypedParameters(new XdrReader(bytes)), seeds: [parameters] },
  {
    name: 'memory statistics',
    decode: (bytes) => decodeMemoryStats(new XdrReader(bytes)),
    seeds: [encoded((writer) => void writer.uint(1).int(6).uhyper(512n))],
  },
  { name: 'remote error', decode: decodeRemoteError, seeds: [error] },
  { name: 'domain XML', decode: (bytes) => parseDomainXml(bytes.toString('utf8'), 'vmlet'), seeds: [Buffer.from(xml)] },
];
