import assert from 'node:assert/strict';
import { area } from '../case.ts';
import { expectCode, expectInvalid, mergePatch } from '../expect.ts';

const shown = (text: string): string =>
  text.length > 48 ? `${text.slice(0, 6)}... of ${text.length} characters` : text;

export const nameCases = area('names', 'Object names and IDs: DNS subdomain names (RFC 1123)', (rule) => {
  const label63 = 'l'.repeat(63);
  for (const name of ['a', '0', 'a-b', 'a.b', '1.2.3', 'a--b', label63, 'm'.repeat(253), `${label63}.${label63}`]) {
    rule(`"${shown(name)}" is a name`, async (world) => {
      expectCode(await world.post(`${world.maps}?dryRun=All`, { metadata: { name } }), 201);
    });
  }
  for (const name of [
    'A',
    'a_b',
    '-a',
    'a-',
    '.a',
    'a.',
    'a..b',
    'a b',
    'a/b',
    'ä',
    'a:b',
    'a%b',
    '..',
    'm'.repeat(254),
  ]) {
    rule(`"${shown(name)}" is no name: 422`, async (world) => {
      expectInvalid(await world.post(`${world.maps}?dryRun=All`, { metadata: { name } }), 'metadata.name');
    });
  }
  rule('a custom resource has the same rule', async (world) => {
    const body = { apiVersion: `${world.group}/v1`, kind: 'Widget', metadata: { name: 'Not_Good' } };
    expectInvalid(await world.post(world.widgets, body), 'metadata.name');
  });
  for (const name of ['a.b', 'n'.repeat(64), 'A']) {
    rule(
      `a namespace cannot be named "${shown(name)}": it is a DNS label`,
      async (world) => {
        expectInvalid(await world.post('/api/v1/namespaces?dryRun=All', { metadata: { name } }), 'metadata.name');
      },
      'Object names and IDs: RFC 1123 label names',
    );
  }
  rule('the message says the rule', async (world) => {
    const status = expectInvalid(await world.post(world.maps, { metadata: { name: 'A' } }));
    assert.match(
      status.message,
      /^ConfigMap "A" is invalid: metadata\.name: Invalid value: "A": .*RFC 1123 subdomain/u,
    );
    assert.equal(status.details.causes[0].reason, 'FieldValueInvalid');
  });
});

export const metadataCases = area(
  'labels and annotations',
  'Labels and selectors: Syntax and character set',
  (rule) => {
    const make = (metadata: object) => async (world: Parameters<Parameters<typeof rule>[1]>[0]) =>
      world.post(`${world.maps}?dryRun=All`, { metadata: { name: world.name(), ...metadata } });
    const key63 = 'k'.repeat(63);
    for (const [key, value] of [
      ['a', ''],
      ['a', 'B_c.d-e'],
      ['A.b_C-d', '1'],
      ['example.com/a', 'x'],
      [key63, 'v'.repeat(63)],
      [`${'p'.repeat(253)}/a`, 'x'],
    ] as const) {
      rule(`label "${shown(key)}" = "${shown(value)}" is good`, async (world) => {
        expectCode(await make({ labels: { [key]: value } })(world), 201);
      });
    }
    for (const [key, value] of [
      ['', 'x'],
      ['-a', 'x'],
      ['a-', 'x'],
      ['a b', 'x'],
      ['a/b/c', 'x'],
      ['/a', 'x'],
      ['a/', 'x'],
      ['Ex_ample.com/a', 'x'],
      [`${key63}k`, 'x'],
      [`${'p'.repeat(254)}/a`, 'x'],
      ['a', '-x'],
      ['a', 'x y'],
      ['a', 'x/y'],
      ['a', 'é'],
      ['a', 'v'.repeat(64)],
    ] as const) {
      rule(`label "${shown(key)}" = "${shown(value)}" is 422 Invalid`, async (world) => {
        expectInvalid(await make({ labels: { [key]: value } })(world), 'metadata.labels');
      });
    }
    const annotations = 'Annotations: Syntax and character set';
    rule(
      'an annotation may hold any text',
      async (world) => {
        expectCode(await make({ annotations: { 'a/b': ' {"x": "ü\\n"} ' } })(world), 201);
      },
      annotations,
    );
    rule(
      'an annotation key with upper case is good',
      async (world) => {
        expectCode(await make({ annotations: { 'example.com/CamelCase': 'x' } })(world), 201);
      },
      annotations,
    );
    rule(
      'an annotation key that is none is 422 Invalid',
      async (world) => {
        expectInvalid(await make({ annotations: { 'a b': 'x' } })(world), 'metadata.annotations');
      },
      annotations,
    );
    rule(
      'annotations of 256 KiB in all are good',
      async (world) => {
        expectCode(await make({ annotations: { a: 'x'.repeat(256 * 1024 - 1) } })(world), 201);
      },
      annotations,
    );
    rule(
      'annotations of more than 256 KiB are 422 Invalid, with the cause FieldValueTooLong',
      async (world) => {
        const status = expectInvalid(
          await make({ annotations: { a: 'x'.repeat(256 * 1024) } })(world),
          'metadata.annotations',
        );
        assert.equal(status.details.causes[0].reason, 'FieldValueTooLong');
      },
      annotations,
    );
    rule(
      'annotations are measured in bytes',
      async (world) => {
        expectInvalid(await make({ annotations: { a: 'ü'.repeat(140 * 1024) } })(world), 'metadata.annotations');
      },
      annotations,
    );
    rule(
      'a finalizer that is no qualified name is 422 Invalid',
      async (world) => {
        expectInvalid(await make({ finalizers: ['not a name'] })(world));
      },
      'API conventions: Metadata; Finalizers',
    );
    rule(
      'a finalizer without a domain is 422 Invalid on a built-in kind',
      async (world) => {
        expectInvalid(await make({ finalizers: ['unqualified'] })(world));
      },
      'API conventions: Metadata; Finalizers',
    );
    rule(
      'a finalizer without a domain is taken for custom resources, with a warning',
      async (world) => {
        const body = {
          apiVersion: `${world.group}/v1`,
          kind: 'Widget',
          metadata: { name: world.name(), finalizers: ['unqualified'] },
        };
        const answer = await world.post(`${world.widgets}?dryRun=All`, body);
        expectCode(answer, 201);
        assert.match(String(answer.headers['warning']), /finalizer/u);
      },
      'API conventions: Metadata; Finalizers',
    );
    rule(
      'several faults are several causes',
      async (world) => {
        const answer = await world.post(world.maps, {
          metadata: { name: 'A', labels: { '-': 'x' }, annotations: { '-': 'x' } },
        });
        assert.ok(expectInvalid(answer).details.causes.length >= 3);
      },
      'API conventions: Response Status Kind',
    );
    rule('a label that is patched to a bad value is 422 Invalid', async (world) => {
      const { name } = (await world.makeMap()).metadata;
      expectInvalid(
        await world.patch(`${world.maps}/${name}`, mergePatch, { metadata: { labels: { a: '-' } } }),
        'metadata.labels',
      );
    });
  },
);
