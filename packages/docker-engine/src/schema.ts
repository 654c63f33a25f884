import * as v from 'valibot'
import { optionNames } from './container-options.ts'

/** Entries of the schemas of targets with containers: importing this loads no client of the engine. What can be told without one is told here. */

export const text = (description: string) => v.optional(v.pipe(v.string(), v.description(description)))
export const flag = (description: string) => v.optional(v.pipe(v.boolean(), v.description(description)))

const form = (pattern: RegExp, least: number, wanted: string, description: string) => {
  const message = ({ input }: { readonly input: string | number }): string => `${input} ${wanted}`
  const written = v.pipe(v.string(), v.regex(pattern, message))
  return v.optional(v.pipe(v.union([written, v.pipe(v.number(), v.minValue(least, message))]), v.description(description)))
}

// Without flags of the expressions, which a JSON schema can't say.
const size = (description: string) =>
  form(/^\s*\d+(\.\d+)?\s*[bkmgtBKMGT]?([iI]?[bB])?\s*$/, 0, 'is no size: write 512m or 2g', description)

/** An option that a container can have, or a value, of which only numbers begin with a dash. */
const optionOrValue = new RegExp(`^\\s*([^-\\s]|-\\d|$|(${optionNames.join('|')})([=\\s]|$))`)

/** What may also stand in TargetOptions, for one run configuration. */
export const perRun = {
  gpus: form(
    /^\s*"?(all|[1-9]\d*|device=[^\s"]+)"?\s*$/,
    1,
    'names no GPUs: write all, a number, or device=0,1',
    'GPUs of the container: all, a number, or device=0,1.',
  ),
  shmSize: size('Size of /dev/shm. Absent: 2g.'),
  memory: size('Memory limit, 8g for example. A run that needs more ends as out of memory.'),
  cpus: form(
    /^\s*(\d*[1-9]\d*(\.\d*)?|\d*\.\d*[1-9]\d*)\s*$/,
    0.001,
    'is no number of processors: write 2 or 0.5',
    'Number of processors, 1.5 for example.',
  ),
  network: text('Network of the engine, none or host. Absent: the bridge.'),
  user: text('User that the script runs as, a name or number of the image. Absent: the image says it.'),
  containerOptions: v.optional(
    v.pipe(
      v.array(
        v.pipe(
          v.string(),
          v.regex(optionOrValue, ({ input }) =>
            /^\s*(-e|--env)/.test(input)
              ? `${input}: write variables into EnvironmentVariables of the run configuration`
              : `${input} is not an option that a run's container can have`,
          ),
        ),
      ),
      v.description('Further options as docker run has them.'),
    ),
  ),
}
