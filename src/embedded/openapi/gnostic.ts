/**
 * A Swagger 2.0 document as protobuf message openapi.v2.Document, which kubectl asks for at /openapi/v2.
 * Source: openapiv2/OpenAPIv2.proto of google/gnostic; field numbers verbatim. Members that the tables do not name are left out.
 */
import type { OpenApiV2 } from './openapi-v2.ts';
import { createProtobufWriter } from './protobuf-writer.ts';
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

export function encodeOpenApiV2(document: OpenApiV2): Uint8Array {
  const writer = createProtobufWriter();
  writeMembers(writer, documentTable, document);
  return writer.finish();
}

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
