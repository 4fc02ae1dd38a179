/**
 * An OpenAPI 3.0 document as protobuf message openapi.v3.Document, which clients may ask for at /openapi/v3/...
 * Source: openapiv3/OpenAPIv3.proto of google/gnostic; field numbers verbatim. Members that the tables do not name are left out.
 */
import {
  any,
  anys,
  bool,
  double,
  int64,
  type Json,
  message,
  pairs,
  type Table,
  text,
  texts,
  wrapped,
  type Write,
  writeMembers,
} from './gnostic-tables.ts';
import { createProtobufWriter } from './protobuf-writer.ts';

export function encodeOpenApiV3(document: object): Uint8Array {
  const writer = createProtobufWriter();
  writeMembers(writer, documentTable, document);
  return writer.finish();
}

/** SchemaOrReference{schema = 1 | reference = 2}. */
const schema: Write = (writer, field, value) => {
  writer.message(field, () => {
    if (Object.hasOwn(value as object, '$ref')) {
      message({ $ref: [1, text] })(writer, 2, value);
    } else {
      plainSchema(writer, 1, value);
    }
  });
};
const plainSchema: Write = (writer, field, value) => {
  message(schemaTable, 36)(writer, field, value);
};
const schemas: Write = (writer, field, value) => {
  for (const item of value as Json[]) {
    schema(writer, field, item);
  }
};

/** DefaultType has words for scalars only. */
const scalar: Write = (writer, field, value) => {
  const write = { number: [1, double], boolean: [2, bool], string: [3, text] } as const;
  const kind = typeof value;
  if (kind === 'number' || kind === 'boolean' || kind === 'string') {
    writer.message(field, () => {
      write[kind][1](writer, write[kind][0], value);
    });
  }
};

const schemaTable: Table = {
  nullable: [1, bool],
  readOnly: [3, bool],
  writeOnly: [4, bool],
  example: [7, any],
  deprecated: [8, bool],
  title: [9, text],
  multipleOf: [10, double],
  maximum: [11, double],
  exclusiveMaximum: [12, bool],
  minimum: [13, double],
  exclusiveMinimum: [14, bool],
  maxLength: [15, int64],
  minLength: [16, int64],
  pattern: [17, text],
  maxItems: [18, int64],
  minItems: [19, int64],
  uniqueItems: [20, bool],
  maxProperties: [21, int64],
  minProperties: [22, int64],
  required: [23, texts],
  enum: [24, anys],
  type: [25, text],
  allOf: [26, schemas],
  oneOf: [27, schemas],
  anyOf: [28, schemas],
  not: [29, plainSchema],
  items: [30, wrapped(schema)],
  properties: [31, wrapped(pairs(schema))],
  additionalProperties: [
    32,
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
  default: [33, scalar],
  description: [34, text],
  format: [35, text],
};

const parameters: Write = (writer, field, value) => {
  for (const parameter of value as Json[]) {
    wrapped(message(parameterTable, 14))(writer, field, parameter);
  }
};
const parameterTable: Table = {
  name: [1, text],
  in: [2, text],
  description: [3, text],
  required: [4, bool],
  deprecated: [5, bool],
  schema: [10, schema],
};
const content = wrapped(pairs(message({ schema: [1, schema] }, 5)));
const bodyTable: Table = { description: [1, text], content: [2, content], required: [3, bool] };
const responseTable: Table = { description: [1, text], content: [3, content] };
/** Responses{response = 2}, as each status code is named. */
const responses: Write = (writer, field, value) => {
  writer.message(field, () => {
    pairs(wrapped(message(responseTable, 5)))(writer, 2, value);
  });
};
const operation = message(
  {
    tags: [1, texts],
    summary: [2, text],
    description: [3, text],
    operationId: [5, text],
    parameters: [6, parameters],
    requestBody: [7, wrapped(message(bodyTable, 4))],
    responses: [8, responses],
    deprecated: [10, bool],
  },
  13,
);
const pathItemTable: Table = {
  summary: [2, text],
  description: [3, text],
  get: [4, operation],
  put: [5, operation],
  post: [6, operation],
  delete: [7, operation],
  options: [8, operation],
  head: [9, operation],
  patch: [10, operation],
  parameters: [13, parameters],
};

const documentTable: Table = {
  openapi: [1, text],
  info: [2, message({ title: [1, text], description: [2, text], version: [6, text] })],
  paths: [4, wrapped(pairs(message(pathItemTable, 14)))],
  components: [5, message({ schemas: [1, wrapped(pairs(schema))] })],
};
