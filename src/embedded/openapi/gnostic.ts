/**
 * A Swagger 2.0 document as protobuf message openapi.v2.Document, which kubectl asks for at /openapi/v2.
 * Source: openapiv2/OpenAPIv2.proto of google/gnostic; field numbers verbatim. Members that the tables do not name are left out.
 */
import type { OpenApiV2 } from './openapi-v2.ts';
import { createProtobufWriter, type ProtobufWriter } from './protobuf-writer.ts';

type Json = unknown;
type Write = (writer: ProtobufWriter, field: number, value: Json) => void;
type Table = Readonly<Record<string, readonly [field: number, write: Write]>>;

export function encodeOpenApiV2(document: OpenApiV2): Uint8Array {
  const writer = createProtobufWriter();
  writeMembers(writer, documentTable, document);
  return writer.finish();
}

function writeMembers(writer: ProtobufWriter, table: Table, value: Json, extensionField?: number): void {
  for (const [name, member] of Object.entries(value as Record<string, Json>)) {
    if (member === undefined) {
      continue;
    }
    const entry = Object.hasOwn(table, name) ? table[name] : undefined;
    if (entry !== undefined) {
      entry[1](writer, entry[0], member);
    } else if (extensionField !== undefined && name.startsWith('x-')) {
      writer.message(extensionField, () => {
        writer.text(1, name);
        any(writer, 2, member);
      });
    }
  }
}

const text: Write = (writer, field, value) => {
  writer.text(field, String(value));
};
const texts: Write = (writer, field, value) => {
  for (const item of value as string[]) {
    writer.text(field, item);
  }
};
const bool: Write = (writer, field, value) => {
  if (value === true) {
    writer.bool(field, true);
  }
};
const int64: Write = (writer, field, value) => {
  writer.int64(field, value as number);
};
const double: Write = (writer, field, value) => {
  writer.double(field, value as number);
};
/** openapi.v2.Any: the value as YAML text; JSON is YAML. */
const any: Write = (writer, field, value) => {
  writer.message(field, () => {
    writer.text(2, `${JSON.stringify(value)}\n`);
  });
};
const anys: Write = (writer, field, value) => {
  for (const item of value as Json[]) {
    any(writer, field, item);
  }
};
const message =
  (table: Table, extensionField?: number): Write =>
  (writer, field, value) => {
    writer.message(field, () => {
      writeMembers(writer, table, value, extensionField);
    });
  };
/** A map as repeated (name = 1, value = 2) pairs. */
const pairs =
  (value: Write): Write =>
  (writer, field, map) => {
    for (const [name, member] of Object.entries(map as Record<string, Json>)) {
      writer.message(field, () => {
        writer.text(1, name);
        value(writer, 2, member);
      });
    }
  };
/** A message whose only content is field 1. */
const wrapped =
  (inner: Write): Write =>
  (writer, field, value) => {
    writer.message(field, () => {
      inner(writer, 1, value);
    });
  };
const schema: Write = (writer, field, value) => {
  message(schemaTable, 31)(writer, field, value);
};

const schemaTable: Table = {
  $ref: [1, text],
  format: [2, text],
  title: [3, text],
  description: [4, text],
  default: [5, any],
  multipleOf: [6, double],
  maximum: [7, double],
  exclusiveMaximum: [8, bool],
  minimum: [9, double],
  exclusiveMinimum: [10, bool],
  maxLength: [11, int64],
  minLength: [12, int64],
  pattern: [13, text],
  maxItems: [14, int64],
  minItems: [15, int64],
  uniqueItems: [16, bool],
  maxProperties: [17, int64],
  minProperties: [18, int64],
  required: [19, texts],
  enum: [20, anys],
  additionalProperties: [
    21,
    (writer, field, value) => {
      writer.message(field, () => {
        if (typeof value === 'boolean') {
          writer.bool(2, value);
        } else {
          schema(writer, 1, value);
        }
      });
    },
  ],
  type: [22, wrapped(text)],
  items: [23, wrapped(schema)],
  allOf: [
    24,
    (writer, field, value) => {
      for (const item of value as Json[]) {
        schema(writer, field, item);
      }
    },
  ],
  properties: [25, wrapped(pairs(schema))],
  example: [30, any],
};

const bodyParameterTable: Table = {
  description: [1, text],
  name: [2, text],
  in: [3, text],
  required: [4, bool],
  schema: [5, schema],
};
const queryParameterTable: Table = {
  required: [1, bool],
  in: [2, text],
  description: [3, text],
  name: [4, text],
  type: [6, text],
  uniqueItems: [20, bool],
};
const pathParameterTable: Table = {
  required: [1, bool],
  in: [2, text],
  description: [3, text],
  name: [4, text],
  type: [5, text],
  uniqueItems: [19, bool],
};

/** ParametersItem{parameter = 1} of Parameter{body = 1 | non-body = 2}; non-body of query = 3 | path = 4. */
const parameters: Write = (writer, field, value) => {
  for (const parameter of value as { in: string }[]) {
    writer.message(field, () => {
      writer.message(1, () => {
        if (parameter.in === 'body') {
          message(bodyParameterTable)(writer, 1, parameter);
        } else {
          writer.message(2, () => {
            const query = parameter.in === 'query';
            message(query ? queryParameterTable : pathParameterTable)(writer, query ? 3 : 4, parameter);
          });
        }
      });
    });
  }
};

const responseTable: Table = { description: [1, text], schema: [2, wrapped(schema)] };
const operationTable: Table = {
  tags: [1, texts],
  summary: [2, text],
  description: [3, text],
  operationId: [5, text],
  produces: [6, texts],
  consumes: [7, texts],
  parameters: [8, parameters],
  responses: [9, wrapped(pairs(wrapped(message(responseTable))))],
  schemes: [10, texts],
  deprecated: [11, bool],
};
const operation = message(operationTable, 13);
const pathItemTable: Table = {
  get: [2, operation],
  put: [3, operation],
  post: [4, operation],
  delete: [5, operation],
  patch: [8, operation],
  parameters: [9, parameters],
};

const documentTable: Table = {
  swagger: [1, text],
  info: [2, message({ title: [1, text], version: [2, text], description: [3, text] })],
  paths: [
    8,
    (writer, field, value) => {
      writer.message(field, () => {
        pairs(message(pathItemTable, 10))(writer, 2, value);
      });
    },
  ],
  definitions: [9, wrapped(pairs(schema))],
};
