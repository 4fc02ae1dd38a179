import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { errorCode } from '../../../base/errors.ts';
import {
  BOOTREQUEST,
  BROADCAST_FLAG,
  decodeDhcp4,
  type Dhcp4Message,
  encodeDhcp4,
  MESSAGE_TYPE,
  OPTION,
} from './codec.ts';
import type { Dhcp4Config } from './options.ts';
import { answerDhcp4, respondDhcp4 } from './responder.ts';

const config: Dhcp4Config = {
  serverAddress: '10.0.2.1',
  address: '10.0.2.2',
  prefixLength: 24,
  routers: ['10.0.2.1'],
  routes: [],
  dnsServers: ['192.0.2.53', '192.0.2.54'],
  searchDomains: ['ns.svc.cluster.local', 'cluster.local'],
  hostname: 'vm1',
  domainName: 'cluster.local',
  mtu: 1450,
  ntpServers: ['192.0.2.123'],
  tftpServerName: 'tftp.example',
  bootFileName: 'pxe.0',
  privateOptions: [{ code: 224, value: 'hello' }],
  clientMac: undefined,
};

function request(
  type: number,
  options: readonly (readonly [number, Uint8Array])[] = [],
  fields: Partial<Dhcp4Message> = {},
): Dhcp4Message {
  return {
    op: BOOTREQUEST,
    xid: 0x12345678,
    secs: 1,
    flags: 0,
    ciaddr: '0.0.0.0',
    yiaddr: '0.0.0.0',
    siaddr: '0.0.0.0',
    giaddr: '0.0.0.0',
    chaddr: Uint8Array.of(2, 0, 0, 0, 0, 9),
    options: new Map([[OPTION.MESSAGE_TYPE, Uint8Array.of(type)], ...options]),
    ...fields,
  };
}

const typeOf = (message: Dhcp4Message | undefined): number | undefined =>
  message?.options.get(OPTION.MESSAGE_TYPE)?.[0];
const option = (message: Dhcp4Message | undefined, code: number): string =>
  Buffer.from(message?.options.get(code) ?? []).toString('hex');

const u32 = fc.nat({ max: 0xffffffff });
const ip4 = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((parts) => parts.join('.'));

test('any message survives the wire', () => {
  fc.assert(
    fc.property(
      fc.record({
        op: fc.constantFrom(1, 2),
        xid: u32,
        secs: fc.nat(0xffff),
        flags: fc.nat(0xffff),
        ciaddr: ip4,
        yiaddr: ip4,
        siaddr: ip4,
        giaddr: ip4,
        chaddr: fc.uint8Array({ minLength: 6, maxLength: 6 }),
        options: fc
          .array(fc.tuple(fc.integer({ min: 1, max: 254 }), fc.uint8Array({ maxLength: 600 })), { maxLength: 8 })
          .map((list) => new Map(list)),
      }),
      (message) => {
        const back = decodeDhcp4(encodeDhcp4(message));
        assert.deepEqual(back, {
          ...message,
          options: new Map([...message.options].map(([code, value]) => [code, Uint8Array.from(value)])),
        });
      },
    ),
  );
});

test('random bytes and damaged requests never throw out of the responder', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => {
      answerDhcp4(bytes, config);
      try {
        decodeDhcp4(bytes);
      } catch (error) {
        assert.equal(errorCode(error), 'Decode');
      }
    }),
  );
  const whole = encodeDhcp4(request(MESSAGE_TYPE.DISCOVER, [[OPTION.HOST_NAME, Buffer.from('x'.repeat(300))]]));
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, value, length) => {
      const damaged = Uint8Array.from(whole);
      damaged[at] = value;
      answerDhcp4(damaged.subarray(0, length), config);
    }),
  );
});

test('DISCOVER is offered the address with every option', () => {
  const reply = respondDhcp4(request(MESSAGE_TYPE.DISCOVER), config);
  assert.equal(typeOf(reply?.message), MESSAGE_TYPE.OFFER);
  assert.equal(reply?.message.yiaddr, '10.0.2.2');
  assert.equal(reply?.destination, '255.255.255.255');
  assert.equal(reply?.lease, undefined);
  assert.deepEqual(
    Object.fromEntries(
      [1, 3, 6, 12, 15, 26, 42, 51, 54, 66, 67, 119, 121, 224].map((code) => [code, option(reply?.message, code)]),
    ),
    {
      1: 'ffffff00',
      3: '0a000201',
      6: 'c0000235c0000236',
      12: Buffer.from('vm1').toString('hex'),
      15: Buffer.from('cluster.local').toString('hex'),
      26: '05aa',
      42: 'c000027b',
      51: (999 * 86_400).toString(16).padStart(8, '0'),
      54: '0a000201',
      66: Buffer.from('tftp.example').toString('hex'),
      67: Buffer.from('pxe.0').toString('hex'),
      119: Buffer.from('\x02ns\x03svc\x07cluster\x05local\x00\x07cluster\x05local\x00', 'latin1').toString('hex'),
      121: '',
      224: Buffer.from('hello').toString('hex'),
    },
  );
});

