import { ErrandError, type JsonValue, type Prepared } from '@errand/core'

/** What a run needs to know of its environment; stored with the run as `Prepared.data`. */
export interface RunImage {
  /** Id of the image. */
  readonly image: string
  /** The interpreter in it, of the agent as well as of the script. */
  readonly python: string
  /** For the script: what the environment's file asks for. */
  readonly variables: Readonly<Record<string, string>>
  /** That the image itself runs as. */
  readonly user: string
  /** Program that starts Spark, where the image says where it is. */
  readonly sparkSubmit?: string
  /** `spark.jars.ivy`, when the packages of the Spark file are in the image. */
  readonly sparkPackages?: string
}

/** Image and interpreter of a run as far as they are recorded, for whoever looks for it. */
export function imageOf(prepared: Prepared | undefined): Partial<Pick<RunImage, 'image' | 'python'>> {
  try {
    return prepared === undefined ? {} : runImage(prepared)
  } catch {
    return {}
  }
}

/** Error: `PREPARED_INVALID`, for what another version, or another type of target, has stored. */
export function runImage({ data }: Prepared): RunImage {
  const found = (typeof data === 'object' && data !== null && !Array.isArray(data) ? data : {}) as Readonly<Record<string, JsonValue>>
  const { image, python, variables, user, sparkSubmit, sparkPackages } = found
  if (typeof image !== 'string' || typeof python !== 'string')
    throw new ErrandError('PREPARED_INVALID', 'What is stored of the prepared environment names no image.', {
      hint: 'Submit again: the environment is prepared anew.',
    })
  return {
    image,
    python,
    variables: (variables ?? {}) as Readonly<Record<string, string>>,
    user: typeof user === 'string' ? user : '',
    ...(typeof sparkSubmit === 'string' ? { sparkSubmit } : {}),
    ...(typeof sparkPackages === 'string' ? { sparkPackages } : {}),
  }
}
