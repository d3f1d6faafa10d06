// Manifests of trusted documents, as graphql-codegen and relay-compiler write them: the path of each file.
import { execFile } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const here = import.meta.dirname
const relay = join(here, 'relay')
const execute = promisify(execFile)

export const tool = (name) => join(here, 'node_modules', '.bin', name)

export async function codegenManifest(config = 'codegen.config.mjs', folder = 'typed') {
  await execute(tool('graphql-codegen'), ['--config', config], { cwd: here })
  return join(here, folder, 'generated/persisted-documents.json')
}

export async function relayManifest() {
  const file = join(relay, '__trusted__/documents.json')
  await rm(join(relay, '__trusted__'), { recursive: true, force: true }) // or what has not changed is not written again
  await mkdir(join(relay, '__trusted__'), { recursive: true })
  await writeFile(file, '{}') // relay-compiler adds to a manifest; it does not begin one
  await execute(tool('relay-compiler'), ['trusted.config.json'], { cwd: relay })
  return file
}