test('classless routes end with the default route', () => {
  const routes = [{ destination: '10.96.0.0/12', gateway: '10.0.2.9' }];
  const reply = respondDhcp4(request(MESSAGE_TYPE.DISCOVER), { ...config, routes });
  assert.equal(option(reply?.message, OPTION.CLASSLESS_ROUTES), '0c0a600a000209000a000201');
});

test('REQUEST: ours is acknowledged as a lease, another address is refused', () => {
  const asked = (text: string): readonly [number, Uint8Array] => [
    OPTION.REQUESTED_ADDRESS,
    Uint8Array.from(text.split('.'), Number),
  ];
  const name = [OPTION.HOST_NAME, Buffer.from('<b>guest\u0000;1')] as const;
  const ack = respondDhcp4(request(MESSAGE_TYPE.REQUEST, [asked('10.0.2.2'), name]), config);
  assert.equal(typeOf(ack?.message), MESSAGE_TYPE.ACK);
  assert.deepEqual(ack?.lease, { mac: '02:00:00:00:00:09', address: '10.0.2.2', hostname: 'bguest1' });

  const nak = respondDhcp4(request(MESSAGE_TYPE.REQUEST, [asked('10.0.2.7')]), config);
  assert.equal(typeOf(nak?.message), MESSAGE_TYPE.NAK);
  assert.equal(nak?.message.yiaddr, '0.0.0.0');
  assert.equal(nak?.lease, undefined);
});

test('renewal from the address is answered there, unless the client wants a broadcast', () => {
  const renew = request(MESSAGE_TYPE.REQUEST, [], { ciaddr: '10.0.2.2' });
  assert.equal(respondDhcp4(renew, config)?.destination, '10.0.2.2');
  assert.equal(respondDhcp4({ ...renew, flags: BROADCAST_FLAG }, config)?.destination, '255.255.255.255');
});

test("INFORM gets options without address or lease; RELEASE, DECLINE and another server's client get silence", () => {
  const inform = respondDhcp4(request(MESSAGE_TYPE.INFORM, [], { ciaddr: '10.0.2.2' }), config);
  assert.equal(inform?.message.yiaddr, '0.0.0.0');
  assert.equal(option(inform?.message, OPTION.LEASE_TIME), '');
  assert.equal(option(inform?.message, OPTION.DNS_SERVERS), 'c0000235c0000236');
  assert.equal(respondDhcp4(request(MESSAGE_TYPE.RELEASE), config), undefined);
  assert.equal(respondDhcp4(request(MESSAGE_TYPE.DECLINE), config), undefined);
  const other = [OPTION.SERVER_ID, Uint8Array.of(10, 9, 9, 9)] as const;
  assert.equal(respondDhcp4(request(MESSAGE_TYPE.REQUEST, [other]), config), undefined);
});

test('rapid commit, client filter and reply size', () => {
  const rapid = respondDhcp4(request(MESSAGE_TYPE.DISCOVER, [[OPTION.RAPID_COMMIT, new Uint8Array(0)]]), config);
  assert.equal(typeOf(rapid?.message), MESSAGE_TYPE.ACK);
  assert.equal(rapid?.lease?.address, '10.0.2.2');
  assert.equal(respondDhcp4(request(MESSAGE_TYPE.DISCOVER), { ...config, clientMac: '02:00:00:00:00:0A' }), undefined);
  const many = Array.from({ length: 31 }, (_, index) => ({ code: 224 + index, value: 'y'.repeat(100) }));
  const crowded = answerDhcp4(encodeDhcp4(request(MESSAGE_TYPE.DISCOVER)), { ...config, privateOptions: many });
  assert.ok(crowded !== undefined && crowded.bytes.length <= 548);
  assert.equal(option(decodeDhcp4(crowded.bytes), OPTION.ROUTERS), '0a000201');
});
