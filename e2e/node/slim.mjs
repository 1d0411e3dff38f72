// Writes an OpenAPI document without what does not matter to requests: Prism
// then starts in a fraction of the time and answers every request it accepts
// with 204. Arguments: the document, the file to write.
import { readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'yaml';

const [from, to] = process.argv.slice(2);
const text = readFileSync(from, 'utf8');
const document = text.trimStart().startsWith('{') ? JSON.parse(text) : parse(text);
const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];
const operations = [];

inlinePaths(document);
for (const item of Object.values(document.paths)) {
  for (const method of methods) {
    const operation = item[method];
    if (!operation) continue;
    operation.responses = { 204: { description: 'Accepted' } };
    // Credentials are the upstream's, not the arguments': they have tests of their own.
    operation.security = [];
    delete operation.callbacks;
    operations.push(operation);
    // Where Swagger 2.0 is not told what a body is, Prism refuses any; it is JSON.
    if (document.swagger && !operation.consumes && !document.consumes) operation.consumes = ['application/json'];
    delete operation.description;
  }
}
// Prism takes only the last of repeated form fields unless it is told what the
// specification has as the default anyway.
for (const { requestBody } of operations) {
  const form = requestBody?.content?.['application/x-www-form-urlencoded'];
  for (const [name, property] of Object.entries(form?.schema?.properties ?? {})) {
    if (property.type === 'array') (form.encoding ??= {})[name] ??= { style: 'form', explode: true };
  }
}
for (const { parameters, requestBody } of operations) {
  for (const parameter of parameters ?? []) {
    const { style, schema } = resolved(parameter);
    if (style === 'deepObject') sentOrNot(schema);
  }
  const form = requestBody?.content?.['application/x-www-form-urlencoded'];
  for (const [name, { style }] of Object.entries(form?.encoding ?? {})) {
    if (style === 'deepObject') sentOrNot(form.schema?.properties?.[name]);
  }
}
// The specification has these ignored; Prism doesn't.
for (const holder of [...Object.values(document.paths), ...operations]) {
  holder.parameters &&= holder.parameters.filter((parameter) => {
    const { in: place, name } = resolved(parameter);
    return place !== 'header' || !['accept', 'content-type', 'authorization'].includes(name.toLowerCase());
  });
}
for (const group of ['responses', 'headers', 'links', 'callbacks', 'securitySchemes']) {
  delete document.components?.[group];
}
delete document.responses;
delete document.securityDefinitions;
delete document.security;
delete document.webhooks;
for (const part of [document, ...Object.values(document.paths), ...operations]) {
  for (const key of Object.keys(part)) if (key.startsWith('x-')) delete part[key];
}
delete document.tags;

dropUnreferenced();
writeFileSync(to, JSON.stringify(document));

// inlinePaths replaces references into operations, whose answers are dropped.
function inlinePaths(value, depth = 0) {
  if (typeof value !== 'object' || value === null || depth > 100) return;
  for (const key of Object.keys(value)) {
    for (let i = 0; i < 20 && value[key]?.$ref?.startsWith?.('#/paths/'); i++) value[key] = structuredClone(find(value[key].$ref));
    inlinePaths(value[key], depth + 1);
  }
}

// sentOrNot tells Prism that an object of a deepObject of which nothing is sent
// is none: it makes one up for each that there may be (and an empty list), and
// then misses what is required of it.
function sentOrNot(schema) {
  if (schema?.type === 'array') sentOrNot(schema.items);
  if (schema?.type !== 'object') return;
  const { properties = {}, required = [] } = schema;
  for (const property of Object.values(properties)) sentOrNot(property);
  const sent = Object.entries(properties)
    .filter(([, { type }]) => type !== 'object' && type !== 'array').map(([name]) => ({ required: [name] }));
  if (required.length === 0 || sent.length === 0 || schema.anyOf) return;
  schema.anyOf = [{ required }, { not: { anyOf: sent } }];
  delete schema.required;
}

function resolved(value) {
  return value.$ref ? resolved(find(value.$ref)) : value;
}

// dropUnreferenced removes the components that no operation refers to.
function dropUnreferenced() {
  const { components, definitions, ...rest } = document;
  const used = new Set();
  const visit = (value) => {
    if (typeof value !== 'object' || value === null) return;
    if (typeof value.$ref === 'string' && !used.has(value.$ref)) {
      used.add(value.$ref);
      visit(find(value.$ref));
    }
    Object.values(value).forEach(visit);
  };
  visit(rest);
  for (const [prefix, group] of [
    ...Object.entries(components ?? {}).map(([name, group]) => [`#/components/${name}/`, group]),
    ['#/definitions/', definitions ?? {}],
  ]) {
    for (const name of Object.keys(group)) {
      const pointer = prefix + escape(name);
      if (![...used].some((ref) => ref === pointer || ref.startsWith(pointer + '/'))) delete group[name];
    }
  }
}

function escape(name) {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function find(ref) {
  return ref.slice(2).split('/').reduce(
    (at, key) => at?.[decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~')], document);
}
