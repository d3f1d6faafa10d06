// What a normalised cache must know of the schema, read from the schema: node cache-facts.mjs schema.graphql > facts.json
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { buildSchema, getNamedType, introspectionFromSchema, isAbstractType, isObjectType } from 'graphql'

const PAGING = ['first', 'after', 'last', 'before']

export function factsOf(sdl) {
  const schema = buildSchema(sdl)
  const types = Object.values(schema.getTypeMap()).filter(({ name }) => !name.startsWith('__'))
  const objects = types.filter(isObjectType)
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]
  return {
    // The members of each interface and union.
    possibleTypes: entries(types.filter(isAbstractType), (type) => schema.getPossibleTypes(type).map(({ name }) => name)),
    // The types that say no id. They are no things: a cache keeps them inside the thing that holds them.
    values: objects.filter((type) => !roots.includes(type) && !('id' in type.getFields())).map(({ name }) => name),
    // The fields that give pages, each with the arguments that tell one list from another.
    pages: entries(objects, (type) => {
      const pages = Object.values(type.getFields()).filter((field) => getNamedType(field.type).name.endsWith('Connection'))
      return entries(pages, ({ args }) => args.map(({ name }) => name).filter((name) => !PAGING.includes(name)))
    }),
    // For urql's graphcache alone.
    introspection: introspectionFromSchema(schema, { descriptions: false }),
  }
}

const entries = (named, value) => Object.fromEntries(named.map((one) => [one.name, value(one)]))

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log(JSON.stringify(factsOf(readFileSync(process.argv[2], 'utf8'))))
}
