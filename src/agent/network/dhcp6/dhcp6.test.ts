import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeIpAddress, encodeIpAddress } from '../../../linux/netlink/ip-address.ts';
import {
  decodeDhcp6,
  decodeIaAddress,
  decodeIaNa,
  type Dhcp6Message,
  type Dhcp6Option,
  encodeDhcp6,
  encodeIaAddress,
  encodeIaNa,
  MESSAGE6,
  OPTION6,
} from './codec.ts';
import { answerDhcp6, type Dhcp6Config, type Dhcp6Reply, respondDhcp6, serverDuid } from './responder.ts';

const config: Dhcp6Config = {
  address: 'fd10:0:2::2',
  serverMac: '02:00:00:00:00:00',
  dnsServers: ['2001:db8::53'],
  searchDomains: ['cluster.local'],
};
const clientId: Dhcp6Option = { code: OPTION6.CLIENTID, data: Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 9) };
const ourId: Dhcp6Option = { code: OPTION6.SERVERID, data: serverDuid(config) };
const empty = new Uint8Array(0);

function ia(iaid: number, addresses: readonly string[] = []): Dhcp6Option {
  const options = addresses.map((text) => ({
    code: OPTION6.IAADDR,
    data: encodeIaAddress({ address: encodeIpAddress(text), preferredLifetime: 1, validLifetime: 1, options: [] }),
  }));
  return { code: OPTION6.IA_NA, data: encodeIaNa({ iaid, t1: 0, t2: 0, options }) };
}

function ask(type: number, ...options: Dhcp6Option[]): Dhcp6Reply | undefined {
  return respondDhcp6({ type, transactionId: 0xabcdef, options }, config);
}

function granted(message: Dhcp6Message | undefined): Record<string, number>[] {
  return (message?.options ?? [])
    .filter(({ code }) => code === OPTION6.IA_NA)
    .map(({ data }) =>
      Object.fromEntries(
        decodeIaNa(data)
          .options.filter(({ code }) => code === OPTION6.IAADDR)
          .map((option) => decodeIaAddress(option.data))
          .map(({ address, validLifetime }) => [decodeIpAddress(address), validLifetime]),
      ),
    );
}

const LIFETIME = 999 * 86_400;

test('any message survives the wire and random bytes are only ever refused', () => {
  const option = fc.record(
    { code: fc.nat(0xffff), data: fc.uint8Array({ maxLength: 300 }) },
    { noNullPrototype: true },
  );
  const options = fc.array(option, { maxLength: 10 });
  const type = fc.integer({ min: 1, max: 11 });
  fc.assert(
    fc.property(type, fc.nat(0xffffff), options, (kind, transactionId, list) => {
      const message = { type: kind, transactionId, options: list };
      assert.deepEqual(decodeDhcp6(encodeDhcp6(message)), message);
    }),
  );
  fc.assert(
    fc.property(
      type,
      fc.uint8Array({ maxLength: 200 }),
      (kind, rest) => void answerDhcp6(Uint8Array.of(kind, ...rest), config),
    ),
  );
  const whole = encodeDhcp6({ type: MESSAGE6.SOLICIT, transactionId: 1, options: [clientId, ia(1, ['fd10:0:2::7'])] });
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, value, length) => {
      const damaged = Uint8Array.from(whole);
      damaged[at] = value;
      answerDhcp6(damaged.subarray(0, length), config);
    }),
  );
});

test('SOLICIT is advertised the address; with rapid commit it is committed', () => {
  const advertise = ask(MESSAGE6.SOLICIT, clientId, ia(7));
  assert.equal(advertise?.message.type, MESSAGE6.ADVERTISE);
  assert.equal(advertise.message.transactionId, 0xabcdef);
  assert.deepEqual(granted(advertise.message), [{ 'fd10:0:2::2': LIFETIME }]);
  assert.equal(advertise.lease, undefined);
  const codes = advertise.message.options.map(({ code }) => code);
  assert.deepEqual(codes, [
    OPTION6.CLIENTID,
    OPTION6.SERVERID,
    OPTION6.IA_NA,
    OPTION6.DNS_SERVERS,
    OPTION6.DOMAIN_LIST,
  ]);

  const rapid = ask(MESSAGE6.SOLICIT, clientId, { code: OPTION6.RAPID_COMMIT, data: empty }, ia(7));
  assert.equal(rapid?.message.type, MESSAGE6.REPLY);
  assert.deepEqual(rapid.lease, { mac: '02:00:00:00:00:09', address: 'fd10:0:2::2', hostname: undefined });
});

test('REQUEST, RENEW and REBIND give the address and take any other away', () => {
  for (const type of [MESSAGE6.REQUEST, MESSAGE6.RENEW]) {
    assert.deepEqual(granted(ask(type, clientId, ourId, ia(1, ['fd10:0:2::9']))?.message), [
      { 'fd10:0:2::2': LIFETIME, 'fd10:0:2::9': 0 },
    ]);
    assert.equal(ask(type, clientId, ia(1)), undefined, 'not to us');
    assert.equal(
      ask(type, clientId, { ...ourId, data: Uint8Array.of(0, 3, 0, 1, 1, 1, 1, 1, 1, 1) }, ia(1)),
      undefined,
    );
  }
  assert.deepEqual(granted(ask(MESSAGE6.REBIND, clientId, ia(1))?.message), [{ 'fd10:0:2::2': LIFETIME }]);
  assert.deepEqual(granted(ask(MESSAGE6.REBIND, clientId, ia(1), ia(2))?.message), [{ 'fd10:0:2::2': LIFETIME }, {}]);
});

test('CONFIRM, RELEASE and INFORMATION-REQUEST', () => {
  const status = (reply: Dhcp6Reply | undefined): number | undefined =>
    reply?.message.options.find(({ code }) => code === OPTION6.STATUS_CODE)?.data[1];
  assert.equal(status(ask(MESSAGE6.CONFIRM, clientId, ia(1, ['fd10:0:2::2']))), 0);
  assert.equal(status(ask(MESSAGE6.CONFIRM, clientId, ia(1, ['fd10:0:2::3']))), 4);
  assert.equal(ask(MESSAGE6.CONFIRM, clientId, ia(1)), undefined);
  assert.equal(status(ask(MESSAGE6.RELEASE, clientId, ourId, ia(1, ['fd10:0:2::2']))), 0);
  assert.deepEqual(
    ask(MESSAGE6.INFORMATION_REQUEST)?.message.options.map(({ code }) => code),
    [OPTION6.SERVERID, OPTION6.DNS_SERVERS, OPTION6.DOMAIN_LIST],
  );
});

test('a prefix delegation or temporary address is declined by status', () => {
  const pd = { code: OPTION6.IA_PD, data: encodeIaNa({ iaid: 3, t1: 0, t2: 0, options: [] }) };
  const ta = { code: OPTION6.IA_TA, data: Uint8Array.of(0, 0, 0, 4) };
  const reply = ask(MESSAGE6.SOLICIT, clientId, ia(1), pd, ta);
  const answer = (code: number): string =>
    Buffer.from(reply?.message.options.find((option) => option.code === code)?.data ?? []).toString('hex');
  assert.match(answer(OPTION6.IA_PD), /^000000030000000000000000000d00..0006/);
  assert.match(answer(OPTION6.IA_TA), /^00000004000d00..0002/);
});
