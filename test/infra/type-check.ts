import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type BicepType,
  ObjectTypePropertyFlags,
  readIndexJson,
  readTypesJson,
  TypeBaseKind,
  type TypeReference,
} from 'bicep-types';
import type { Resource } from './infra';

type Fault = string;
type Properties = Readonly<Record<string, { readonly type: TypeReference; readonly flags: number }>>;

/** Checks resource bodies against the provider's published types, which a folder holds as files. */
export function createTypeCheck(folder: string): (resource: Resource) => Fault[] {
  const index = new Map(
    Object.entries(readIndexJson(readFileSync(join(folder, 'index.json'), 'utf8')).resources).map(([key, ref]) => [
      key.toLowerCase(),
      ref,
    ]),
  );
  const files = new Map<string, BicepType[]>();

  return (resource) => {
    const key = `${resource.type}@${resource.apiVersion}`;
    const reference = index.get(key.toLowerCase());
    if (!reference) return [`${key}: there is no such type`];
    const types = files.get(reference.relativePath) ?? readTypes(join(folder, reference.relativePath));
    files.set(reference.relativePath, types);
    // These four are the snapshot's own way to say which resource it is; a child's name is the last part of it.
    const { id: _, type: __, apiVersion: ___, scope: ____, ...body } = resource;
    const type = types[reference.index];
    if (type?.type !== TypeBaseKind.ResourceType) return [`${key}: expected a resource type`];
    const name = resource.name.startsWith('[') ? resource.name : resource.name.split('/').at(-1);
    return check(types, type.body, { ...body, name }, resource.type);
  };
}

function readTypes(file: string): BicepType[] {
  return readTypesJson(readFileSync(file, 'utf8'));
}

function check(types: readonly BicepType[], reference: TypeReference, value: unknown, path: string): Fault[] {
  const type = types[reference.index];
  // What only a deployment knows is left as an expression: its value can't be checked here.
  if (type === undefined || value === null || isExpression(value)) return [];
  switch (type.type) {
    case TypeBaseKind.ObjectType:
      return checkObject(types, type.properties, type.additionalProperties, value, path);
    case TypeBaseKind.DiscriminatedObjectType: {
      const kind = (value as Record<string, unknown>)[type.discriminator];
      const element = types[type.elements[String(kind)]?.index ?? -1];
      if (element?.type !== TypeBaseKind.ObjectType)
        return [`${path}.${type.discriminator}: ${String(kind)} is no kind`];
      const properties = { ...type.baseProperties, ...element.properties };
      return checkObject(types, properties, element.additionalProperties, value, path);
    }
    case TypeBaseKind.ArrayType:
      if (!Array.isArray(value)) return [wrong(path, 'an array', value)];
      return value.flatMap((item, at) => check(types, type.itemType, item, `${path}[${at}]`));
    case TypeBaseKind.UnionType:
      return checkUnion(types, type.elements, value, path);
    case TypeBaseKind.StringLiteralType:
      return value === type.value ? [] : [wrong(path, JSON.stringify(type.value), value)];
    case TypeBaseKind.StringType:
      if (typeof value !== 'string') return [wrong(path, 'a string', value)];
      if (type.pattern && !new RegExp(type.pattern).test(value))
        return [wrong(path, `a match of ${type.pattern}`, value)];
      if (value.length < (type.minLength ?? 0) || value.length > (type.maxLength ?? Infinity)) {
        return [wrong(path, `${type.minLength ?? 0} to ${type.maxLength} characters`, value)];
      }
      return [];
    case TypeBaseKind.IntegerType:
      if (typeof value !== 'number') return [wrong(path, 'a number', value)];
      if (value < (type.minValue ?? -Infinity) || value > (type.maxValue ?? Infinity)) {
        return [wrong(path, `a number from ${type.minValue} to ${type.maxValue}`, value)];
      }
      return [];
    case TypeBaseKind.BooleanType:
      return typeof value === 'boolean' ? [] : [wrong(path, 'true or false', value)];
    default:
      return [];
  }
}

function checkObject(
  types: readonly BicepType[],
  properties: Properties,
  additional: TypeReference | undefined,
  value: unknown,
  path: string,
): Fault[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [wrong(path, 'an object', value)];
  const given = Object.entries(value).filter(([, part]) => part !== null);
  const faults = given.flatMap(([name, part]) => {
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (property === undefined) {
      return additional
        ? check(types, additional, part, `${path}.${name}`)
        : [`${path}.${name}: there is no such property`];
    }
    if (property.flags & ObjectTypePropertyFlags.ReadOnly) return [`${path}.${name}: cannot be written`];
    return check(types, property.type, part, `${path}.${name}`);
  });
  const names = new Set(given.map(([name]) => name));
  for (const [name, { flags }] of Object.entries(properties)) {
    const required = flags & ObjectTypePropertyFlags.Required && !(flags & ObjectTypePropertyFlags.ReadOnly);
    if (required && !names.has(name)) faults.push(`${path}.${name}: is required`);
  }
  return faults;
}

/** A union of literals and `string` is open to values of the future; what is written today is one of the literals. */
function checkUnion(
  types: readonly BicepType[],
  elements: readonly TypeReference[],
  value: unknown,
  path: string,
): Fault[] {
  const members = elements.map((element) => ({ element, type: types[element.index] }));
  const literals = members.filter(({ type }) => type?.type === TypeBaseKind.StringLiteralType);
  const asked = literals.length > 0 && typeof value === 'string' ? literals : members;
  if (asked.some(({ element }) => check(types, element, value, path).length === 0)) return [];
  return [
    wrong(
      path,
      asked.map(({ type }) => (type && 'value' in type ? JSON.stringify(type.value) : type?.type)).join(' or '),
      value,
    ),
  ];
}

const isExpression = (value: unknown): boolean => typeof value === 'string' && /^\[(?!\[)[\s\S]*\]$/.test(value);

function wrong(path: string, expected: string, value: unknown): Fault {
  return `${path}: expected ${expected}, got ${JSON.stringify(value)}`;
}
