// Everything that a type says, read from the schema: what a cache may overwrite is never left out by a test.
import { readFile } from 'node:fs/promises'
import { buildSchema, getNamedType, isLeafType, isObjectType, isRequiredArgument } from 'graphql'
import { root } from './shop.mjs'

export const schema = buildSchema(await readFile(new URL('schema/schema.graphql', root), 'utf8'))

// The fields of a type and of the objects right below it; lists that come in pages are left out.
export function everythingOf(name, depth = 1) {
  const chosen = []
  for (const [field, { type, args }] of Object.entries(schema.getType(name).getFields())) {
    const inner = getNamedType(type)
    if (args.some(isRequiredArgument)) continue
    if (isLeafType(inner)) chosen.push(field)
    else if (depth > 0 && isObjectType(inner) && !inner.name.endsWith('Connection')) {
      chosen.push(`${field} { ${everythingOf(inner.name, depth - 1)} }`)
    }
  }
  return `__typename ${chosen.join(' ')}`
}

// The object types that say no id: a cache keeps them inside what holds them.
export function withoutId() {
  const types = Object.values(schema.getTypeMap()).filter((type) => isObjectType(type) && !type.name.startsWith('__'))
  return types.filter((type) => !('id' in type.getFields())).map(({ name }) => name)
}
