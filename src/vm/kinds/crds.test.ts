import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { buildCrds } from './crds.ts';
import { renderManifests } from './manifests.ts';
import type { OpenApiSchema } from './schema/dsl.ts';

test('the committed manifests are up to date', async () => {
  for (const [file, content] of renderManifests()) {
    const committed = await readFile(new URL(`../../../manifests/crds/${file}`, import.meta.url), 'utf8');
    assert.equal(committed, content, `${file} is stale: run node src/vm/kinds/write-manifests.ts`);
  }
});

test('every schema is structural and every field is described', () => {
  const check = (schema: OpenApiSchema, path: string): void => {
    const typed = schema.type !== undefined || schema['x-kubernetes-int-or-string'] === true;
    assert.ok(typed, `${path} has no type`);
    for (const [name, member] of Object.entries(schema.properties ?? {})) {
      const place = `${path}.${name}`;
      if (!place.endsWith('metadata') && !name.endsWith('Time')) {
        assert.ok(member.description, `${place} has no description`);
      }
      check(member, place);
    }
    for (const name of schema.required ?? []) {
      assert.ok(schema.properties !== undefined && Object.hasOwn(schema.properties, name), `${path} requires ${name}`);
    }
    if (schema.items !== undefined) {
      check(schema.items, `${path}[]`);
      for (const key of schema['x-kubernetes-list-map-keys'] ?? []) {
        assert.ok(schema.items.required?.includes(key), `${path}[] does not require its key ${key}`);
      }
    }
    if (schema.additionalProperties !== undefined) {
      check(schema.additionalProperties, `${path}{}`);
    }
  };
  for (const crd of buildCrds()) {
    for (const version of crd.spec.versions) {
      check(version.schema.openAPIV3Schema, crd.spec.names.kind);
    }
  }
});
